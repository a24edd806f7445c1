// Package secure protects media: SRTP with keys from SDP (SDES, RFC 4568) or from a
// DTLS handshake on the media port (RFC 5764). Replay protection is always on. Keys are
// never logged: no type here prints its secrets.
//
// It owns inline keys, one context for each direction, and the handshake. It opens no
// socket, reads no SDP, and keeps nothing of a key that its owner has dropped.
package secure

import (
	"errors"
	"fmt"
	"strings"

	"github.com/pion/srtp/v3"
)

// Profile is an SRTP protection profile by its SDES name, as in RFC 4568 §6.2,
// RFC 6188 and RFC 7714.
type Profile string

// Profiles in the order we offer them.
var Profiles = []Profile{"AEAD_AES_256_GCM", "AEAD_AES_128_GCM", "AES_256_CM_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32"}

// Errors of this package wrap one of these where it applies.
var (
	ErrProfile  = errors.New("unknown SRTP profile")
	ErrKey      = errors.New("bad SRTP key")
	ErrReplay   = errors.New("packet seen before or too old")
	ErrWrongKey = errors.New("packet fails authentication: wrong key, or altered")
	ErrMKI      = errors.New("no key for the packet's MKI")
	ErrShort    = errors.New("too short or malformed for SRTP")
	ErrSources  = errors.New("too many SSRCs under one key")
	ErrKeySpent = errors.New("key has protected all it may, rekey")
)

// ParseProfile reads a suite's name in any case, and with the order of words that some
// PBXs and phones use for the 256-bit suites ("AES_CM_256_HMAC_SHA1_80").
func ParseProfile(suite string) (Profile, error) {
	switch p := Profile(strings.ToUpper(strings.TrimSpace(suite))); p {
	case "AES_CM_256_HMAC_SHA1_80":
		return "AES_256_CM_HMAC_SHA1_80", nil
	case "AES_CM_256_HMAC_SHA1_32":
		return "AES_256_CM_HMAC_SHA1_32", nil
	default:
		if _, ok := p.shape(); ok {
			return p, nil
		}
	}
	return "", fmt.Errorf("%w %.40q", ErrProfile, suite)
}

// shape is the lengths of a profile's parts, in octets.
type shape struct {
	key, salt int
	pion      srtp.ProtectionProfile
}

func (p Profile) shape() (shape, bool) {
	switch p {
	case "AES_CM_128_HMAC_SHA1_80":
		return shape{16, 14, srtp.ProtectionProfileAes128CmHmacSha1_80}, true
	case "AES_CM_128_HMAC_SHA1_32":
		return shape{16, 14, srtp.ProtectionProfileAes128CmHmacSha1_32}, true
	case "AES_256_CM_HMAC_SHA1_80":
		return shape{32, 14, srtp.ProtectionProfileAes256CmHmacSha1_80}, true
	case "AES_256_CM_HMAC_SHA1_32":
		return shape{32, 14, srtp.ProtectionProfileAes256CmHmacSha1_32}, true
	case "AEAD_AES_128_GCM": // RFC 7714 §12
		return shape{16, 12, srtp.ProtectionProfileAeadAes128Gcm}, true
	case "AEAD_AES_256_GCM":
		return shape{32, 12, srtp.ProtectionProfileAeadAes256Gcm}, true
	}
	return shape{}, false
}
