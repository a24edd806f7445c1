package number

import (
	"bytes"

	"tandem/rtc/sip"
)

// URI reads the number in a tel: or sip: URI (RFC 3966, RFC 3261 §19.1.6), as in
// a Request-URI, From or P-Asserted-Identity. Parameters of the number, such as
// those of number portability (RFC 4694), do not belong to it. A urn:service:sos
// (RFC 5031) is the site's emergency number. The error is one of those of this
// package: ErrNotNumber for a user's name.
func (p *Plan) URI(u sip.URI) (Number, error) {
	switch u.Kind {
	case sip.URISIP, sip.URISIPS:
	case sip.URITel:
		if len(u.User) == 0 {
			return Number{}, ErrNotNumber
		}
	default:
		return p.service(u)
	}
	if len(u.User) == 0 || len(u.User) > maxUser {
		return Number{}, ErrNotNumber
	}
	var buf [maxUser]byte
	// A context behind the host is PINT's (RFC 2848 §3.5.6); that of a tel: URI
	// stands among its parameters, too.
	return p.subscriber(sip.AppendUnescaped(buf[:0], u.User), u.Params)
}

// Subscriber reads a number with its parameters, as the user part of a sip: URI
// is one: "+49-30-1234567;npdi". The error is as of URI.
func (p *Plan) Subscriber(text string) (Number, error) {
	var buf [maxUser]byte
	if len(text) > maxUser {
		return Number{}, ErrNotNumber
	}
	return p.subscriber(buf[:copy(buf[:], text)], nil)
}

// maxUser is the longest user part that is looked at.
const maxUser = 256

// subscriber reads a number with its parameters; more may have them as well.
func (p *Plan) subscriber(text, more []byte) (Number, error) {
	digits, params := text, []byte(nil)
	if i := bytes.IndexByte(text, ';'); i >= 0 {
		digits, params = text[:i], text[i:]
	}
	context, ok := sip.Param(params, "phone-context")
	if !ok {
		context, ok = sip.Param(more, "phone-context")
	}
	if !ok || len(digits) > 0 && digits[0] == '+' { // RFC 3966 §5.1.5: global numbers have no context
		return p.parse(digits)
	}
	return p.inContext(digits, context)
}

// inContext reads a local number of a context (RFC 3966 §5.1.5): one that begins
// with '+' goes in front, a domain has to be ours.
func (p *Plan) inContext(digits, context []byte) (Number, error) {
	var buf [2 * maxText]byte
	if c, ok := compact(buf[:0:maxText], context); ok && c[0] == '+' && onlyDigits(c[1:]) {
		var rest [maxText]byte
		d, ok := compact(rest[:0], digits)
		if !ok || !onlyDigits(d) {
			return Number{}, ErrNotNumber
		}
		if p.emergency(d) {
			return local(d)
		}
		return p.prefixed(append(c[1:], d...))
	}
	for _, domain := range p.site.Domains {
		if sip.EqualFold(context, domain) {
			return p.parse(digits)
		}
	}
	return Number{}, ErrContext
}

// service reads urn:service:sos and what is below it.
func (p *Plan) service(u sip.URI) (Number, error) {
	const sos = "service:sos"
	if !sip.EqualFold(u.Scheme, "urn") || len(u.Opaque) < len(sos) || !sip.EqualFold(u.Opaque[:len(sos)], sos) ||
		len(u.Opaque) > len(sos) && u.Opaque[len(sos)] != '.' {
		return Number{}, ErrNotNumber
	}
	for _, n := range [...]string{"112", "911", "999", "000"} {
		if p.emergency([]byte(n)) {
			return local([]byte(n))
		}
	}
	if len(p.emergencies) > 0 {
		return local([]byte(p.emergencies[0]))
	}
	return Number{}, ErrNotNumber
}
