package directory

import (
	"encoding/binary"
	"strings"

	"tandem/rtc"
)

// What the first octet of a packed account says.
const (
	packedEnabled = 1 << iota
	packedDomain  // the address is a name of the default domain, and the name alone is there
	packedProfile // there is more than address, display name and times
)

// What the first octet of a packed secret says is there besides MD5.
const (
	packedDevice = 1 << iota
	packedSHA256
	packedSHA512256
	packedLong
)

// appendAccount packs an account: the address, what is known of the user, the secrets;
// numbers as varints, texts behind their length. When secrets were used stands
// elsewhere: it changes. Hashes in spare are left out.
func appendAccount(dst []byte, a *Account, domain string, spare byte) []byte {
	at := len(dst)
	dst = append(dst, 0)
	name, sip := strings.CutPrefix(string(a.AOR), "sip:")
	name, local := strings.CutSuffix(name, "@"+domain)
	if sip && local {
		dst[at] |= packedDomain
		dst = appendText(dst, name)
	} else {
		dst = appendText(dst, string(a.AOR))
	}
	created := millis(a.Created)
	dst = appendText(dst, a.DisplayName)
	dst = binary.AppendVarint(dst, created)
	dst = binary.AppendVarint(dst, millis(a.Changed)-created)
	if a.Enabled {
		dst[at] |= packedEnabled
	}
	if a.hasProfile() {
		dst[at] |= packedProfile
		dst = appendProfile(dst, &a.User)
	}
	dst = binary.AppendUvarint(dst, uint64(len(a.Secrets)))
	for _, s := range a.Secrets {
		dst = appendSecret(dst, s, created, spare)
	}
	return dst
}

func (u *User) hasProfile() bool {
	return u.Mail != "" || u.Department != "" || u.Site != "" || u.Extension != "" ||
		len(u.Groups)+len(u.Aliases)+len(u.Direct) > 0
}

func appendProfile(dst []byte, u *User) []byte {
	for _, s := range []string{u.Mail, u.Department, u.Site, u.Extension} {
		dst = appendText(dst, s)
	}
	dst = binary.AppendUvarint(dst, uint64(len(u.Groups)))
	for _, g := range u.Groups {
		dst = appendText(dst, g)
	}
	dst = binary.AppendUvarint(dst, uint64(len(u.Aliases)))
	for _, alias := range u.Aliases {
		dst = appendText(dst, string(alias))
	}
	dst = binary.AppendUvarint(dst, uint64(len(u.Direct)))
	for alias, device := range u.Direct {
		dst = appendText(appendText(dst, string(alias)), device)
	}
	return dst
}

func appendSecret(dst []byte, s *Secret, created int64, spare byte) []byte {
	at := len(dst)
	dst = append(append(dst, 0), s.MD5[:]...)
	dst = binary.AppendVarint(dst, s.created-created)
	if s.Identity.Device != "" {
		dst[at] |= packedDevice
		dst = appendText(dst, s.Identity.Device)
	}
	if s.SHA256 != ([32]byte{}) {
		dst[at] |= packedSHA256
		dst = append(dst, s.SHA256[:]...)
	}
	if spare&packedSHA512256 == 0 && s.SHA512256 != ([32]byte{}) {
		dst[at] |= packedSHA512256
		dst = append(dst, s.SHA512256[:]...)
	}
	if spare&packedLong == 0 && s.MD5Long != ([3][16]byte{}) {
		dst[at] |= packedLong
		for i := range s.MD5Long {
			dst = append(dst, s.MD5Long[i][:]...)
		}
	}
	return dst
}

