package auth

import (
	"crypto/md5"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/hex"

	"tandem/rtc/directory"
	"tandem/rtc/sip"
)

// Algorithm is a hash of Digest (RFC 8760 §2.1).
type Algorithm uint8

// The algorithms. The session variants are not offered: what they are for, a
// third party that verifies, does not exist here.
const (
	MD5 Algorithm = iota + 1
	SHA256
	SHA512256
)

var algorithmNames = [...]string{MD5: "MD5", SHA256: "SHA-256", SHA512256: "SHA-512-256"}

func (a Algorithm) String() string {
	if int(a) < len(algorithmNames) && a != 0 {
		return algorithmNames[a]
	}
	return "unknown"
}

// ParseAlgorithm reads a name in any case; none at all means MD5 (RFC 7616 §3.4).
func ParseAlgorithm(name []byte) (Algorithm, bool) {
	if len(name) == 0 {
		return MD5, true
	}
	for a := MD5; a <= SHA512256; a++ {
		if sip.EqualFold(name, algorithmNames[a]) {
			return a, true
		}
	}
	return 0, false
}

func (a Algorithm) size() int {
	if a == MD5 {
		return md5.Size
	}
	return sha256.Size // of SHA-512/256 as well
}

// appendHex appends the hash of data in lower-case hex.
func (a Algorithm) appendHex(dst, data []byte) []byte {
	switch a {
	case MD5:
		sum := md5.Sum(data)
		return hex.AppendEncode(dst, sum[:])
	case SHA256:
		sum := sha256.Sum256(data)
		return hex.AppendEncode(dst, sum[:])
	default:
		sum := sha512.Sum512_256(data)
		return hex.AppendEncode(dst, sum[:])
	}
}

// qop is the quality of protection a client chose.
type qop uint8

const (
	qopNone qop = iota // RFC 2069: no nonce count, no client nonce
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

// answer is what a client put into its credentials, ready to be verified.
type answer struct {
	username, realm, nonce, uri []byte
	response, cnonce            []byte
	nc                          []byte // as spelled: it is hashed so
	count                       uint32
	algorithm                   Algorithm
	qop                         qop
	qopText                     []byte // as spelled
}

// secretOf is the stored H(A1) for the way the answer spells the user's name.
func (a *answer) secretOf(s *directory.Secret, spelling directory.Spelling) ([]byte, bool) {
	if spelling != directory.Plain {
		return s.MD5Long[spelling-1][:], a.algorithm == MD5
	}
	switch a.algorithm {
	case MD5:
		return s.MD5[:], true
	case SHA256:
		return s.SHA256[:], true
	default:
		return s.SHA512256[:], true
	}
}

// hashedA2 is the hash of the last A2, kept because phones ask for the same
// thing again and again: the method and the server.
type hashedA2 struct {
	text      []byte
	hex       [2 * sha256.Size]byte
	algorithm Algorithm
}

// of returns the hash of a2 in hex.
func (h *hashedA2) of(a Algorithm, a2 []byte) []byte {
	if h.algorithm != a || string(h.text) != string(a2) {
		h.text = append(h.text[:0], a2...)
		h.algorithm = a
		a.appendHex(h.hex[:0], a2)
	}
	return h.hex[:2*a.size()]
}

// prepare appends, for method and body, everything of the hashed text that
// does not depend on the secret: room for H(A1), then ":nonce:…:H(A2)"
// (RFC 7616 §3.4.1 and §3.4.3, RFC 2069 without qop).
func (a *answer) prepare(buf, method, body []byte, last *hashedA2) []byte {
	hash := 2 * a.algorithm.size()
	// A2 is hashed from the place where the text will stand.
	a2 := append(buf, method...)
	a2 = append(append(a2, ':'), a.uri...)
	if a.qop == qopAuthInt {
		a2 = a.algorithm.appendHex(append(a2, ':'), body)
	}
	h2 := last.of(a.algorithm, a2[len(buf):])

	for len(buf) < hash {
		buf = append(buf, '0')
	}
	buf = append(append(buf[:hash], ':'), a.nonce...)
	if a.qop != qopNone {
		buf = append(append(buf, ':'), a.nc...)
		buf = append(append(buf, ':'), a.cnonce...)
		buf = append(append(buf, ':'), a.qopText...)
	}
	return append(append(buf, ':'), h2...)
}

// appendResponse appends the response for one H(A1). text comes from prepare
// and can be used again.
func (a *answer) appendResponse(dst, text, ha1 []byte) []byte {
	hex.Encode(text, ha1)
	return a.algorithm.appendHex(dst, text)
}

// matches verifies the response for one H(A1).
func (a *answer) matches(text, ha1 []byte) bool {
	var want [2 * sha256.Size]byte
	n := len(a.appendResponse(want[:0], text, ha1))
	var got [2 * sha256.Size]byte
	if len(a.response) != n {
		return false
	}
	for i, c := range a.response { // some phones write it in capitals
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
