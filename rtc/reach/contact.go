package reach

import (
	"net/netip"
	"strings"

	"tandem/rtc/sip"
	"tandem/rtc/transport"
)

// endsWith reports whether a URI has nothing behind host and port, and these are a.
func endsWith[S ~string | ~[]byte](uri S, a netip.AddrPort) bool {
	var buf [64]byte
	s := a.AppendTo(buf[:0])
	n := len(uri) - len(s)
	return n > 0 && (uri[n-1] == '@' || uri[n-1] == ':') && string(uri[n:]) == string(s)
}

// Place is where a Contact leads, seen from where its owner's messages come from.
type Place uint8

// What Compare finds.
const (
	Here      Place = iota // there
	OtherPort              // the same host of a private net, another UDP port
	Elsewhere              // not there: a NAT is between, or it is a name
)

// Compare compares a phone's Contact URI with the flow it sends by.
func Compare(uri []byte, f transport.Flow) Place {
	if endsWith(uri, f.Remote) { // nearly always
		return Here
	}
	u, err := sip.ParseURI(uri)
	if err != nil {
		return Elsewhere
	}
	addr, ok := sip.HostAddr(u.Host)
	from := f.Remote.Addr().Unmap()
	switch {
	case !ok || addr != from:
		return Elsewhere
	case portOf(u) == f.Remote.Port():
		return Here
	case !f.Proto().Stream() && (addr.IsPrivate() || addr.IsLoopback()):
		return OtherPort
	}
	return Elsewhere // a public address and the wrong port: what STUN makes of a symmetric NAT
}

// Doubtful reports whether a peer that is no phone cannot be reached at its
// Contact: it may well answer at another address than it sends from, so only a
// private one seen from outside is doubted.
func Doubtful(uri []byte, source netip.AddrPort) bool {
	if endsWith(uri, source) {
		return false
	}
	u, err := sip.ParseURI(uri)
	if err != nil {
		return true
	}
	addr, ok := sip.HostAddr(u.Host)
	from := source.Addr().Unmap()
	return ok && addr != from && addr.IsPrivate() && !from.IsPrivate() && !from.IsLoopback()
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
		s = s[:at] + string(sip.AppendParams(nil, u.Params, "method"))
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
