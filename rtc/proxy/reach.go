package proxy

import (
	"bytes"
	"net/netip"
	"strings"

	"tandem/rtc/location"
	"tandem/rtc/sip"
	"tandem/rtc/transport"
)

// bindingTarget tells how to reach a binding; not ok: there is no way now.
func (p *Proxy) bindingTarget(pl *plan, b *location.Binding) (t target, ok bool) {
	t = target{uri: contactURI(b.URI), path: b.Path, q: b.Q, same: b.Instance, bound: true}
	if b.Path != "" { // the edge in the Path knows its flow, we do not
		return t, true
	}
	switch {
	case !b.Flow.IsZero() && b.Flow.Alive():
		t.flow = b.Flow
	case b.Flow.IsZero() && b.Flow.Remote.IsValid() && overUDP(b.URI): // the socket is the same after a restart
		flow, err := p.tr.Flow(transport.Target{Proto: transport.UDP, Addr: b.Flow.Remote})
		if err != nil {
			return t, false
		}
		t.flow = flow
	case b.RegID != 0 || !b.Flow.IsZero() && b.Flow.Proto() > transport.TCP || strings.Contains(b.URI, ".invalid"):
		return t, false // its connection has gone, and only the phone can open another
	default:
		return t, true // perhaps it listens where its Contact says
	}
	switch {
	case b.RegID != 0 || t.flow.Proto() > transport.TCP:
		t.token = true
	case endsWith(t.uri, t.flow.Remote): // nearly always
	default:
		switch contactOf([]byte(t.uri), t.flow) {
		case elsewhere:
			t.token = true
		case otherPort: // some phones send from one port and listen at another
			t.flow = noFlow
		}
	}
	return t, true
}

// endsWith reports whether a URI has nothing behind host and port, and these are a.
func endsWith(uri string, a netip.AddrPort) bool {
	var buf [64]byte
	s := a.AppendTo(buf[:0])
	n := len(uri) - len(s)
	return n > 0 && (uri[n-1] == '@' || uri[n-1] == ':') && uri[n:] == string(s)
}

// place is where a Contact leads, seen from where its owner's messages come from.
type place uint8

const (
	here      place = iota // there
	otherPort              // the same host of a private net, another UDP port
	elsewhere              // not there: a NAT is between, or it is a name
)

// contactOf compares a phone's contact URI with the flow it sends by.
func contactOf(uri []byte, f transport.Flow) place {
	u, err := sip.ParseURI(uri)
	if err != nil {
		return elsewhere
	}
	addr, ok := hostAddr(u)
	from := f.Remote.Addr().Unmap()
	switch {
	case !ok || addr != from:
		return elsewhere
	case portOf(u) == f.Remote.Port():
		return here
	case f.Proto() == transport.UDP && (addr.IsPrivate() || addr.IsLoopback()):
		return otherPort
	}
	return elsewhere // a public address and the wrong port: what STUN makes of a symmetric NAT
}

// doubtful reports whether a peer that is no phone cannot be reached at its
// Contact: it may well answer at another address than it sends from, so only a
// private one seen from outside is doubted.
func doubtful(uri []byte, source netip.AddrPort) bool {
	u, err := sip.ParseURI(uri)
	if err != nil {
		return true
	}
	addr, ok := hostAddr(u)
	from := source.Addr().Unmap()
	return ok && addr != from && addr.IsPrivate() && !from.IsPrivate() && !from.IsLoopback()
}

func hostAddr(u sip.URI) (netip.Addr, bool) {
	addr, err := netip.ParseAddr(string(bytes.Trim(u.Host, "[]")))
	return addr.Unmap(), err == nil
}

func portOf(u sip.URI) uint16 {
	if u.Port == 0 {
		return 5060
	}
	return u.Port
}

// contactURI is a Contact URI fit for a Request-URI: without headers and method
// (RFC 3261 §16.5, table 1 of §19.1.1), else as the phone spelled it.
func contactURI(s string) string {
	if strings.IndexByte(s, '?') < 0 && !hasMethod(s) {
		return s
	}
	u, err := sip.ParseURI([]byte(s))
	if err != nil {
		return s
	}
	if u.Headers != nil {
		s = strings.TrimSuffix(s[:len(s)-len(u.Headers)], "?")
	}
	if _, ok := u.Param("method"); ok {
		at := strings.LastIndex(s, string(u.Params))
		s = s[:at] + string(appendParams(nil, u.Params, "method"))
	}
	return s
}

// hasMethod reports whether ";method=" stands in s, in any case of letters.
func hasMethod(s string) bool {
	const name = ";method="
	for i := strings.IndexByte(s, ';'); i >= 0 && len(s)-i >= len(name); i++ {
		if s[i] == ';' && strings.EqualFold(s[i:i+len(name)], name) {
			return true
		}
	}
	return false
}

func overUDP(uri string) bool {
	u, err := sip.ParseURI([]byte(uri))
	if err != nil || u.Kind != sip.URISIP {
		return false
	}
	v, ok := u.Param("transport")
	return !ok || sip.EqualFold(v, "udp")
}
