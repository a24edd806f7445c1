package auth

import (
	"bytes"

	"tandem/rtc/sip"
)

// parseCredentials reads the value of an Authorization or Proxy-Authorization line (RFC
// 7616 §3.4). digest is false for another scheme. reason says what is wrong with the
// value, and is empty when nothing is.
//
// It accepts what old phones write: scheme and names in any case, tokens and quoted
// values alike, no blanks after commas, folded lines, empty elements. It refuses a
// parameter that occurs twice, because that is ambiguous.
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
			return true // opaque and auth-param are not needed
		}
		if *slot != nil {
			twice = true
			return false
		}
		if len(value) > 1 && value[0] == '"' {
			value = value[1 : len(value)-1] // not unescaped: the hash is over the text as sent
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

// answers iterates over the credentials of a request, in the header fields of the given
// kinds. Some phones send several, also in one line: for other realms, for other
// algorithms, or for the previous nonce.
type answers struct {
	m     *sip.Message
	line  int    // the next line to read
	rest  []byte // the unread part of the line before it
	a     *answer
	which [2]sip.HeaderID

	reason string // what is wrong with the credentials that next returned; empty when nothing is
}

// fields are the header fields in which credentials for us arrive. Phones that were
// challenged with 407 once use Proxy-Authorization even for REGISTER.
var fields = [2]sip.HeaderID{sip.HdrAuthorization, sip.HdrProxyAuthorization}

// next reads the next Digest credentials; it returns false when there are none.
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
		if !digest || reason != "" { // several credentials in one line may be the cause
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

// slot returns where a parameter is stored, or nil when it is not needed.
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

// complete checks that all required parameters are present, and parses those that have
// a grammar.
func (a *answer) complete(algorithm []byte) (reason string) {
	if a.username == nil || a.realm == nil || a.nonce == nil || a.uri == nil || a.response == nil {
		return "Incomplete Digest Credentials"
	}
	// A path is used over HTTP (aims checks it), a URN in emergency calls (RFC 5031).
	if !sipURI(a.uri) && !bytes.HasPrefix(a.uri, []byte("/")) && !bytes.HasPrefix(a.uri, []byte("urn:")) {
		return "Digest uri Is Not a SIP URI"
	}
	a.algorithm, _ = ParseAlgorithm(algorithm) // 0 when unknown
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
