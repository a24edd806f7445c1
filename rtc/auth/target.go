package auth

import (
	"bytes"

	"tandem/rtc/sip"
)

// URIAgents are the agents known to write something else than the Request-URI
// into the uri of their credentials: the server or the domain alone.
func URIAgents() []string {
	return []string{
		"Cisco-SIPGateway/", // IOS gateways: the address of the proxy
		"CSCO/",             // 7940 and 7960: the address of the proxy
		"Cisco-CP79",        // the same phones with later names
		"SIPp",              // the generator, unless it is told otherwise (-auth_uri)
	}
}

// aims reports whether credentials were made for where the request goes
// (RFC 7616 §3.4.6): who changes the Request-URI on the way shall not spend a
// user's credentials elsewhere. User and host are compared; all hosts of ours are
// one, since phones know the server by its domain, by names and by addresses. Port
// and parameters, which decide nothing of that, are not: many phones leave some out.
func (g *Gate) aims(m *sip.Message, w *work) bool {
	if bytes.Equal(w.answer.uri, m.RequestURI()) { // nearly always
		return true
	}
	made, err := sip.ParseURI(w.answer.uri)
	if err != nil {
		return false
	}
	to, err := m.Target()
	if err != nil {
		return false
	}
	same := g.sameHost(made, to)
	var a, b [64]byte
	if same && bytes.Equal(sip.AppendUnescaped(a[:0], made.User), sip.AppendUnescaped(b[:0], to.User)) {
		return true
	}
	return made.User == nil && g.ours(made) && g.looseURI(m)
}

func (g *Gate) sameHost(a, b sip.URI) bool {
	return sip.EqualFold(a.Host, string(b.Host)) || g.ours(a) && g.ours(b)
}

// ours reports whether a URI is of a host of ours; a telephone number belongs to
// no other.
func (g *Gate) ours(u sip.URI) bool {
	return u.Kind == sip.URITel || g.realmOf(u.Host) != nil || g.cfg.LocalHost != nil && g.cfg.LocalHost(u.Host)
}

// looseURI reports whether the sender is of a family that is excepted, which is
// told once each.
func (g *Gate) looseURI(m *sip.Message) bool {
	i := family(g.cfg.URIAgents, m.Get(sip.HdrUserAgent))
	if i < 0 {
		return false
	}
	if !g.told[i].Swap(true) {
		g.cfg.Log.Info("credentials of these agents are taken for any Request-URI", "agent", g.cfg.URIAgents[i])
	}
	return true
}

// family finds the first beginning that fits an agent, -1 for none.
func family(beginnings []string, agent []byte) int {
	for i, b := range beginnings {
		if len(agent) >= len(b) && sip.EqualFold(agent[:len(b)], b) {
			return i
		}
	}
	return -1
}
