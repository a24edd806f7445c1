package directory

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"tandem/rtc"
)

// ParseAOR reads an address as people write it: "alice", "alice@example.com"
// or "sip:alice@example.com". Without a domain it takes the default one.
func (d *Directory) ParseAOR(s string) (rtc.AOR, error) {
	name, domain := s, d.DefaultDomain()
	if rest, ok := strings.CutPrefix(name, "sip:"); ok {
		name = rest
	}
	if before, after, ok := strings.Cut(name, "@"); ok {
		name, domain = before, strings.ToLower(after)
	}
	aor := rtc.AOR("sip:" + name + "@" + domain)
	return aor, d.checkAOR(aor)
}

// ParseAlias reads an alias of a user of domain: a telephone number
// ("+49 30 123", "tel:+4930123"), an extension ("100") or an address.
func (d *Directory) ParseAlias(s, domain string) (rtc.AOR, error) {
	number, tel := strings.CutPrefix(s, "tel:")
	if tel || strings.HasPrefix(s, "+") && !strings.Contains(s, "@") {
		return checkNumber(number)
	}
	if !strings.Contains(s, "@") {
		s = strings.TrimPrefix(s, "sip:") + "@" + domain
	}
	return d.ParseAOR(s)
}

// checkNumber drops what RFC 3966 §3 calls visual separators and wants a
// global number.
func checkNumber(s string) (rtc.AOR, error) {
	number := strings.Map(func(r rune) rune {
		if strings.ContainsRune(" -.()", r) {
			return -1
		}
		return r
	}, s)
	digits, ok := strings.CutPrefix(number, "+")
	if !ok || len(digits) < 3 || len(digits) > 15 || strings.Trim(digits, "0123456789") != "" {
		return "", fmt.Errorf("number %q: %w: write it as + and 3 to 15 digits, or an extension without \"tel:\"", s, ErrInvalid)
	}
	return rtc.AOR("tel:" + number), nil
}

func (d *Directory) checkAOR(aor rtc.AOR) error {
	name, domain := aor.User(), aor.Domain()
	if string(aor) != "sip:"+name+"@"+domain {
		return fmt.Errorf("address %q: %w: write it as sip:name@domain", aor, ErrInvalid)
	}
	if err := checkName(name); err != nil {
		return err
	}
	if !d.Domain([]byte(domain)) || strings.ToLower(domain) != domain {
		return fmt.Errorf("domain %q: %w: use one of %s, or add it to the configuration",
			domain, ErrUnknownDomain, strings.Join(d.domains, ", "))
	}
	return nil
}

// checkName allows what needs no escape in a SIP URI and no quoting in Digest.
func checkName(name string) error {
	if name == "" || len(name) > 64 {
		return fmt.Errorf("user name %q: %w: it has 1 to 64 characters", name, ErrInvalid)
	}
	for i := 0; i < len(name); i++ {
		c := name[i]
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
		if !letter && strings.IndexByte("-_.+*~!'()&=$/", c) < 0 {
			return fmt.Errorf("user name %q: %w: letters, digits and -_.+*~!'()&=$/ only", name, ErrInvalid)
		}
	}
	return nil
}

func checkDevice(name string) error {
	if name == "" || len(name) > 64 || !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl) {
		return fmt.Errorf("device name: %w: 1 to 64 octets of UTF-8 without control characters", ErrInvalid)
	}
	return nil
}
