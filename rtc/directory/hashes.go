package directory

import (
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"tandem/rtc"
)

// Hashes are H(A1) of a password (RFC 7616 §3.4.2), in hexadecimal, as other servers
// keep them: for users who move here without a new password. The realm that was
// hashed must be the user's domain. Without SHA-256 a user is asked for MD5 alone.
type Hashes struct {
	MD5        string // of name:realm:password. ha1 of Kamailio and OpenSIPS, md5_cred of Asterisk
	MD5Address string // of name@realm:realm:password, ha1b; "" = that spelling of the name does not work
	SHA256     string // ha1_sha256, SHA-256 in password_digest of Asterisk; "" = none
}

func (h Hashes) credential(aor rtc.AOR, now time.Time) (Credential, error) {
	c := Credential{AOR: aor, Username: aor.User(), Realm: aor.Domain(), Created: now}
	if h.MD5 == "" {
		return c, fmt.Errorf("%w: the hash of name:realm:password (ha1) is missing", ErrInvalid)
	}
	for _, x := range []struct {
		name, text string
		into       []byte
	}{{"ha1", h.MD5, c.MD5[:]}, {"ha1b", h.MD5Address, c.MD5Long[WithDomain-1][:]}, {"ha1_sha256", h.SHA256, c.SHA256[:]}} {
		if x.text == "" {
			continue
		}
		b, err := hex.DecodeString(strings.ToLower(x.text))
		if err != nil || len(b) != len(x.into) {
			return c, fmt.Errorf("%w: %s is not a hash of %d hexadecimal digits", ErrInvalid, x.name, 2*len(x.into))
		}
		copy(x.into, b)
	}
	return c, nil
}

// MD5Only reports whether nothing but MD5 is known of any password of a user.
func (a *Account) MD5Only() bool {
	for _, s := range a.Secrets {
		if s.SHA256 != ([32]byte{}) {
			return false
		}
	}
	return len(a.Secrets) > 0
}
