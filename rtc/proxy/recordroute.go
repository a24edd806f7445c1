package proxy

import (
	"bytes"

	"tandem/rtc/reach"
	"tandem/rtc/sip"
	"tandem/rtc/transport"
)

// recordRoute keeps the proxy in the path of the dialog (RFC 3261 §16.6 step 4). One
// line is enough when both sides use the same address of ours. Otherwise there are two
// (r2=on), each with the address for its side: the upper one for the receiver of the
// request, the lower one for its sender. Every parameter has a value: some gateways
// drop those without.
func (p *Proxy) recordRoute(w *work, m *sip.Message, pl *plan, t *target, out transport.Flow) {
	in := pl.in
	inToken := p.needsToken(m, pl)
	sips := pl.uri.Kind == sip.URISIPS
	double := inToken || t.Sticky || in.Listener() != out.Listener()
	g := inDialog
	if t.by == routed || pl.asserts() || pl.from != nil && pl.from.Peer != "" || pl.mark == withPeer || p.peers.At(out.Remote) != nil {
		g = withPeer
	}
	if double {
		w.edit.Prepend(sip.HdrRecordRoute, p.routeURI(w, m, in, inToken, sips, true, g))
	}
	w.edit.Prepend(sip.HdrRecordRoute, p.routeURI(w, m, out, t.Sticky, sips, double, g))
}

func (p *Proxy) routeURI(w *work, m *sip.Message, f transport.Flow, token, sips, double bool, g standing) []byte {
	s := w.scratch
	at := len(s)
	if sips {
		s = append(s, "<sips:"...)
	} else {
		s = append(s, "<sip:"...)
	}
	if token {
		s = p.appendToken(s, f)
		s = append(s, '@')
	}
	s = append(s, f.Listener().SentBy()...)
	if proto := f.Proto(); proto != transport.UDP && !(sips && proto == transport.TLS) {
		s = append(s, ";transport="...)
		s = append(s, proto.Param()...)
	}
	s = append(s, ";lr=on"...)
	if double {
		s = append(s, ";r2=on"...)
	}
	s = append(s, ";did="...)
	s = p.appendMark(s, m.CallID(), g)
	s = append(s, '>')
	w.scratch = s
	return s[at:]
}

// needsToken reports whether the sender can only be reached over the flow of its
// request: it is the first hop (RFC 5626 §5.3) and behind a NAT or on a connection.
func (p *Proxy) needsToken(m *sip.Message, pl *plan) bool {
	if m.Has(sip.HdrRecordRoute) || !oneElement(m, sip.HdrVia) {
		return false // the proxies before us know the way
	}
	contact := m.Get(sip.HdrContact)
	if contact == nil {
		return false
	}
	if pl.in.Proto().OneWay() && (pl.from == nil || pl.phone()) {
		return true
	}
	na, err := sip.ParseNameAddr(contact)
	if err != nil {
		return false
	}
	if bytes.IndexByte(na.URI, ';') >= 0 {
		if u, err := sip.ParseURI(na.URI); err == nil {
			if _, ob := u.Param("ob"); ob { // RFC 5626 §4.3
				return true
			}
		}
	}
	if pl.phone() {
		return reach.Compare(na.URI, pl.in) == reach.Elsewhere
	}
	return reach.Doubtful(na.URI, pl.in.Remote)
}
