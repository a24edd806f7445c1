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

// answers goes through the credentials of a request, in the fields of the given
// kinds. Some phones send several, also in one line: those for other realms, other
// algorithms, or the nonce before.
type answers struct {
	m     *sip.Message
	line  int    // the next one to look at
	rest  []byte // of the line before it
	a     *answer
	which [2]sip.HeaderID

	reason string // what is wrong with the one that next has read, "" when nothing is
}

// fields are those that credentials for us come in: phones that were once asked by
// 407 put them into Proxy-Authorization even on REGISTER.
var fields = [2]sip.HeaderID{sip.HdrAuthorization, sip.HdrProxyAuthorization}

// next reads the next credentials of the Digest scheme; false when there are none.
func (c *answers) next() bool {
	for {
		for len(c.rest) == 0 {
			if c.line == c.m.Len() {
				return false
			}
			if h := c.m.At(c.line); h.ID == c.which[0] || h.ID == c.which[1] {
				c.rest = h.Value
			}
			c.line++
		}
		v := c.rest
		c.rest = nil
		digest, reason := parseCredentials(v, c.a)
		if !digest || reason != "" { // perhaps because there are several in it
			if v, c.rest = sip.CutCredentials(v); len(c.rest) > 0 {
				digest, reason = parseCredentials(v, c.a)
			}
		}
		if digest {
			c.reason = reason
			return true
		}
	}
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
