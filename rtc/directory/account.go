package directory

import (
	"strings"
	"sync/atomic"
	"time"

	"tandem/rtc"
	"tandem/rtc/label"
)

// Account is a user with all that proves it is them. It is never changed: a
// change puts another Account in its place.
type Account struct {
	User
	Secrets []*Secret // the own password first, then devices by name
	record  int       // in its shard
}

func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func fromMillis(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms)
}

// Secret is a Credential in use, without hashes that no algorithm accepted needs
// (Accept).
type Secret struct {
	MD5       [16]byte // the hashes of Credential
	SHA256    [32]byte
	SHA512256 [32]byte
	MD5Long   [3][16]byte
	Identity  rtc.Identity // what the secret proves; not to be changed
	created   int64        // Unix ms, 0 when not known
	seen      *seen
}

// seen is when a secret was used, in Unix seconds.
type seen struct {
	used atomic.Uint32 // the latest use, 0 when not used since Load
	kept atomic.Uint32 // what the Store knows of it
}

// newSecret puts a Credential to use. Its Username and Realm must be the parts
// of its AOR, as those of all credentials made here are.
func newSecret(c Credential) *Secret {
	return &Secret{MD5: c.MD5, SHA256: c.SHA256, SHA512256: c.SHA512256, MD5Long: c.MD5Long,
		Identity: rtc.Identity{AOR: c.AOR, Device: c.Device, Method: rtc.AuthDigest, Secret: millis(c.Created)},
		created:  millis(c.Created), seen: newSeen(c.LastUsed)}
}

func newSeen(used time.Time) *seen {
	s := new(seen)
	if !used.IsZero() {
		s.used.Store(uint32(used.Unix()))
		s.kept.Store(uint32(used.Unix()))
	}
	return s
}

// Credential is what the secret was made of, with its last use, as far as it is in
// memory: see Accept.
func (s *Secret) Credential() Credential {
	aor := s.Identity.AOR
	return Credential{AOR: aor, Device: s.Identity.Device, Username: aor.User(), Realm: aor.Domain(),
		MD5: s.MD5, SHA256: s.SHA256, SHA512256: s.SHA512256, MD5Long: s.MD5Long,
		Created: s.Created(), LastUsed: s.LastUsed()}
}

// Created is when the secret was made, the zero time if that is not known.
func (s *Secret) Created() time.Time { return fromMillis(s.created) }

func compareSecrets(a, b *Secret) int { return strings.Compare(a.Identity.Device, b.Identity.Device) }

// Use notes that the secret has just proved an identity.
func (s *Secret) Use(now time.Time) { s.seen.use(now) }

// LastUsed is when the secret last proved an identity, the zero time if never.
func (s *Secret) LastUsed() time.Time { return s.seen.last() }

func (s *seen) use(now time.Time) {
	if n := uint32(now.Unix()); s.used.Load() != n { // spare the cache line
		s.used.Store(n)
	}
}

func (s *seen) last() time.Time {
	if n := s.used.Load(); n != 0 {
		return time.Unix(int64(n), 0)
	}
	return time.Time{}
}

// Owns reports whether aor is an address of the user: the own one or an alias.
func (a *Account) Owns(aor []byte) bool {
	if string(a.AOR) == string(aor) {
		return true
	}
	for _, alias := range a.Aliases {
		if matches(alias, aor, a.AOR) {
			return true
		}
	}
	return false
}

// matches is whether aor spells alias: as itself, or a tel: number as a user of
// the owner's domain.
func matches(alias rtc.AOR, aor []byte, owner rtc.AOR) bool {
	if string(alias) == string(aor) {
		return true
	}
	number, ok := strings.CutPrefix(string(alias), "tel:")
	if !ok || len(aor) < len("sip:")+len(number)+1 || string(aor[:4]) != "sip:" {
		return false
	}
	rest := aor[4:]
	return string(rest[:len(number)]) == number && rest[len(number)] == '@' &&
		string(rest[len(number)+1:]) == owner.Domain()
}

// extensionKey is how an extension is found; no address looks like it.
func extensionKey(site, extension string) string {
	return string(appendExtensionKey(nil, site, extension))
}

func appendExtensionKey(dst []byte, site, extension string) []byte {
	dst = label.Append(append(dst, "ext:"...), site)
	return append(append(dst, '/'), extension...)
}

// further are the addresses a user is found by besides the own one.
func (u *User) further() []string {
	var all []string
	for _, alias := range u.Aliases {
		all = append(all, string(alias))
		if number, ok := strings.CutPrefix(string(alias), "tel:"); ok {
			all = append(all, "sip:"+number+"@"+u.AOR.Domain())
		}
	}
	if u.Extension != "" {
		all = append(all, extensionKey(u.Site, u.Extension))
	}
	return all
}
