package directory

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"tandem/rtc"
	"tandem/rtc/label"
)

// Bounds of what is kept of a user.
const (
	maxText   = 128 // octets of a name of a person, department, site or group
	maxMail   = 254 // RFC 5321 §4.5.3.1.3
	maxGroups = 32
)

// Numbers are the telephone numbers among the aliases, in E.164 with '+'.
func (u *User) Numbers() []string {
	var list []string
	for _, alias := range u.Aliases {
		if number, ok := strings.CutPrefix(string(alias), "tel:"); ok {
			list = append(list, number)
		}
	}
	return list
}

// setNumbers replaces the telephone numbers and keeps the other aliases.
func (u *User) setNumbers(numbers []string) error {
	aliases := slices.DeleteFunc(slices.Clone(u.Aliases), func(a rtc.AOR) bool { return strings.HasPrefix(string(a), "tel:") })
	for _, text := range numbers {
		number, err := checkNumber(strings.TrimPrefix(text, "tel:"))
		if err != nil {
			return err
		}
		if !slices.Contains(aliases, number) {
			aliases = append(aliases, number)
		}
	}
	u.Aliases = aliases
	return nil
}

// checkProfile wants texts that can be shown, and puts the groups in order.
func checkProfile(u *User) error {
	for _, f := range []struct{ what, text string }{
		{"display name", u.DisplayName}, {"department", u.Department}, {"site", u.Site},
	} {
		if err := checkText(f.what, f.text); err != nil {
			return err
		}
	}
	if at := strings.LastIndexByte(u.Mail, '@'); u.Mail != "" && (at <= 0 || at == len(u.Mail)-1 || len(u.Mail) > maxMail ||
		!utf8.ValidString(u.Mail) || strings.ContainsFunc(u.Mail, func(r rune) bool { return unicode.IsControl(r) || unicode.IsSpace(r) })) {
		return fmt.Errorf("mail address %q: %w: write it as name@domain", u.Mail, ErrInvalid)
	}
	if len(u.Extension) > 15 || strings.Trim(u.Extension, "0123456789*#") != "" {
		return fmt.Errorf("extension %q: %w: it has 1 to 15 digits; a whole number is a telephone number", u.Extension, ErrInvalid)
	}
	if strings.Contains(u.Site, "/") {
		return fmt.Errorf("site %q: %w: no / in it", u.Site, ErrInvalid)
	}
	groups := slices.Sorted(slices.Values(u.Groups))
	u.Groups = nil
	for _, g := range groups {
		if !slices.ContainsFunc(u.Groups, func(have string) bool { return label.Same(have, g) }) {
			u.Groups = append(u.Groups, g)
		}
	}
	if len(u.Groups) > maxGroups {
		return fmt.Errorf("%w groups: a user is in at most %d", ErrTooMany, maxGroups)
	}
	for _, g := range u.Groups {
		if label.Fold(g) == "" {
			return fmt.Errorf("group: %w: it needs a name", ErrInvalid)
		}
		if err := checkText("group", g); err != nil {
			return err
		}
	}
	return nil
}

func checkText(what, s string) error {
	if len(s) > maxText || !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) {
		return fmt.Errorf("%s: %w: at most %d octets of UTF-8 without control characters", what, ErrInvalid, maxText)
	}
	return nil
}
