// Package refer is the REFER method (RFC 3515) in the dialog of a call. The side
// that refers (Send) is told by NOTIFYs how the reference goes; the side that
// is referred (Accept) tells it. Refer-Sub (RFC 4488) leaves the NOTIFYs out.
// The user of the package decides whether a reference may be followed and what
// becomes of the call.
package refer

import (
	"bytes"
	"strconv"

	"tandem/rtc/sip"
)

// Target is what a Refer-To names.
type Target struct {
	URI      string // without headers and method
	Method   string // "INVITE" unless the URI names another one
	Replaces Replaced
	Header   []byte // lines of the other headers in the URI
}

// Replaced is the dialog that the reference takes over (RFC 3891), as the one
// who refers knows it; the zero value: none.
type Replaced struct {
	CallID, ToTag, FromTag string
	EarlyOnly              bool
}

// parseTarget reads a Refer-To value; reason says what is wrong with it.
func parseTarget(v []byte) (t Target, reason string) {
	a, err := sip.ParseNameAddr(v)
	if err != nil || a.Star {
		return t, "Bad Refer-To"
	}
	u, err := sip.ParseURI(a.URI)
	if err != nil {
		return t, "Bad URI in Refer-To"
	}
	t.Method = "INVITE"
	if m, ok := u.Param("method"); ok {
		t.Method = string(m)
	}
	t.URI = string(u.RequestForm(a.URI))
	return t, t.readHeaders(u.Headers)
}

// readHeaders reads "name=value&name=value", escaped (RFC 3261 §19.1.1).
func (t *Target) readHeaders(h []byte) (reason string) {
	for len(h) > 0 {
		part := h
		if i := bytes.IndexByte(h, '&'); i >= 0 {
			part, h = h[:i], h[i+1:]
		} else {
			h = nil
		}
		i := bytes.IndexByte(part, '=')
		if i <= 0 {
			return "Bad Headers in Refer-To"
		}
		name, value := sip.AppendUnescaped(nil, part[:i]), sip.AppendUnescaped(nil, part[i+1:])
		for _, c := range append(name[:len(name):len(name)], value...) {
			if c < ' ' || c == 0x7f { // it would add a line
				return "Bad Headers in Refer-To"
			}
		}
		switch {
		case sip.HeaderByName(string(name)) == sip.HdrReplaces:
			p := sip.ParseParted(value)
			to, _ := p.Param("to-tag")
			from, _ := p.Param("from-tag")
			_, early := p.Param("early-only")
			t.Replaces = Replaced{CallID: string(p.Value), ToTag: string(to), FromTag: string(from), EarlyOnly: early}
			if len(p.Value) == 0 || len(to) == 0 || len(from) == 0 {
				return "Bad Replaces in Refer-To"
			}
		case sip.EqualFold(name, "body"):
			// RFC 3261 §19.1.5: not honoured.
		default:
			t.Header = append(append(append(append(t.Header, name...), ": "...), value...), "\r\n"...)
		}
	}
	return ""
}

// statusOf reads the status line a NOTIFY's body begins with (RFC 3420).
func statusOf(body []byte) (code int, reason string, ok bool) {
	const version = "SIP/2.0 "
	if len(body) < len(version)+3 || !sip.EqualFold(body[:len(version)], version) {
		return 0, "", false
	}
	line := body[len(version):]
	if i := bytes.IndexByte(line, '\n'); i >= 0 {
		line = line[:i]
	}
	n, err := strconv.Atoi(string(line[:3]))
	if err != nil || n < 100 || n > 699 {
		return 0, "", false
	}
	return n, string(bytes.TrimSpace(line[3:])), true
}
