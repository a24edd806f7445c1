package gateways

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"tandem/rtc/sip"
)

// Register is how this server registers with a trunk.
type Register string

// The registrations. The zero value is RegisterOff.
const (
	RegisterOff  Register = "off"
	RegisterLine Register = "line" // one address of record (RFC 3261 §10)
	RegisterBulk Register = "bulk" // all numbers of the trunk at once (RFC 6140)
)

// userChars may stand in the user part of an address as they are (RFC 3261 §25.1).
const userChars = "abcdefghijklmnopqrstuvwxyz0123456789+-_.!~*'()&=$,"

// Limits of the time a registration is asked for.
const (
	defaultRegisterFor = 10 * time.Minute
	minRegisterFor     = time.Minute
	maxRegisterFor     = 24 * time.Hour
)

// Host is the host by which the trunk's side is named in requests: its Domain, or
// the host of its first address.
func (t *Trunk) Host() string {
	if t.Domain != "" {
		return t.Domain
	}
	u, err := sip.ParseURI([]byte(t.Addresses[0]))
	if err != nil {
		return "" // checked when it was set
	}
	return string(u.Host)
}

// User is the user part of this server's address of record at the trunk, "" when
// it has none there.
func (t *Trunk) User() string { return cmp.Or(t.Account, t.Digest.User) }

// AddressOfRecord is what this server registers: "sip:4930123450@sip.example.net".
func (t *Trunk) AddressOfRecord() string {
	if user := t.User(); user != "" {
		return "sip:" + user + "@" + t.Host()
	}
	return "sip:" + t.Host()
}

func (t *Trunk) checkRegister() error {
	t.Register, t.RegisterFor = cmp.Or(t.Register, RegisterOff), cmp.Or(t.RegisterFor, defaultRegisterFor)
	t.Domain = strings.ToLower(strings.TrimSuffix(t.Domain, "."))
	if t.Domain != "" {
		if u, err := sip.ParseURI([]byte("sip:" + t.Domain)); err != nil || u.Params != nil || u.Headers != nil || u.User != nil {
			return invalid("domain %q: write the provider's domain alone, as sip.example.net", t.Domain)
		}
	}
	switch {
	case len(t.Account) > 64 || strings.Trim(strings.ToLower(t.Account), userChars) != "":
		return invalid("account %q: write the part before @ of our address at the provider, and the other in domain", t.Account)
	case t.Register != RegisterOff && strings.Trim(strings.ToLower(t.User()), userChars) != "":
		return invalid("the digest's user %q is not the user of an address: give the account as well", t.Digest.User)
	case !slices.Contains([]Register{RegisterOff, RegisterLine, RegisterBulk}, t.Register):
		return invalid("register %q: use off, line or bulk", t.Register)
	case t.Register == RegisterLine && t.User() == "":
		return invalid("register line: it has no user; give the account, or the user of the digest")
	case t.RegisterFor < minRegisterFor || t.RegisterFor > maxRegisterFor:
		return invalid("register_for %s: it is %s to %s", t.RegisterFor, minRegisterFor, maxRegisterFor)
	}
	return nil
}
