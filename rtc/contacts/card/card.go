// Package card reads and writes contact lists as other programs do: vCard
// (RFC 6350, and version 3 of RFC 2426) and CSV.
package card

import (
	"fmt"
	"strings"

	"tandem/rtc/contacts"
)

// Format of a file of contacts.
type Format string

// The formats.
const (
	VCard Format = "vcard"
	CSV   Format = "csv"
)

// FormatOf tells the format of a file by how it begins.
func FormatOf(b []byte) Format {
	s := strings.TrimLeft(strings.TrimPrefix(string(b[:min(len(b), 200)]), "\ufeff"), " \t\r\n")
	if len(s) >= 11 && strings.EqualFold(s[:11], "BEGIN:VCARD") {
		return VCard
	}
	return CSV
}

// maxContacts bounds what is read of one file.
const maxContacts = contacts.MaxContacts

// Read reads contacts. skipped are those without any address that could be
// called, by their place. The error names the line at fault.
func Read(b []byte, f Format) (list []contacts.Contact, skipped []string, err error) {
	switch f {
	case VCard:
		list, skipped, err = readVCards(string(b))
	case CSV:
		list, skipped, err = readCSV(string(b))
	default:
		return nil, nil, fmt.Errorf("format %q is unknown: use vcard or csv", f)
	}
	if err == nil && len(list) > maxContacts {
		err = fmt.Errorf("the file has more than %d contacts: split it", maxContacts)
	}
	return list, skipped, err
}

// Write writes contacts.
func Write(list []contacts.Contact, f Format) ([]byte, error) {
	switch f {
	case VCard:
		return writeVCards(list), nil
	case CSV:
		return writeCSV(list)
	}
	return nil, fmt.Errorf("format %q is unknown: use vcard or csv", f)
}

// address makes a SIP or tel URI of what people write: a URI, an address, a
// number; "" when it is neither.
func address(s string) string {
	s = strings.TrimSpace(s)
	lower := strings.ToLower(s)
	for _, scheme := range []string{"sip:", "sips:", "tel:", "im:", "pres:"} {
		if rest, ok := strings.CutPrefix(lower, scheme); ok && rest != "" {
			if scheme == "im:" || scheme == "pres:" { // RFC 3861: found as SIP
				return "sip:" + s[len(scheme):]
			}
			return scheme + s[len(scheme):]
		}
	}
	if n := number(s); n != "" {
		return "tel:" + n
	}
	if user, host, ok := strings.Cut(s, "@"); ok && user != "" && host != "" && !strings.ContainsAny(s, " <>\",;:") {
		return "sip:" + s
	}
	return ""
}

// number is a telephone number without separators, "" when it is none.
func number(s string) string {
	s = strings.TrimPrefix(strings.TrimPrefix(strings.TrimSpace(s), "tel:"), "TEL:")
	s, _, _ = strings.Cut(s, ";")
	var b strings.Builder
	for i, c := range s {
		switch {
		case c >= '0' && c <= '9', c == '+' && i == 0, c == '*', c == '#':
			b.WriteRune(c)
		case strings.ContainsRune(" -.()/\u00a0", c):
		default:
			return ""
		}
	}
	if b.Len() < 2 {
		return ""
	}
	return b.String()
}

// contact makes one of what a card or a row says; not ok: it has no address.
func contact(addresses, numbers, groups []string, name string) (c contacts.Contact, ok bool) {
	c = contacts.Contact{Name: strings.TrimSpace(name)}
	for _, n := range numbers {
		if n = number(n); n != "" {
			c.Numbers = append(c.Numbers, n)
		}
	}
	for _, a := range addresses {
		if a = address(a); a != "" {
			c.Address = a
			break
		}
	}
	if c.Address == "" && len(c.Numbers) > 0 {
		c.Address = "tel:" + c.Numbers[0]
	}
	for _, g := range groups {
		if g = strings.TrimSpace(g); g != "" {
			c.Groups = append(c.Groups, g)
		}
	}
	return c, c.Address != ""
}
