package sip

import (
	"bytes"
	"net/netip"
)

// URI is a parsed sip:, sips: or tel: URI (RFC 3261 §19.1, RFC 3966), or any
// other absolute URI of which only Scheme and Opaque are set. Slices point into
// the parsed bytes and are as spelled (escapes kept).
type URI struct {
	Scheme   []byte // as spelled, without ':'
	Kind     URIKind
	User     []byte // nil when absent; includes user parameters (";par=u"), for tel: the number
	Password []byte // nil when absent
	Host     []byte // IPv6 with its brackets
	Port     uint16 // 0 when absent
	Nowhere  bool   // port 0 is written: nothing can be sent there
	Params   []byte // with leading ';'
	Headers  []byte // after '?'
	Opaque   []byte // of other schemes: everything after ':'
}

// URIKind is the scheme.
type URIKind uint8

// The schemes a SIP server routes.
const (
	URIOther URIKind = iota
	URISIP
	URISIPS
	URITel
)

// ParseURI reads a whole URI. The error's Code is 400 for bad syntax and 416
// is left to the caller (Kind == URIOther).
func ParseURI(b []byte) (URI, *Error) {
	i := 0
	for i < len(b) && class[b[i]]&classScheme != 0 {
		i++
	}
	if i == 0 || i == len(b) || b[i] != ':' {
		return URI{}, bad("URI without scheme")
	}
	u := URI{Scheme: b[:i:i]}
	rest := b[i+1:]
	switch {
	case EqualFold(u.Scheme, "sip"):
		u.Kind = URISIP
	case EqualFold(u.Scheme, "sips"):
		u.Kind = URISIPS
	case EqualFold(u.Scheme, "tel"):
		u.Kind = URITel
		return u, u.telephone(rest)
	default:
		u.Opaque = rest
		if len(rest) == 0 || !printable(rest) {
			return u, bad("Bad character in URI")
		}
		return u, nil
	}
	return u, u.sip(rest)
}

// sip reads what follows "sip:". User names may hold ';' and '?', but nothing
// behind the host may hold '@', so the first one ends the user (RFC 3261 §25.1).
func (u *URI) sip(b []byte) *Error {
	if at := bytes.IndexByte(b, '@'); at >= 0 {
		u.User = b[:at:at]
		b = b[at+1:]
		if !isUser(u.User) {
			return bad("Bad user in URI")
		}
		if c := bytes.IndexByte(u.User, ':'); c >= 0 {
			u.User, u.Password = u.User[:c:c], u.User[c+1:]
		}
	}
	i := hostEnd(b, 0)
	if i < 0 {
		return bad("Bad host in URI")
	}
	u.Host = b[:i:i]
	if i < len(b) && b[i] == ':' {
		start := i + 1
		for i++; i < len(b) && isDigit(b[i]); i++ {
		}
		n, ok := ParseUint(b[start:i], 65535)
		if !ok {
			return bad("Bad port in URI")
		}
		u.Port, u.Nowhere = uint16(n), n == 0
	}
	b = b[i:]
	if len(b) == 0 {
		return nil
	}
	if b[0] != ';' && b[0] != '?' {
		return bad("Bad host in URI")
	}
	if !printable(b) {
		return bad("Bad character in URI")
	}
	if q := bytes.IndexByte(b, '?'); q >= 0 {
		u.Headers = b[q+1:]
		b = b[:q:q]
	}
	if len(b) > 0 {
		u.Params = b
	}
	return nil
}

// telephone reads what follows "tel:" (RFC 3966 §3).
func (u *URI) telephone(b []byte) *Error {
	i := 0
	for i < len(b) && b[i] != ';' {
		c := b[i]
		if class[c]&classHex == 0 && !isSeparator(c) && c != '*' && c != '#' && (c != '+' || i > 0) {
			return bad("Bad character in telephone number")
		}
		i++
	}
	u.User = b[:i:i]
	if !hasDigit(u.User) {
		return bad("No telephone number")
	}
	if i < len(b) {
		u.Params = b[i:]
	}
	if !printable(u.Params) {
		return bad("Bad character in URI")
	}
	return nil
}

func hasDigit(b []byte) bool {
	for _, c := range b {
		if class[c]&classHex != 0 || c == '*' || c == '#' {
			return true
		}
	}
	return false
}

func isSeparator(c byte) bool { return c == '-' || c == '.' || c == '(' || c == ')' }

// isUser accepts userinfo: user, user parameters and password.
func isUser(b []byte) bool {
	for i, c := range b {
		if class[c]&classUser == 0 {
			return false
		}
		if c == '%' && !isEscape(b, i) {
			return false
		}
	}
	return true
}

func printable(b []byte) bool {
	for _, c := range b {
		if class[c]&classParam == 0 {
			return false
		}
	}
	return true
}

// isEscape reports whether "%XX" stands at i.
func isEscape(b []byte, i int) bool {
	return b[i] == '%' && i+2 < len(b) && class[b[i+1]]&class[b[i+2]]&classHex != 0
}

func hexValue(c byte) byte {
	if isDigit(c) {
		return c - '0'
	}
	return c&^0x20 - 'A' + 10
}

