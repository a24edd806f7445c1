// Package identity tells each side of a call who is on the other one, in the headers
// that it reads, and reads who calls. A caller who wants privacy is told to trunks
// alone, which need to know and pass it on as private (RFC 3323, RFC 3325).
//
// It decides nothing about the call.
package identity

import (
	"strings"

	"tandem/gateways"
	"tandem/gateways/dialect"
	"tandem/rtc"
	"tandem/rtc/sip"
)

// anonymous is shown in place of a caller who wants privacy (RFC 3323 §4.1.1.3).
const anonymous = `"Anonymous" <sip:anonymous@anonymous.invalid>`

// Party is who calls, as the sides of a call are told.
type Party struct {
	User    rtc.AOR // "" for a caller from a trunk
	Number  string  // E.164 with '+', "" when there is none
	Name    string  // display name, not quoted
	URI     string  // address shown to users
	Private bool    // not to be shown (RFC 3323)
}

// From is the From value of an INVITE to a device, or to a trunk when there is
// one.
func (p Party) From(trunk *gateways.Trunk, domain string) string {
	if p.Private {
		return anonymous
	}
	return p.nameAddr(p.shown(trunk, domain))
}

// shown is the address of the caller as a trunk is told it. A provider that knows this server
// under an address of its own knows callers without a number by that.
func (p Party) shown(trunk *gateways.Trunk, domain string) string {
	if trunk == nil {
		return p.URI
	}
	if trunk.Domain != "" {
		domain = trunk.Domain
	}
	switch {
	case p.Number == "" && trunk.Domain != "" && trunk.User() != "":
		return trunk.AddressOfRecord()
	case p.Number == "":
		return p.URI
	case trunk.Speaks().UserPhone == dialect.On:
		return "sip:" + trunk.Form(p.Number) + "@" + domain + ";user=phone"
	}
	return "sip:" + trunk.Form(p.Number) + "@" + domain
}

func (p Party) nameAddr(uri string) string {
	if p.Name == "" {
		return "<" + uri + ">"
	}
	return `"` + quoted(p.Name) + `" <` + uri + ">"
}

// Identity are the header lines that tell a trunk whose call it is.
func (p Party) Identity(trunk *gateways.Trunk, domain string) []byte {
	if trunk == nil {
		return nil
	}
	var b []byte
	uri := p.shown(trunk, domain)
	switch trunk.Speaks().CallerID {
	case dialect.CallerRemote:
		b = append(b, "Remote-Party-ID: "+p.nameAddr(uri)+";party=calling;screen=yes"...)
		if p.Private {
			b = append(b, ";privacy=full"...)
		}
		b = append(b, "\r\n"...)
	case dialect.CallerFrom:
	default:
		b = append(b, "P-Asserted-Identity: "+p.nameAddr(uri)+"\r\n"...) // RFC 3325 §9.1
	}
	if p.Private {
		b = append(b, "Privacy: id\r\n"...)
	}
	return b
}

// IdentityTo are the header lines that tell a phone who calls, in the form it
// reads. Who wants privacy is not told.
func (p Party) IdentityTo(form dialect.CallerID) []byte {
	if p.Private {
		return nil
	}
	switch form {
	case dialect.CallerRemote: // old Cisco phones show "Private" unless all parameters are there
		return []byte("Remote-Party-ID: " + p.nameAddr(p.URI) + ";party=calling;id-type=subscriber;privacy=off;screen=yes\r\n")
	case dialect.CallerAsserted:
		return []byte("P-Asserted-Identity: " + p.nameAddr(p.URI) + "\r\n")
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

// Unquoted is a display name as people read it.
func Unquoted(display []byte) string {
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

// WantsPrivacy reports whether the caller asks for its identity to be withheld
// (RFC 3323 §4.2, RFC 3325 §9.3).
func WantsPrivacy(m *sip.Message) bool {
	return PrivacyHas(m, "id") || PrivacyHas(m, "user") || PrivacyHas(m, "header")
}

// PrivacyHas reports whether the Privacy header has a value.
func PrivacyHas(m *sip.Message, value string) bool {
	for v := range strings.SplitSeq(string(m.Get(sip.HdrPrivacy)), ";") {
		if strings.EqualFold(strings.TrimSpace(v), value) {
			return true
		}
	}
	return false
}

// Address is who it is, for people.
func (p Party) Address() string {
	switch {
	case p.User != "":
		return string(p.User)
	case p.Number != "":
		return "tel:" + p.Number
	}
	return p.URI
}

// Connected are the header lines that tell a side whom it speaks with now: in the
// form its phone reads, else those of RFC 3325 and of gateways and phones of old.
func (p Party) Connected(form dialect.CallerID) []byte {
	if p.Private || p.URI == "" { // or it is nobody
		return nil
	}
	who := p.nameAddr(p.URI)
	switch form {
	case dialect.CallerAsserted:
		return []byte("P-Asserted-Identity: " + who + "\r\n")
	case dialect.CallerRemote:
		return []byte("Remote-Party-ID: " + who + ";party=called;id-type=subscriber;privacy=off;screen=yes\r\n")
	}
	return []byte("P-Asserted-Identity: " + who + "\r\nRemote-Party-ID: " + who + ";party=called;screen=yes\r\n")
}
