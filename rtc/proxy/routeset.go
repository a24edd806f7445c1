package proxy

import (
	"bytes"
	"strconv"

	"tandem/rtc"
	"tandem/rtc/sip"
	"tandem/rtc/transport"
)

// preprocess implements RFC 3261 §16.4: it undoes the changes of strict routers,
// handles maddr, and removes our own Routes.
func (p *Proxy) preprocess(m *sip.Message, pl *plan) error {
	if m.Has(sip.HdrRoute) {
		if err := p.takeRoutes(m, pl); err != nil {
			return err
		}
	}
	if maddr, ok := pl.uri.Param("maddr"); ok && p.tr.IsLocal(maddr, pl.uri.Port) {
		if err := pl.setURI(withoutMaddr(pl.uri)); err != nil {
			return err
		}
	}
	return nil
}

// isSelf reports whether a URI names the proxy itself: a domain or address of ours
// without a user.
func (p *Proxy) isSelf(u sip.URI) bool {
	return u.User == nil && (u.Kind == sip.URISIP || u.Kind == sip.URISIPS) && p.isOurs(u)
}

// isOurs reports whether the host of a SIP URI is a domain or address of ours. With a
// port that is not ours the URI names another program on that host: for example a phone
// on the server's machine, when the domain is an address.
func (p *Proxy) isOurs(u sip.URI) bool {
	return p.tr.IsLocal(u.Host, u.Port) || p.users.Domain(u.Host) && (u.Port == 0 || p.domainPort(u))
}

func (p *Proxy) domainPort(u sip.URI) bool {
	for _, l := range p.tr.Listeners() {
		if l.Addr().Port() == u.Port {
			return true
		}
	}
	return (u.Port == 5060 || u.Port == 5061) && u.Host[0] != '[' && !isDigit(u.Host[len(u.Host)-1])
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// takeRoutes removes own Routes from the top: both of a pair (r2), and repeated ones,
// which phones have from their settings and from Service-Route. The last one removed
// determines the way onward.
func (p *Proxy) takeRoutes(m *sip.Message, pl *plan) error {
	elements := 0
	var last []byte
	for v := range m.Values(sip.HdrRoute) {
		elements++
		last = v
	}
	if p.strictRouted(m, pl.uri, last) {
		p.takeRoute(m, pl, pl.uri)
		na, err := sip.ParseNameAddr(last)
		if err != nil {
			return &rtc.Status{Code: 400, Reason: "Bad Route"}
		}
		if err := pl.setURI(string(na.URI)); err != nil {
			return err
		}
		pl.dropLast = true
		elements--
	}
	for v := range m.Values(sip.HdrRoute) {
		if pl.pops == elements {
			break
		}
		na, err := sip.ParseNameAddr(v)
		if err != nil {
			return &rtc.Status{Code: 400, Reason: "Bad Route"}
		}
		u, err := sip.ParseURI(na.URI)
		if err != nil {
			return &rtc.Status{Code: 400, Reason: "Bad Route"}
		}
		if u.Kind != sip.URISIP && u.Kind != sip.URISIPS || !p.isOurs(u) {
			pl.next = na.URI
			break
		}
		p.takeRoute(m, pl, u)
		pl.pops++
	}
	if pl.flow == pl.in { // the request came over that flow (RFC 5626 §5.3): the rest of its route decides
		pl.flow = noFlow
	}
	return nil
}

// strictRouted reports whether a strict router has put our Record-Route into the
// Request-URI and the original URI behind the Routes. Some also lose lr, so an
// in-dialog request for our address, without a user of ours, counts as one as well.
func (p *Proxy) strictRouted(m *sip.Message, u sip.URI, last []byte) bool {
	if u.Kind != sip.URISIP && u.Kind != sip.URISIPS || !p.tr.IsLocal(u.Host, u.Port) {
		return false
	}
	if _, lr := u.Param("lr"); lr {
		return m.ToTag() != nil || m.Method() != sip.REGISTER && m.Method() != sip.OPTIONS
	}
	if m.ToTag() == nil || u.User != nil && !isToken(u.User) {
		return false
	}
	na, err := sip.ParseNameAddr(last)
	if err != nil {
		return false
	}
	target, err := sip.ParseURI(na.URI)
	return err == nil && !p.tr.IsLocal(target.Host, target.Port)
}

// takeRoute reads the parameters of one Route of ours.
func (p *Proxy) takeRoute(m *sip.Message, pl *plan, u sip.URI) {
	pl.guide, pl.flow = byRoute, noFlow
	pl.via = p.listenerNamed(u)
	if isToken(u.User) {
		pl.guide, pl.flow = p.readToken(u.User)
	}
	if mark, ok := u.Param("did"); ok {
		pl.mark = max(pl.mark, p.readMark(m.CallID(), mark))
	}
}

// listenerNamed returns the listener whose Record-Route a URI of ours came from.
func (p *Proxy) listenerNamed(u sip.URI) *transport.Listener {
	proto := transport.UDP
	if u.Kind == sip.URISIPS {
		proto = transport.TLS
	}
	if v, ok := u.Param("transport"); ok {
		proto, _ = transport.ParseProto(v)
	}
	var buf [64]byte
	name := append(buf[:0], u.Host...)
	if u.Port != 0 {
		name = strconv.AppendUint(append(name, ':'), uint64(u.Port), 10)
	}
	for _, l := range p.tr.Listeners() {
		if l.Proto() == proto && bytes.Equal(l.SentBy(), name) {
			return l
		}
	}
	return nil
}

// setURI replaces the received Request-URI.
func (pl *plan) setURI(s string) error {
	u, err := sip.ParseURI([]byte(s))
	if err != nil {
		return &rtc.Status{Code: 400, Reason: "Bad URI in Route"}
	}
	if u.Kind == sip.URIOther {
		return &rtc.Status{Code: 416}
	}
	pl.uri, pl.ruri = u, s
	return nil
}

// withoutMaddr returns the URI without maddr, port and transport (§16.4).
func withoutMaddr(u sip.URI) string {
	b := append([]byte(nil), u.Scheme...)
	b = append(b, ':')
	if u.User != nil {
		b = append(b, u.User...)
		if u.Password != nil {
			b = append(append(b, ':'), u.Password...)
		}
		b = append(b, '@')
	}
	b = append(b, u.Host...)
	b = sip.AppendParams(b, u.Params, "maddr", "transport")
	return string(b)
}
