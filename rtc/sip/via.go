package sip

import "bytes"

// Via is one Via element (RFC 3261 §20.42).
type Via struct {
	Transport []byte // "UDP", as spelled
	Host      []byte // sent-by host; IPv6 with its brackets
	Port      uint16 // 0 when absent
	Params    []byte // with leading ';'
	Branch    []byte // nil when absent
	Received  []byte
	RPort     bool   // rport present
	RPortPort uint16 // its value, 0 when empty
}

// ParseVia reads one Via element.
func ParseVia(b []byte) (Via, *Error) {
	var v Via
	b = trim(b)
	i, err := v.protocol(b)
	if err != nil {
		return v, err
	}
	if i, err = v.sentBy(b, i); err != nil {
		return v, err
	}
	if i = skipBlanks(b, i); i == len(b) {
		return v, nil
	}
	if b[i] != ';' {
		return v, bad("Junk behind sent-by of Via")
	}
	v.Params = b[i:]
	return v, v.params()
}

// protocol reads "SIP/2.0/UDP" with blanks around the slashes and returns where
// sent-by begins.
func (v *Via) protocol(b []byte) (int, *Error) {
	const usual = "SIP/2.0/"
	i := 0
	if len(b) > len(usual) && string(b[:len(usual)]) == usual {
		i = len(usual)
	} else {
		for range 2 {
			start := i
			for i < len(b) && class[b[i]]&classToken != 0 {
				i++
			}
			if i == start {
				return 0, bad("Bad protocol in Via")
			}
			if i = skipBlanks(b, i); i == len(b) || b[i] != '/' {
				return 0, bad("Bad protocol in Via")
			}
			i = skipBlanks(b, i+1)
		}
	}
	i = skipBlanks(b, i)
	start := i
	for i < len(b) && class[b[i]]&classToken != 0 {
		i++
	}
	if i == start || i == len(b) || !isBlank(b[i]) {
		return 0, bad("Bad transport in Via")
	}
	v.Transport = b[start:i:i]
	return skipBlanks(b, i), nil
}

// sentBy reads host and port, blanks around the colon allowed.
func (v *Via) sentBy(b []byte, i int) (int, *Error) {
	end := hostEnd(b, i)
	if end < 0 {
		return 0, bad("Bad host in Via")
	}
	v.Host = b[i:end:end]
	i = skipBlanks(b, end)
	if i == len(b) || b[i] != ':' {
		return i, nil
	}
	i = skipBlanks(b, i+1)
	start := i
	for i < len(b) && isDigit(b[i]) {
		i++
	}
	n, ok := ParseUint(b[start:i], 65535)
	if !ok {
		return 0, bad("Bad port in Via")
	}
	v.Port = uint16(n)
	return i, nil
}

// params reads what matching and routing need; of a parameter given twice, which
// RFC 3261 §7.3.1 forbids, the first one counts, as in Param.
func (v *Via) params() *Error {
	for pos := 0; pos < len(v.Params); {
		name, value, next, ok := nextParam(v.Params, pos)
		if !ok && (next < len(v.Params) || len(name) > 0 || value != nil) { // one ';' at the end does no harm
			return bad("Bad parameter in Via")
		}
		pos = next
		switch len(name) {
		case 6:
			if v.Branch == nil && EqualFold(name, "branch") {
				v.Branch = unquote(value)
			}
		case 8:
			if len(v.Received) == 0 && EqualFold(name, "received") {
				v.Received = unquote(value)
			}
		case 5:
			if !v.RPort && EqualFold(name, "rport") {
				n, _ := ParseUint(value, 65535)
				v.RPort, v.RPortPort = true, uint16(n)
			}
		}
	}
	return nil
}

// MagicCookie begins the branches of RFC 3261 (§8.1.1.7).
const MagicCookie = "z9hG4bK"

// Modern reports whether the branch identifies a transaction on its own; the
// others are matched as in RFC 2543 (RFC 3261 §17.2.3).
func (v Via) Modern() bool {
	return len(v.Branch) > len(MagicCookie) && bytes.HasPrefix(v.Branch, raw(MagicCookie))
}

// hostEnd is the end of the host that begins at i, -1 for a bad one: a name,
// an IPv4 address or an IPv6 reference in brackets. The three colons that
// RFC 5118 §4.10 explains are accepted.
func hostEnd(b []byte, i int) int {
	start := i
	if i < len(b) && b[i] == '[' {
		colons := 0
		for i++; i < len(b) && b[i] != ']'; i++ {
			switch c := b[i]; {
			case c == ':':
				colons++
			case class[c]&classHex == 0 && c != '.':
				return -1
			}
		}
		if i == len(b) || colons < 2 {
			return -1
		}
		return i + 1
	}
	for i < len(b) && class[b[i]]&classHost != 0 {
		i++
	}
	if i == start {
		return -1
	}
	return i
}
