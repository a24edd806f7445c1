package auth

import (
	"bytes"

	"tandem/rtc/sip"
)

// URIAgents returns beginnings of the User-Agent values of clients that do not write
// the Request-URI into the uri of their credentials, but the server or the domain
// alone.
func URIAgents() []string {
	return []string{
		"Cisco-SIPGateway/", // IOS gateways: the address of the proxy
		"CSCO/",             // 7940 and 7960: the address of the proxy
		"Cisco-CP79",        // the same phones with later names
		"SIPp",              // the load generator, unless run with -auth_uri
	}
}

// aims reports whether the credentials were made for the destination of the request
// (RFC 7616 §3.4.6): somebody who changes the Request-URI on the way must not use a
// user's credentials for another destination. It compares user and host. All our hosts
// count as one, since phones know the server by its domain, by names and by addresses.
// Port and parameters are ignored: they do not change the destination, and many phones
// omit some.
func (g *Gate) aims(m *sip.Message, w *work) bool {
	if bytes.Equal(w.answer.uri, m.RequestURI()) { // the usual case
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

// ours reports whether the host of a URI is ours. A telephone number counts as ours,
// since it has no other host.
func (g *Gate) ours(u sip.URI) bool {
	return u.Kind == sip.URITel || g.realmOf(u.Host) != nil || g.cfg.LocalHost != nil && g.cfg.LocalHost(u.Host)
}

// looseURI reports whether the sender is one of URIAgents. Each of them is logged once.
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

// family returns the index of the first beginning that fits an agent, or -1.
func family(beginnings []string, agent []byte) int {
	for i, b := range beginnings {
		if len(agent) >= len(b) && sip.EqualFold(agent[:len(b)], b) {
			return i
		}
	}
	return -1
}
