package directory

import (
	"crypto/md5"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"fmt"
	"time"

	"tandem/rtc"
)

// The alphabet of generated passwords: nothing that looks like something else
// on paper or on a phone's display, and no upper case to shift to.
const alphabet = "abcdefghjkmnpqrstuvwxyz23456789"

// Generated passwords are three groups of six: 89 bits, and short enough for
// phones that hold 31 characters.
const (
	groups    = 3
	groupSize = 6
)

// generate makes a password.
func generate() string {
	out := make([]byte, 0, groups*(groupSize+1))
	var b [1]byte
	for letters := 0; letters < groups*groupSize; {
		rand.Read(b[:])                                   // never fails: it ends the process instead
		if int(b[0]) >= 256/len(alphabet)*len(alphabet) { // would favour some letters
			continue
		}
		if letters > 0 && letters%groupSize == 0 {
			out = append(out, '-')
		}
		out = append(out, alphabet[int(b[0])%len(alphabet)])
		letters++
	}
	return string(out)
}

// newCredential hashes a password in every way a client may ask for
// (RFC 7616 §3.4.2 H(A1), RFC 8760 §2.1 algorithms).
func newCredential(aor rtc.AOR, device, password string, now time.Time) Credential {
	name, realm := aor.User(), aor.Domain()
	tail := ":" + realm + ":" + password
	plain := []byte(name + tail)
	return Credential{
		AOR: aor, Device: device, Username: name, Realm: realm,
		MD5: md5.Sum(plain), SHA256: sha256.Sum256(plain), SHA512256: sha512.Sum512_256(plain),
		MD5Long: [3][16]byte{
			WithDomain - 1:     md5.Sum([]byte(name + "@" + realm + tail)),
			WithScheme - 1:     md5.Sum([]byte("sip:" + name + "@" + realm + tail)),
			WithSchemePort - 1: md5.Sum([]byte("sip:" + name + "@" + realm + ":5060" + tail)),
		},
		Created: now,
	}
}

// checkPassword never puts the password into its error.
func checkPassword(password string) error {
	if len(password) < 8 || len(password) > 128 {
		return fmt.Errorf("%w: a password has 8 to 128 octets; leave it out to have one generated", ErrInvalid)
	}
	for i := 0; i < len(password); i++ {
		if password[i] < ' ' || password[i] == 0x7f {
			return fmt.Errorf("%w: a password holds no control characters", ErrInvalid)
		}
	}
	return nil
}