func appendText(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

// packed is what is left to be read of a packed account.
type packed []byte

func (p *packed) number() int64 {
	n, size := binary.Varint(*p)
	*p = (*p)[size:]
	return n
}

func (p *packed) count() int {
	n, size := binary.Uvarint(*p)
	*p = (*p)[size:]
	return int(n)
}

func (p *packed) octets(n int) []byte {
	b := (*p)[:n]
	*p = (*p)[n:]
	return b
}

func (p *packed) octet() byte  { return p.octets(1)[0] }
func (p *packed) text() []byte { return p.octets(p.count()) }

// name is the address: the whole one, or a name of the default domain.
func (p packed) name() (name []byte, local bool) {
	local = p.octet()&packedDomain != 0
	return p.text(), local
}

// is reports whether the account is that of an address.
func (p packed) is(aor []byte, domain string) bool {
	name, local := p.name()
	if !local {
		return string(name) == string(aor)
	}
	at := len("sip:") + len(name)
	return len(aor) == at+1+len(domain) && string(aor[:4]) == "sip:" && string(aor[4:at]) == string(name) &&
		aor[at] == '@' && string(aor[at+1:]) == domain
}

// aor is the address of the account.
func (p packed) aor(domain string) rtc.AOR {
	name, local := p.name()
	if !local {
		return rtc.AOR(name)
	}
	return rtc.AOR("sip:" + string(name) + "@" + domain)
}

// account reads all of it. seen are those of its secrets.
func (p packed) account(domain string, seen []seen) *Account {
	one := new(struct { // what most need, in one piece of memory
		account Account
		secret  [1]Secret
		list    [1]*Secret
	})
	a := &one.account
	a.User = p.user(domain)
	created, n := millis(a.Created), p.count()
	secrets := one.secret[:]
	if a.Secrets = one.list[:0]; n > 1 {
		secrets, a.Secrets = make([]Secret, n), make([]*Secret, 0, n)
	}
	for i := range n {
		s := &secrets[i]
		p.secret(s, created)
		s.Identity.AOR, s.Identity.Method, s.Identity.Secret, s.seen = a.AOR, rtc.AuthDigest, s.created, &seen[i]
		a.Secrets = append(a.Secrets, s)
	}
	return a
}

// whose is the address and the device of the kth secret.
func (p packed) whose(k int, domain string) (rtc.AOR, string) {
	aor := p.aor(domain)
	flags := p.octet()
	p.text()
	p.text()
	p.number()
	p.number()
	if flags&packedProfile != 0 {
		p.profile(new(User))
	}
	p.count()
	var s Secret
	for range k + 1 {
		s.Identity.Device = ""
		p.secret(&s, 0)
	}
	return aor, s.Identity.Device
}

// user reads all but the secrets.
func (p *packed) user(domain string) (u User) {
	flags := p.octet()
	name, display := p.text(), p.text()
	var texts strings.Builder // of both, at once
	texts.Grow(len("sip:@") + len(name) + len(domain) + len(display))
	if flags&packedDomain != 0 {
		texts.WriteString("sip:")
	}
	texts.Write(name)
	if flags&packedDomain != 0 {
		texts.WriteByte('@')
		texts.WriteString(domain)
	}
	end := texts.Len()
	texts.Write(display)
	u.AOR, u.DisplayName = rtc.AOR(texts.String()[:end]), texts.String()[end:]
	created := p.number()
	u.Enabled, u.Created, u.Changed = flags&packedEnabled != 0, fromMillis(created), fromMillis(created+p.number())
	if flags&packedProfile != 0 {
		p.profile(&u)
	}
	return u
}

func (p *packed) profile(u *User) {
	for _, s := range []*string{&u.Mail, &u.Department, &u.Site, &u.Extension} {
		*s = string(p.text())
	}
	for range p.count() {
		u.Groups = append(u.Groups, string(p.text()))
	}
	for range p.count() {
		u.Aliases = append(u.Aliases, rtc.AOR(p.text()))
	}
	if n := p.count(); n > 0 {
		u.Direct = make(map[rtc.AOR]string, n)
		for range n {
			alias := rtc.AOR(p.text())
			u.Direct[alias] = string(p.text())
		}
	}
}

// secret reads one into s, all but whose it is.
func (p *packed) secret(s *Secret, created int64) {
	flags := p.octet()
	copy(s.MD5[:], p.octets(len(s.MD5)))
	s.created = created + p.number()
	if flags&packedDevice != 0 {
		s.Identity.Device = string(p.text())
	}
	if flags&packedSHA256 != 0 {
		copy(s.SHA256[:], p.octets(len(s.SHA256)))
	}
	if flags&packedSHA512256 != 0 {
		copy(s.SHA512256[:], p.octets(len(s.SHA512256)))
	}
	if flags&packedLong != 0 {
		for i := range s.MD5Long {
			copy(s.MD5Long[i][:], p.octets(len(s.MD5Long[i])))
		}
	}
}
