package auth

import (
	"bytes"

	"tandem/rtc/sip"
)

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
	c, err := sip.ParseCredentials(v)
	if err != nil || !c.Is("Digest") {
		return false, ""
	}
	var algorithm []byte
	twice := false
	err = c.Each(func(name, value []byte) bool {
		slot := a.slot(name, &algorithm)
		if slot == nil {
			return true // opaque, auth-param
		}
		if *slot != nil {
			twice = true
			return false
		}
		if len(value) > 1 && value[0] == '"' {
			value = value[1 : len(value)-1] // the inside as it stands, since it is hashed so
		}
		*slot = value
		return true
	})
	switch {
	case err != nil:
		return true, "Malformed Digest Credentials"
	case twice:
		return true, "Digest Parameter Given Twice"
	}
	return true, a.complete(algorithm)
}

// slot is where a parameter is kept, nil for one that is not needed.
func (a *answer) slot(name []byte, algorithm *[]byte) *[]byte {
	switch {
	case sip.EqualFold(name, "username"):
		return &a.username
	case sip.EqualFold(name, "realm"):
		return &a.realm
	case sip.EqualFold(name, "nonce"):
		return &a.nonce
	case sip.EqualFold(name, "uri"):
		return &a.uri
	case sip.EqualFold(name, "response"):
		return &a.response
	case sip.EqualFold(name, "cnonce"):
		return &a.cnonce
	case sip.EqualFold(name, "nc"):
		return &a.nc
	case sip.EqualFold(name, "qop"):
		return &a.qopText
	case sip.EqualFold(name, "algorithm"):
		return algorithm
	}
	return nil
}

// complete checks what must be there and reads what has a grammar.
func (a *answer) complete(algorithm []byte) (reason string) {
	if a.username == nil || a.realm == nil || a.nonce == nil || a.uri == nil || a.response == nil {
		return "Incomplete Digest Credentials"
	}
	// A path is of HTTP: aims tells. A URN is of a call for help (RFC 5031).
	if !sipURI(a.uri) && !bytes.HasPrefix(a.uri, []byte("/")) && !bytes.HasPrefix(a.uri, []byte("urn:")) {
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
