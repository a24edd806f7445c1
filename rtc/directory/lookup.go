package directory

import (
	"bytes"

	"tandem/rtc"
)

// User finds a user by the address-of-record.
func (d *Directory) User(aor rtc.AOR) (User, bool) {
	if a := d.accounts.getString(string(aor)); a != nil {
		return a.User, true
	}
	return User{}, false
}

// Get is User with an error that names the remedy.
func (d *Directory) Get(aor rtc.AOR) (User, error) {
	a, err := d.account(aor)
	if err != nil {
		return User{}, err
	}
	return a.User, nil
}

// Resolve finds a user by the address-of-record or any alias. A tel: alias is
// also found as that number at the user's domain.
func (d *Directory) Resolve(aor rtc.AOR) (User, bool) {
	if u, ok := d.User(aor); ok {
		return u, true
	}
	return d.find([]byte(aor))
}

// Named is the address of the user whom a name, an address or an alias means, as
// people write it. The error names the remedy.
func (d *Directory) Named(name string) (rtc.AOR, error) {
	aor, err := d.ParseAOR(name)
	if err != nil {
		return "", err
	}
	if u, ok := d.Resolve(aor); ok {
		return u.AOR, nil
	}
	u, err := d.Get(aor)
	return u.AOR, err
}

// ByExtension finds the user of an extension at a site or, if nobody there has it, the
// one of those without a site.
func (d *Directory) ByExtension(site, extension string) (User, bool) {
	if u, ok := d.find(appendExtensionKey(make([]byte, 0, 64), site, extension)); ok || site == "" {
		return u, ok
	}
	return d.ByExtension("", extension)
}

// owner is the user of an address or an extension.
func (d *Directory) owner(key string) (rtc.AOR, bool) {
	if d.accounts.getString(key) != nil {
		return rtc.AOR(key), true
	}
	owner, ok := d.further.owner(nil, []byte(key))
	return rtc.AOR(owner), ok
}

func (d *Directory) find(key []byte) (User, bool) {
	var room [96]byte
	if owner, ok := d.further.owner(room[:0], key); ok {
		if a := d.accounts.get(owner); a != nil {
			return a.User, true
		}
	}
	return User{}, false
}

// Spelling is how a Digest username names a user.
type Spelling uint8

// The spellings seen: the plain name, and those of old phones which put the
// address there and hash it into H(A1).
const (
	Plain          Spelling = iota // alice
	WithDomain                     // alice@example.com
	WithScheme                     // sip:alice@example.com
	WithSchemePort                 // sip:alice@example.com:5060
)

// Lookup finds the account a Digest username and realm speak of: the realm is
// the user's domain. It returns nil when there is none. It reports accounts
// that are not enabled as well.
func (d *Directory) Lookup(username, realm []byte) (*Account, Spelling) {
	name, spelling, ok := plainName(username, realm)
	if !ok {
		return nil, Plain
	}
	var buf [192]byte
	if len(name)+len(realm) > len(buf)-5 {
		return nil, Plain
	}
	key := append(buf[:0], "sip:"...)
	key = append(key, name...)
	key = append(key, '@')
	key = appendLower(key, realm)
	a := d.accounts.get(key) // an alias is no name to log in by
	if a == nil {
		return nil, Plain
	}
	return a, spelling
}

func plainName(username, realm []byte) (name []byte, s Spelling, ok bool) {
	at := bytes.IndexByte(username, '@')
	if at < 0 {
		return username, Plain, true
	}
	name, host := username[:at], username[at+1:]
	s = WithDomain
	if len(name) > 4 && string(name[:4]) == "sip:" {
		name, s = name[4:], WithScheme
		if short, has := bytes.CutSuffix(host, []byte(":5060")); has {
			host, s = short, WithSchemePort
		}
	}
	// H(A1) of another spelling of the host was never computed
	return name, s, bytes.Equal(host, realm)
}

// Domain reports whether host is a domain of ours. Upper and lower case are
// the same.
func (d *Directory) Domain(host []byte) bool {
	for _, name := range d.domains {
		if equalFold(host, name) {
			return true
		}
	}
	return false
}

// equalFold compares with a string already in lower case.
func equalFold(b []byte, lower string) bool {
	if len(b) != len(lower) {
		return false
	}
	for i, c := range b {
		if toLower(c) != lower[i] {
			return false
		}
	}
	return true
}

func appendLower(dst, b []byte) []byte {
	for _, c := range b {
		dst = append(dst, toLower(c))
	}
	return dst
}

func toLower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
