package auth

import "tandem/rtc/sip"

// parseCredentials reads the value of an Authorization or Proxy-Authorization
// line (RFC 7616 §3.4). digest is false for another scheme. reason says what
// is wrong with it, "" when nothing is.
//
// It takes what old phones write: the scheme word and names in any case, token
// and quoted values alike everywhere, no blanks after commas, folded lines,
// empty elements. A parameter given twice, which could be read in two ways, it
// refuses.
func parseCredentials(v []byte, a *answer) (digest bool, reason string) {
	*a = answer{}
	i := 0
	for i < len(v) && !blank(v[i]) {
		i++
	}
	if !sip.EqualFold(v[:i], "Digest") {
		return false, ""
	}
	var algorithm []byte
	for {
		for i < len(v) && (blank(v[i]) || v[i] == ',') {
			i++
		}
		if i == len(v) {
			break
		}
		name, value, next := parameter(v, i)
		if next < 0 {
			return true, "Malformed Digest Credentials"
		}
		i = next
		var slot *[]byte
		switch {
		case sip.EqualFold(name, "username"):
			slot = &a.username
		case sip.EqualFold(name, "realm"):
			slot = &a.realm
		case sip.EqualFold(name, "nonce"):
			slot = &a.nonce
		case sip.EqualFold(name, "uri"):
			slot = &a.uri
		case sip.EqualFold(name, "response"):
			slot = &a.response
		case sip.EqualFold(name, "cnonce"):
			slot = &a.cnonce
		case sip.EqualFold(name, "nc"):
			slot = &a.nc
		case sip.EqualFold(name, "qop"):
			slot = &a.qopText
		case sip.EqualFold(name, "algorithm"):
			slot = &algorithm
		default:
			continue // opaque, auth-param
		}
		if *slot != nil {
			return true, "Digest Parameter Given Twice"
		}
		*slot = value
	}
	return true, a.complete(algorithm)
}

// complete checks what must be there and reads what has a grammar.
func (a *answer) complete(algorithm []byte) (reason string) {
	if a.username == nil || a.realm == nil || a.nonce == nil || a.uri == nil || a.response == nil {
		return "Incomplete Digest Credentials"
	}
	// It need not be the Request-URI: gateways and phones put the server or the
	// domain there, and proxies before us may have changed the Request-URI.
	if !sipURI(a.uri) {
		return "Digest uri Is Not a SIP URI"
	}
	a.algorithm, _ = ParseAlgorithm(algorithm) // 0: one we do not know
	a.qop = parseQOP(a.qopText)
	if a.qop == qopNone {
		return ""
	}
	n, ok := parseNC(a.nc)
	if !ok || len(a.cnonce) == 0 {
		return "Digest qop Without nc and cnonce"
	}
	a.count = n
	return ""
}

func sipURI(v []byte) bool {
	for _, scheme := range [...]string{"sip:", "sips:", "tel:"} {
		if len(v) > len(scheme) && sip.EqualFold(v[:len(scheme)], scheme) {
			return true
		}
	}
	return false
}

// parameter reads name=value at i; next is behind it, -1 when there is none.
// The inside of a quoted string is taken as it stands, since it is hashed so.
func parameter(v []byte, i int) (name, value []byte, next int) {
	start := i
	for i < len(v) && v[i] != '=' && v[i] != ',' && v[i] != '"' && !blank(v[i]) {
		i++
	}
	name = v[start:i]
	i = skipBlanks(v, i)
	if len(name) == 0 || i == len(v) || v[i] != '=' {
		return nil, nil, -1
	}
	i = skipBlanks(v, i+1)
	if i < len(v) && v[i] == '"' {
		start = i + 1
		for i = start; i < len(v) && v[i] != '"'; i++ {
			if v[i] == '\\' {
				i++
			}
		}
		if i >= len(v) {
			return nil, nil, -1
		}
		value = v[start:i]
		i = skipBlanks(v, i+1)
	} else {
		start = i
		for i < len(v) && v[i] != ',' && v[i] != '"' && !blank(v[i]) {
			i++
		}
		value = v[start:i]
		i = skipBlanks(v, i)
	}
	if i < len(v) && v[i] != ',' {
		return nil, nil, -1
	}
	return name, value, i
}

func skipBlanks(v []byte, i int) int {
	for i < len(v) && blank(v[i]) {
		i++
	}
	return i
}

func blank(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }
