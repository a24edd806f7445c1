package telephony

import (
	"strings"

	"tandem/gateways"
	"tandem/gateways/dialect"
	"tandem/rtc"
	"tandem/rtc/sip"
)

// anonymous is shown in place of a caller who wants privacy (RFC 3323 §4.1.1.3).
const anonymous = `"Anonymous" <sip:anonymous@anonymous.invalid>`

// party is who calls, as the sides of a call are told.
type party struct {
	user    rtc.AOR // "" for a caller from a trunk
	number  string  // E.164 with '+', "" when there is none
	name    string  // display name, not quoted
	uri     string  // address shown to users
	private bool    // not to be shown (RFC 3323)
}

// from is the From value of an INVITE to a device, or to a trunk when there is
// one.
func (p party) from(trunk *gateways.Trunk, domain string) string {
	if p.private {
		return anonymous
	}
	return p.nameAddr(p.shown(trunk, domain))
}

// shown is the address of the caller as a trunk is told it. A provider that knows this server
// under an address of its own knows callers without a number by that.
func (p party) shown(trunk *gateways.Trunk, domain string) string {
	if trunk == nil {
		return p.uri
	}
	if trunk.Domain != "" {
		domain = trunk.Domain
	}
	switch {
	case p.number == "" && trunk.Domain != "" && trunk.User() != "":
		return trunk.AddressOfRecord()
	case p.number == "":
		return p.uri
	case trunk.Speaks().UserPhone == dialect.On:
		return "sip:" + trunk.Form(p.number) + "@" + domain + ";user=phone"
	}
	return "sip:" + trunk.Form(p.number) + "@" + domain
}

func (p party) nameAddr(uri string) string {
	if p.name == "" {
		return "<" + uri + ">"
	}
	return `"` + quoted(p.name) + `" <` + uri + ">"
}

// identity are the header lines that tell a trunk whose call it is.
func (p party) identity(trunk *gateways.Trunk, domain string) []byte {
	if trunk == nil {
		return nil
	}
	var b []byte
	uri := p.shown(trunk, domain)
	switch trunk.Speaks().CallerID {
	case dialect.CallerRemote:
		b = append(b, "Remote-Party-ID: "+p.nameAddr(uri)+";party=calling;screen=yes"...)
		if p.private {
			b = append(b, ";privacy=full"...)
		}
		b = append(b, "\r\n"...)
	case dialect.CallerFrom:
	default:
		b = append(b, "P-Asserted-Identity: "+p.nameAddr(uri)+"\r\n"...) // RFC 3325 §9.1
	}
	if p.private {
		b = append(b, "Privacy: id\r\n"...)
	}
	return b
}

// identityTo are the header lines that tell a phone who calls, in the form it
// reads. Who wants privacy is not told.
func (p party) identityTo(form dialect.CallerID) []byte {
	if p.private {
		return nil
	}
	switch form {
	case dialect.CallerRemote: // old Cisco phones show "Private" unless all parameters are there
		return []byte("Remote-Party-ID: " + p.nameAddr(p.uri) + ";party=calling;id-type=subscriber;privacy=off;screen=yes\r\n")
	case dialect.CallerAsserted:
		return []byte("P-Asserted-Identity: " + p.nameAddr(p.uri) + "\r\n")
	}
	return nil
}

// quoted is text fit for a quoted string (RFC 3261 §25.1).
func quoted(s string) string {
	s = strings.ReplaceAll(strings.ReplaceAll(s, `\`, `\\`), `"`, `\"`)
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
}

// unquoted is a display name as people read it.
func unquoted(display []byte) string {
	s := strings.TrimSpace(string(display))
	if len(s) < 2 || s[0] != '"' {
		return s
	}
	s = s[1 : len(s)-1]
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// wantsPrivacy reports whether the caller asks for its identity to be withheld
// (RFC 3323 §4.2, RFC 3325 §9.3).
func wantsPrivacy(m *sip.Message) bool {
	return privacyHas(m, "id") || privacyHas(m, "user") || privacyHas(m, "header")
}

// privacyHas reports whether the Privacy header has a value.
func privacyHas(m *sip.Message, value string) bool {
	for v := range strings.SplitSeq(string(m.Get(sip.HdrPrivacy)), ";") {
		if strings.EqualFold(strings.TrimSpace(v), value) {
			return true
		}
	}
	return false
}
