package card

import (
	"fmt"
	"strings"

	"tandem/rtc/contacts"
)

// readVCards reads one card after the other.
func readVCards(text string) (list []contacts.Contact, skipped []string, err error) {
	var addresses, mails, numbers, groups []string
	name, formal, inside := "", "", false
	for n, line := range unfolded(text) {
		prop, value, ok := property(line)
		if !ok {
			return nil, nil, fmt.Errorf("line %d is not a property of a card, such as TEL:+49301234567", n+1)
		}
		switch {
		case prop == "BEGIN":
			if inside {
				return nil, nil, fmt.Errorf("line %d begins a card within a card", n+1)
			}
			addresses, mails, numbers, groups, name, formal, inside = nil, nil, nil, nil, "", "", true
		case !inside:
			return nil, nil, fmt.Errorf("line %d stands outside a card", n+1)
		case prop == "END":
			inside = false
			if name == "" {
				name = formal
			}
			if len(numbers) == 0 { // a card of mail alone is reached by SIP at that address
				addresses = append(addresses, mails...)
			}
			if c, ok := contact(addresses, numbers, groups, name); ok {
				list = append(list, c)
			} else {
				skipped = append(skipped, name)
			}
		case prop == "FN":
			name = plain(value)
		case prop == "N":
			formal = formalName(value)
		case prop == "IMPP", prop == "X-SIP":
			addresses = append(addresses, sip(plain(value), prop))
		case prop == "EMAIL":
			mails = append(mails, plain(value))
		case prop == "TEL":
			numbers = append(numbers, plain(value))
		case prop == "CATEGORIES":
			for _, g := range fields(value, ',') {
				groups = append(groups, plain(g))
			}
		}
	}
	if inside {
		return nil, nil, fmt.Errorf("the last card does not end: END:VCARD is missing")
	}
	return list, skipped, nil
}

// sip is an address of instant messaging as far as we can reach it.
func sip(value, prop string) string {
	if scheme, _, ok := strings.Cut(value, ":"); ok {
		switch strings.ToLower(scheme) {
		case "sip", "sips", "tel", "im", "pres":
			return value
		}
		return "" // xmpp, skype, …
	}
	if prop == "X-SIP" {
		return "sip:" + value
	}
	return value
}

// unfolded are the lines, continuations joined (RFC 6350 §3.2). Empty ones are
// left out.
func unfolded(text string) (lines []string) {
	for line := range strings.SplitSeq(strings.TrimPrefix(text, "\ufeff"), "\n") {
		line = strings.TrimSuffix(line, "\r")
		switch {
		case len(lines) > 0 && (strings.HasPrefix(line, " ") || strings.HasPrefix(line, "\t")):
			lines[len(lines)-1] += line[1:]
		case strings.TrimSpace(line) != "":
			lines = append(lines, line)
		}
	}
	return lines
}

// property splits a line: the name in upper case without group and parameters,
// and the value.
func property(line string) (name, value string, ok bool) {
	quoted := false
	for i, c := range line {
		switch {
		case c == '"':
			quoted = !quoted
		case c == ':' && !quoted:
			name, _, _ = strings.Cut(line[:i], ";")
			if _, after, grouped := strings.Cut(name, "."); grouped {
				name = after
			}
			return strings.ToUpper(name), line[i+1:], name != ""
		}
	}
	return "", "", false
}

// fields splits at a separator that is not escaped.
func fields(s string, separator byte) (list []string) {
	from := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case separator:
			list = append(list, s[from:i])
			from = i + 1
		}
	}
	return append(list, s[from:])
}

// plain takes escapes out of a value (RFC 6350 §3.4).
func plain(s string) string {
	return strings.TrimSpace(strings.NewReplacer(`\\`, `\`, `\,`, ",", `\;`, ";", `\n`, " ", `\N`, " ").Replace(s))
}

func escaped(s string) string {
	return strings.NewReplacer(`\`, `\\`, ",", `\,`, ";", `\;`, "\n", `\n`).Replace(s)
}

// formalName is the name of N: family, given and more.
func formalName(value string) string {
	f := fields(value, ';')
	family := plain(f[0])
	if len(f) > 1 && plain(f[1]) != "" {
		return strings.TrimSpace(plain(f[1]) + " " + family)
	}
	return family
}

// writeVCards writes version 4, which knows IMPP.
func writeVCards(list []contacts.Contact) []byte {
	var b strings.Builder
	line := func(s string) { // RFC 6350 §3.2: at most 75 octets, not within a character
		for first := true; s != ""; first = false {
			room := 75
			if !first {
				b.WriteByte(' ')
				room--
			}
			n := min(room, len(s))
			for n < len(s) && s[n]&0xc0 == 0x80 {
				n--
			}
			b.WriteString(s[:n] + "\r\n")
			s = s[n:]
		}
	}
	for _, c := range list {
		line("BEGIN:VCARD")
		line("VERSION:4.0")
		name := c.Name
		if name == "" {
			name = c.Address
		}
		line("FN:" + escaped(name))
		if n, ok := strings.CutPrefix(c.Address, "tel:"); !ok {
			line("IMPP:" + escaped(c.Address))
		} else if len(c.Numbers) == 0 {
			line("TEL;VALUE=uri:tel:" + n)
		}
		for _, n := range c.Numbers {
			line("TEL;VALUE=uri:tel:" + escaped(n))
		}
		if len(c.Groups) > 0 {
			var groups []string
			for _, g := range c.Groups {
				groups = append(groups, escaped(g))
			}
			line("CATEGORIES:" + strings.Join(groups, ","))
		}
		line("END:VCARD")
	}
	return []byte(b.String())
}
