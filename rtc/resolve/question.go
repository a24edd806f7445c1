package resolve

import (
	"net/netip"
	"strings"

	"tandem/rtc/sip"
	"tandem/rtc/transport"
)

// question is what of a URI decides where it goes.
type question struct {
	host   string          // to resolve, in lower case, without a trailing dot
	name   string          // to verify a certificate against (RFC 5922 §4)
	port   uint16          // 0 = not given
	proto  transport.Proto // named by the URI; 0 = open
	secure bool            // sips
}

func (r *Resolver) question(uri sip.URI) (question, error) {
	if uri.Kind != sip.URISIP && uri.Kind != sip.URISIPS {
		return question{}, ErrURI
	}
	p, err := r.named(uri)
	if err != nil {
		return question{}, err
	}
	q := question{
		host:   canonical(target(uri)),
		name:   canonical(uri.Host),
		port:   uri.Port,
		proto:  p,
		secure: uri.Kind == sip.URISIPS,
	}
	if !plausible(q.host) {
		return question{}, ErrURI
	}
	return q, nil
}

// target is the host to contact: maddr when given (RFC 3263 §4).
func target(uri sip.URI) []byte {
	if len(uri.Params) > 0 {
		if m, ok := uri.Param("maddr"); ok && len(m) > 0 {
			return m
		}
	}
	return uri.Host
}

func canonical(host []byte) string {
	return strings.TrimSuffix(strings.ToLower(string(host)), ".")
}

// plausible keeps what can be no name (and no name in a query) from DNS.
func plausible(host string) bool {
	if host == "" || len(host) > 253 {
		return false
	}
	if host[0] == '[' {
		_, ok := parseAddr([]byte(host))
		return ok
	}
	for label := range strings.SplitSeq(host, ".") {
		if label == "" || len(label) > 63 {
			return false
		}
		for _, c := range []byte(label) {
			if !('a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '_') {
				return false
			}
		}
	}
	return true
}

// named is the transport the URI itself asks for, 0 when it leaves it open.
func (r *Resolver) named(uri sip.URI) (transport.Proto, error) {
	if len(uri.Params) == 0 {
		return 0, nil
	}
	v, ok := uri.Param("transport")
	if !ok {
		return 0, nil
	}
	p, ok := transport.ParseProto(v)
	if ok && uri.Kind == sip.URISIPS {
		p, ok = secured(p) // RFC 3261 §26.2.2: sips;transport=tcp is TLS
	}
	if !ok || !r.can(p) {
		return 0, ErrTransport
	}
	return p, nil
}

func secured(p transport.Proto) (transport.Proto, bool) {
	switch p {
	case transport.TCP, transport.TLS:
		return transport.TLS, true
	case transport.WS, transport.WSS:
		return transport.WSS, true
	}
	return 0, false
}

func (r *Resolver) can(p transport.Proto) bool { return r.protos[p&7] }

// assumed is the transport when neither URI nor DNS names one: UDP for sip,
// TLS for sips (RFC 3263 §4.1), else the next best of ours.
func (r *Resolver) assumed(secure bool) (transport.Proto, bool) {
	order := [...]transport.Proto{transport.UDP, transport.TCP, transport.TLS}
	for _, p := range order {
		if r.can(p) && (!secure || p.Secure()) {
			return p, true
		}
	}
	return 0, false
}

func defaultPort(p transport.Proto) uint16 {
	switch p {
	case transport.TLS:
		return 5061
	case transport.WS:
		return 80
	case transport.WSS:
		return 443
	}
	return 5060
}

// Numeric answers for a URI whose host (or maddr) is an address: it appends
// the candidate to dst. ok is false when Lookup is needed, which also tells
// what is wrong with a URI that cannot be sent to. It allocates nothing for
// IPv4 without TLS.
func (r *Resolver) Numeric(dst []Candidate, uri sip.URI) (c []Candidate, ok bool) {
	if uri.Kind != sip.URISIP && uri.Kind != sip.URISIPS {
		return dst, false
	}
	addr, ok := parseAddr(target(uri))
	if !ok {
		return dst, false
	}
	p, err := r.named(uri)
	if err != nil {
		return dst, false
	}
	explicit := p != 0
	if p == 0 {
		if p, ok = r.assumed(uri.Kind == sip.URISIPS); !ok {
			return dst, false
		}
	}
	port := uri.Port
	if port == 0 {
		port = defaultPort(p)
	}
	t := transport.Target{Proto: p, Addr: netip.AddrPortFrom(addr, port)}
	if p.Secure() {
		t.ServerName = serverName(canonical(uri.Host))
	}
	return append(dst, Candidate{Target: t, Explicit: explicit}), true
}

// serverName is the name in a certificate: an IPv6 address without brackets.
func serverName(host string) string {
	return strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
}

// parseAddr reads an IPv4 address, or an IPv6 address in brackets. A zone is refused.
func parseAddr(b []byte) (netip.Addr, bool) {
	if len(b) < 2 {
		return netip.Addr{}, false
	}
	if b[0] == '[' {
		return sip.HostAddr(b)
	}
	return parseIPv4(b)
}

// parseIPv4 does without the string (and error) netip.ParseAddr allocates.
func parseIPv4(b []byte) (netip.Addr, bool) {
	var a [4]byte
	n, v, digits := 0, 0, 0
	for i := 0; i <= len(b); i++ {
		if i == len(b) || b[i] == '.' {
			if digits == 0 || n > 3 {
				return netip.Addr{}, false
			}
			a[n], n, v, digits = byte(v), n+1, 0, 0
			continue
		}
		c := b[i]
		if c < '0' || c > '9' || (digits > 0 && v == 0) {
			return netip.Addr{}, false
		}
		v, digits = v*10+int(c-'0'), digits+1
		if v > 255 {
			return netip.Addr{}, false
		}
	}
	return netip.AddrFrom4(a), n == 4
}
