package pintroom

import (
	"cmp"
	"hash/fnv"
	"slices"
	"strings"

	"tandem/pint"
	"tandem/pint/service"
	"tandem/pint/uri"
	"tandem/rtc"
	"tandem/rtc/directory"
	"tandem/rtc/proxy"
	"tandem/rtc/reach"
	"tandem/rtc/sip"
)

// Broker knows the gateways that do services elsewhere (RFC 2848 §6.2): who may register
// them, and which are asked.
type Broker struct {
	Services  *service.Table
	Directory *directory.Directory
	LocalHost func(host []byte) bool
	Domain    string              // the default one
	Reach     func() *reach.Reach // asked for each request
}

// brokered is the service that an address of ours names, nil when gateways do not do it,
// and the address-of-record at which they register.
func (b *Broker) brokered(address rtc.AOR) (*service.Service, rtc.AOR) {
	if !b.Services.Brokered() { // as on most servers: every REGISTER asks
		return nil, ""
	}
	svc := b.Services.Find(address.User())
	if svc == nil || len(svc.Gateways) == 0 {
		return nil, ""
	}
	if domain := []byte(address.Domain()); !b.Directory.Domain(domain) && !b.LocalHost(domain) {
		return nil, ""
	}
	return svc, rtc.AOR("sip:" + svc.Name + "@" + b.Domain)
}

// MayRegister reports whether a user may register gateways for a service: the Registrant
// of the gate.
func (b *Broker) MayRegister(address, user rtc.AOR) bool {
	svc, _ := b.brokered(address)
	if svc == nil || user == "" {
		return false
	}
	return slices.ContainsFunc(svc.Gateways, func(name string) bool {
		name = strings.TrimPrefix(name, "sip:")
		if !strings.Contains(name, "@") {
			name += "@" + b.Domain
		}
		u, ok := b.Directory.Resolve(rtc.AOR("sip:" + name))
		return ok && u.Enabled && u.AOR == user
	})
}

// Guard has nobody register at a service, or remove what others have registered,
// who has not proved to be one of its gateways (RFC 2848 §5.2): an address that a listener
// trusts proves nothing.
func (b *Broker) Guard(r *rtc.Request) error {
	if r.Method() != sip.REGISTER || !b.Services.Brokered() {
		return rtc.Next
	}
	u, err := r.ToURI()
	if err != nil {
		return rtc.Next
	}
	address := rtc.AOR(u.AppendAOR(nil))
	if svc, _ := b.brokered(address); svc == nil {
		return rtc.Next
	}
	if r.Identity == nil || r.Identity.Method != rtc.AuthDigest || !b.MayRegister(address, r.Identity.AOR) {
		return pint.Refuse(403, "only gateways of the service that prove who they are may register for it").Status(b.Domain)
	}
	return rtc.Next
}

// Registered is the directory as the registrar sees it: services have bindings, too.
type Registered struct {
	*directory.Directory
	Broker *Broker
}

// Resolve implements registrar.Users.
func (r Registered) Resolve(address rtc.AOR) (directory.User, bool) {
	if svc, aor := r.Broker.brokered(address); svc != nil {
		return directory.User{AOR: aor, Enabled: true}, true
	}
	return r.Directory.Resolve(address)
}

// Hunt finds the gateways of a service: proxy.Config.Hunt. A gateway of the provider that
// the request names (tsp) is asked, else one that names none. Of equal ones the
// description decides, so that a SUBSCRIBE finds the gateway of its INVITE and requests
// are spread.
func (b *Broker) Hunt(r *rtc.Request, to sip.URI) (*proxy.Hunt, error) {
	svc, aor := b.brokered(rtc.AOR(to.AppendAOR(nil)))
	if svc == nil || r.Method() != sip.INVITE && r.Method() != sip.SUBSCRIBE {
		return nil, nil
	}
	agent := b.Domain
	asked, err := uri.Of(to)
	if err != nil {
		return nil, pint.Refuse(400, "Request-URI: %v", err).Status(agent)
	}
	ways := b.Reach().Append(nil, aor, reach.Want{Secure: to.Kind == sip.URISIPS, Max: 64})
	if len(ways) == 0 {
		return nil, pint.Refuse(503, "no gateway is registered for the service %s", svc.Name).Status(agent)
	}
	if ways = serving(ways, asked.Provider); len(ways) == 0 {
		return nil, pint.Refuse(606, "no gateway of the service %s serves the telephone provider %.60s", svc.Name, asked.Provider).Status(agent)
	}
	spread := originOf(r.Message)
	slices.SortStableFunc(ways, func(a, b reach.Way) int {
		return cmp.Or(cmp.Compare(b.Q, a.Q), cmp.Compare(weight(b.URI, spread), weight(a.URI, spread)))
	})
	next := func(code int) bool { return code >= 500 && code < 600 || code == 415 } // RFC 2848 §5.3
	if r.Method() == sip.SUBSCRIBE {
		next = func(code int) bool { return code >= 500 && code < 600 || code == 404 || code == 481 || code == 606 }
	}
	return &proxy.Hunt{Ways: ways, Next: next}, nil
}

// serving are the ways to gateways of a provider: those whose Contact names it, or when
// there are none, those whose Contact names none.
func serving(ways []reach.Way, provider string) []reach.Way {
	if provider == "" {
		return ways
	}
	var same, open []reach.Way
	for _, w := range ways {
		u, err := sip.ParseURI([]byte(w.URI))
		if err != nil {
			continue
		}
		switch tsp, named := u.Param("tsp"); {
		case !named:
			w.URI += ";tsp=" + provider // it is to know which one is wanted
			open = append(open, w)
		case strings.EqualFold(string(tsp), provider):
			same = append(same, w)
		}
	}
	if len(same) > 0 {
		return same
	}
	return open
}

// originOf is the o= line of a request, which names its session.
func originOf(m *sip.Message) string {
	part, _ := m.FindPart("application/sdp")
	for line := range strings.SplitSeq(string(part.Body), "\n") {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "o=") {
			return line
		}
	}
	return string(m.CallID())
}

// weight is that of a gateway for a session (rendezvous hashing).
func weight(gateway, session string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(gateway + "|" + session))
	return h.Sum64()
}
