package auth

import "tandem/rtc/sip"

// claim is who a request says to come from, and where to.
type claim struct {
	realm     *realm // to ask for
	proxy     bool   // ask by 407
	foreign   bool   // no user of a domain of ours
	anonymous bool   // says not to say (RFC 3323 §4.1)
	number    bool   // names a telephone number, which no domain owns
	toUs      bool   // the Request-URI is of a domain of ours, or this server
	mismatch  string // what to answer when somebody else is proved
	fault     string // cannot be claimed at all, with code
	code      int
}

// claim reads To of a REGISTER, From of other requests, and leaves the
// address-of-record in w.aor.
func (g *Gate) claim(m *sip.Message, method sip.Method, w *work) claim {
	if method == sip.REGISTER {
		return g.claimTo(m, w)
	}
	c := claim{realm: g.realms[0], proxy: true, mismatch: "From Is Not the Authenticated User"}
	uri, ok := address(m.FromURI())
	if !ok {
		return claim{code: 400, fault: "Bad From"}
	}
	r, uri := g.home(uri)
	w.aor = uri.AppendAOR(w.aor[:0])
	if r != nil {
		c.realm = r
	} else {
		c.foreign = true
		c.number = uri.Kind == sip.URITel
		c.anonymous = sip.EqualFold(uri.Host, "anonymous.invalid")
	}
	if to, err := m.Target(); err == nil && to.Kind != sip.URITel {
		c.toUs = g.realmOf(to.Host) != nil || g.cfg.Local != nil && g.cfg.Local(to.Host, to.Port)
		// What is for the server itself is answered by it, not passed on.
		c.proxy = !c.toUs || len(to.User) > 0
	}
	return c
}

// claimTo: whose bindings a REGISTER changes is in To (RFC 3261 §10.3 step 4);
// From may be a third party and proves nothing.
func (g *Gate) claimTo(m *sip.Message, w *work) claim {
	uri, ok := address(m.ToURI())
	if !ok {
		return claim{code: 400, fault: "Bad To"}
	}
	r, uri := g.home(uri)
	if r == nil {
		w.counts.Add(countedRefused)
		return claim{code: 403, fault: "Domain Not Served Here"}
	}
	w.aor = uri.AppendAOR(w.aor[:0])
	return claim{realm: r, toUs: true, mismatch: "To Is Not the Authenticated User"}
}

// home is the realm of a user's address, nil when it is of no domain of ours. A
// phone that knows this server by its address only means the default domain.
func (g *Gate) home(uri sip.URI) (*realm, sip.URI) {
	if uri.Kind == sip.URITel {
		return nil, uri
	}
	if r := g.realmOf(uri.Host); r != nil {
		return r, uri
	}
	if g.cfg.LocalHost == nil || !g.cfg.LocalHost(uri.Host) {
		return nil, uri
	}
	uri.Host, uri.Port = []byte(g.realms[0].name), 0
	return g.realms[0], uri
}

func address(uri sip.URI, err *sip.Error) (sip.URI, bool) {
	return uri, err == nil && uri.Kind != sip.URIOther
}
