package digest

import (
	"crypto/md5"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"

	"tandem/rtc/sip"
)

// Algorithm is a hash of Digest (RFC 8760 §2.1).
type Algorithm uint8

// The algorithms. The session variants are left out: what they are for, a
// third party that verifies, does not exist in SIP.
const (
	MD5 Algorithm = iota + 1
	SHA256
	SHA512256
)

// MaxSize is the size of the longest hash in octets.
const MaxSize = sha256.Size

var names = [...]string{MD5: "MD5", SHA256: "SHA-256", SHA512256: "SHA-512-256"}

func (a Algorithm) String() string {
	if int(a) < len(names) && a != 0 {
		return names[a]
	}
	return "unknown"
}

// ParseAlgorithm reads a name in any case; none at all means MD5 (RFC 7616 §3.4).
func ParseAlgorithm(name []byte) (Algorithm, bool) {
	if len(name) == 0 {
		return MD5, true
	}
	for a := MD5; a <= SHA512256; a++ {
		if sip.EqualFold(name, names[a]) {
			return a, true
		}
	}
	return 0, false
}

// Size of the hash in octets.
func (a Algorithm) Size() int {
	if a == MD5 {
		return md5.Size
	}
	return sha256.Size // of SHA-512/256 as well
}

// appendSum appends the hash of data.
func (a Algorithm) appendSum(dst, data []byte) []byte {
	switch a {
	case MD5:
		sum := md5.Sum(data)
		return append(dst, sum[:]...)
	case SHA256:
		sum := sha256.Sum256(data)
		return append(dst, sum[:]...)
	default:
		sum := sha512.Sum512_256(data)
		return append(dst, sum[:]...)
	}
}

// appendHex appends the hash of data in lower-case hex.
func (a Algorithm) appendHex(dst, data []byte) []byte {
	var sum [MaxSize]byte
	return hex.AppendEncode(dst, a.appendSum(sum[:0], data))
}

// ha1 is the secret of a user for a realm (RFC 7616 §3.4.2).
func (a Algorithm) ha1(user, realm, password string) []byte {
	return a.appendSum(nil, []byte(user+":"+realm+":"+password))
}
