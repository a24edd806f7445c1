package auth

import "tandem/rtc/sip"

// claim is the identity and the destination that a request states.
type claim struct {
	realm     *realm // whose credentials are asked for
	proxy     bool   // asked for by 407, not 401
	foreign   bool   // From names no user of a domain of ours
	anonymous bool   // the sender withholds its identity (RFC 3323 §4.1)
	number    bool   // From is a telephone number, which belongs to no domain
	toUs      bool   // the Request-URI is of a domain of ours, or this server
	mismatch  string // the reason phrase when the credentials are those of another user
	fault     string // the reason phrase when the claim itself is refused, with code
	code      int
}

// claim reads the To of a REGISTER and the From of other requests. It leaves the
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
		// The server answers such a request itself, so it acts as a UAS and not as a
		// proxy.
		c.proxy = !c.toUs || len(to.User) > 0
	}
	return c
}

// claimTo reads the claim of a REGISTER. To names the user whose bindings change (RFC
// 3261 §10.3 step 4); From may be a third party and proves nothing.
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

// home returns the realm of a user's address, or nil when it belongs to no domain of
// ours. A phone that knows the server only by its address means the default domain.
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