// AppendUnescaped appends b with %XX decoded once.
func AppendUnescaped(dst, b []byte) []byte {
	for i := 0; i < len(b); i++ {
		if isEscape(b, i) {
			dst = append(dst, hexValue(b[i+1])<<4|hexValue(b[i+2]))
			i += 2
			continue
		}
		dst = append(dst, b[i])
	}
	return dst
}

// Param returns a URI parameter.
func (u URI) Param(name string) ([]byte, bool) { return Param(u.Params, name) }

// RequestForm is the text of the URI, from which it was parsed, without what may
// not stand in a Request-URI: headers and the method parameter (RFC 3261
// §19.1.1). It may share the octets of text.
func (u URI) RequestForm(text []byte) []byte {
	text = bytes.TrimSuffix(text[:len(text)-len(u.Headers)], []byte{'?'})
	if _, ok := u.Param("method"); !ok {
		return text
	}
	bare := text[: len(text)-len(u.Params) : len(text)-len(u.Params)]
	return AppendParams(bare, u.Params, "method")
}

// AppendAOR appends the canonical address-of-record of a sip:, sips: or tel:
// URI as RFC 3261 §10.3 step 5 wants it: scheme "sip:" (sips is folded into sip), user
// unescaped where the escape was not needed, host in lower case, no parameters
// (so ";user=phone" is ignored), no headers, no password; the port is dropped
// when it is the default or 0. Example: "sip:alice@example.com". Of tel: it is
// the number without visual separators, with its phone-context.
func (u URI) AppendAOR(dst []byte) []byte {
	switch u.Kind {
	case URIOther:
		dst = append(dst, u.Scheme...)
		dst = append(dst, ':')
		return append(dst, u.Opaque...)
	case URITel:
		dst = append(dst, "tel:"...)
		dst = appendNumber(dst, u.User)
		if c, ok := u.Param("phone-context"); ok {
			dst = append(dst, ";phone-context="...)
			dst = appendLower(dst, c)
		}
		return dst
	}
	dst = append(dst, "sip:"...)
	if u.User != nil {
		dst = appendUser(dst, u.User)
		dst = append(dst, '@')
	}
	dst = appendHost(dst, u.Host)
	if u.Port != 0 && u.Port != u.defaultPort() {
		dst = append(dst, ':')
		dst = appendUint(dst, uint64(u.Port))
	}
	return dst
}

func (u URI) defaultPort() uint16 {
	if u.Kind == URISIPS {
		return 5061
	}
	return 5060
}

// appendUser decodes the escapes of unreserved characters; others keep theirs,
// with hexadecimal digits in upper case, since they are not equivalent to the
// character (RFC 3261 §19.1.4).
func appendUser(dst, b []byte) []byte {
	const hex = "0123456789ABCDEF"
	for i := 0; i < len(b); i++ {
		if !isEscape(b, i) {
			dst = append(dst, b[i])
			continue
		}
		c := hexValue(b[i+1])<<4 | hexValue(b[i+2])
		i += 2
		if class[c]&classMark != 0 {
			dst = append(dst, c)
		} else {
			dst = append(dst, '%', hex[c>>4], hex[c&15])
		}
	}
	return dst
}

func appendLower(dst, b []byte) []byte {
	for _, c := range b {
		dst = append(dst, lower(c))
	}
	return dst
}

func appendNumber(dst, b []byte) []byte {
	for _, c := range b {
		if !isSeparator(c) {
			dst = append(dst, lower(c))
		}
	}
	return dst
}

// appendHost appends a host in lower case and an IPv6 reference with three
// colons in a row with two (RFC 5118 §4.10).
func appendHost(dst, host []byte) []byte {
	for i, c := range host {
		if c == ':' && i >= 2 && host[i-1] == ':' && host[i-2] == ':' {
			continue
		}
		dst = append(dst, lower(c))
	}
	return dst
}

// HostAddr reads a host that is an address: IPv4, or IPv6 with or without
// brackets, the three colons of RFC 5118 §4.10 included. ok is false for a name
// and for an address with a zone, which means nothing on another machine.
func HostAddr(host []byte) (addr netip.Addr, ok bool) {
	if n := len(host); n > 1 && host[0] == '[' && host[n-1] == ']' {
		host = host[1 : n-1]
	}
	var buf [64]byte
	if len(host) > len(buf) || !numeric(host) {
		return addr, false // a name, without the error that netip would allocate
	}
	addr, err := netip.ParseAddr(str(appendHost(buf[:0], host)))
	return addr.Unmap(), err == nil && addr.Zone() == ""
}

// numeric reports whether host can be an address: it has a colon, or nothing but
// digits and dots.
func numeric(host []byte) bool {
	for _, c := range host {
		if !isDigit(c) && c != '.' {
			return bytes.IndexByte(host, ':') >= 0
		}
	}
	return true
}

func appendUint(dst []byte, n uint64) []byte {
	var b [20]byte
	i := len(b)
	for {
		i--
		b[i] = byte('0' + n%10)
		if n /= 10; n == 0 {
			return append(dst, b[i:]...)
		}
	}
}
