package auth

import (
	"crypto/subtle"

	"tandem/rtc/digest"
	"tandem/rtc/directory"
	"tandem/rtc/sip"
)

// Algorithm is a hash algorithm of Digest.
type Algorithm = digest.Algorithm

const (
	MD5       = digest.MD5
	SHA256    = digest.SHA256
	SHA512256 = digest.SHA512256
)

// ParseAlgorithm reads a name in any case; an empty one means MD5.
func ParseAlgorithm(name []byte) (Algorithm, bool) { return digest.ParseAlgorithm(name) }

// qop is the quality of protection a client chose.
type qop uint8

const (
	qopNone qop = iota // RFC 2069: neither nonce count nor client nonce
	qopAuth
	qopAuthInt
	qopUnknown
)

func parseQOP(v []byte) qop {
	switch {
	case len(v) == 0:
		return qopNone
	case sip.EqualFold(v, "auth"):
		return qopAuth
	case sip.EqualFold(v, "auth-int"):
		return qopAuthInt
	}
	return qopUnknown
}

// answer holds the parameters of a client's credentials, ready to be verified.
type answer struct {
	username, realm, nonce, uri []byte
	response, cnonce            []byte
	nc                          []byte // as spelled, since it is hashed that way
	count                       uint32
	algorithm                   Algorithm
	qop                         qop
	qopText                     []byte // as spelled
}

// secretOf returns the stored H(A1) for the spelling of the user's name in the answer.
// An unknown one is all zeros: it must not be used, anybody could answer with it.
func (a *answer) secretOf(s *directory.Secret, spelling directory.Spelling) (ha1 []byte, known bool) {
	switch {
	case spelling != directory.Plain && a.algorithm != MD5:
		return nil, false
	case spelling != directory.Plain:
		ha1 = s.MD5Long[spelling-1][:]
	case a.algorithm == MD5:
		ha1 = s.MD5[:]
	case a.algorithm == SHA256:
		ha1 = s.SHA256[:]
	default:
		ha1 = s.SHA512256[:]
	}
	for _, b := range ha1 {
		if b != 0 {
			return ha1, true
		}
	}
	return nil, false
}

// prepare writes all of the hashed text that does not depend on the secret.
func (a *answer) prepare(buf, method, body []byte, last *digest.A2) []byte {
	p := a.proof()
	return p.Prepare(buf, method, body, last)
}

// appendResponse appends the response for one H(A1). text comes from prepare and can be
// used again.
func (a *answer) appendResponse(dst, text, ha1 []byte) []byte {
	p := digest.Proof{Algorithm: a.algorithm}
	return p.AppendResponse(dst, text, ha1)
}

func (a *answer) proof() digest.Proof {
	p := digest.Proof{Algorithm: a.algorithm, Nonce: a.nonce, URI: a.uri, Int: a.qop == qopAuthInt}
	if a.qop != qopNone {
		p.NC, p.CNonce, p.QOP = a.nc, a.cnonce, a.qopText
	}
	return p
}

// matches verifies the response for one H(A1).
func (a *answer) matches(text, ha1 []byte) bool {
	var want [2 * digest.MaxSize]byte
	n := len(a.appendResponse(want[:0], text, ha1))
	var got [2 * digest.MaxSize]byte
	if len(a.response) != n {
		return false
	}
	for i, c := range a.response { // some phones write the response in capitals
		if 'A' <= c && c <= 'F' {
			c += 'a' - 'A'
		}
		got[i] = c
	}
	return subtle.ConstantTimeCompare(want[:n], got[:n]) == 1
}

// parseNC reads a nonce count: hex, up to eight digits (RFC 7616 §3.4).
func parseNC(v []byte) (uint32, bool) {
	if len(v) == 0 || len(v) > 8 {
		return 0, false
	}
	var n uint32
	for _, c := range v {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		n = n<<4 | uint32(c)
	}
	return n, true
}
