package learn

import (
	"fmt"
	"net/netip"
	"regexp"
	"strings"

	"tandem/interop/wire"
)

// neutral puts variables of the suite, or names that mean nothing, in the place of
// what tells who was captured.
type neutral struct {
	device, server netip.AddrPort
	who            string // the device's name in the suite: phone or gateway
	user           string // of its From
	domain         string // of its From, "" when that is an address
	names          map[string]string
	count          map[string]int
}

func newNeutral(who string, first Packet) *neutral {
	n := &neutral{who: who, device: first.From, server: first.To, names: map[string]string{}, count: map[string]int{}}
	from := wire.URI(first.Message.Get("From"))
	n.user, n.domain = parts(from)
	if n.domain == "" || isAddress(n.domain) {
		_, n.domain = parts(first.Message.RequestURI())
	}
	if isAddress(n.domain) {
		n.domain = ""
	}
	if !n.device.IsValid() { // a text without addresses: the top Via says it
		_, sentBy, _ := strings.Cut(strings.TrimSpace(first.Message.Get("Via")), " ")
		sentBy, _, _ = strings.Cut(sentBy, ";")
		n.device, _ = netip.ParseAddrPort(strings.TrimSpace(sentBy))
	}
	return n
}

// parts are user and host of a SIP URI.
func parts(uri string) (user, host string) {
	_, rest, ok := strings.Cut(uri, ":")
	if !ok {
		return "", ""
	}
	rest, _, _ = strings.Cut(rest, ";")
	if user, host, ok = strings.Cut(rest, "@"); !ok {
		user, host = "", rest
	}
	if h, _, ok := strings.Cut(host, ":"); ok && !strings.HasPrefix(host, "[") {
		host = h
	}
	return user, host
}

func isAddress(s string) bool {
	_, err := netip.ParseAddr(strings.Trim(s, "[]"))
	return err == nil
}

var (
	uriPart  = regexp.MustCompile(`(sips?:|tel:)([^@\s<>;,"]+@)?([^\s<>;,"?]+)`)
	quoted   = regexp.MustCompile(`"(?:[^"\\]|\\.)*"(\s*<)`)
	bare     = regexp.MustCompile(`(?m)^((?:From|To|Contact|f|t|m|Remote-Party-ID|P-Asserted-Identity|P-Preferred-Identity|Diversion)\s*:\s*)([^"<\r\n:;\s][^"<\r\n:;]*)(<)`)
	ipv4Port = regexp.MustCompile(`\b(\d{1,3}(?:\.\d{1,3}){3})(:\d+)?\b`)
	mac      = regexp.MustCompile(`(?i)\b(?:[0-9a-f]{12}|[0-9a-f]{2}(?:[:-][0-9a-f]{2}){5})\b`)
	uuid     = regexp.MustCompile(`(?i)\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b`)
	mail     = regexp.MustCompile(`\b[\w.+-]+@([\w-]+\.)+[a-z]{2,}\b`)
	origin   = regexp.MustCompile(`(?m)^o=\S+`)
	port     = regexp.MustCompile(`(?m)^(m=audio )\d+`)
)

// request is the text of a request of the device with variables in it.
func (n *neutral) request(m *wire.Message) string {
	head, body, _ := strings.Cut(strings.ReplaceAll(string(m.Raw), "\r\n", "\n"), "\n\n")
	lines := strings.Split(head, "\n")
	first := true // of the Vias
	kept := lines[:1]
	for _, line := range lines[1:] {
		name, value, _ := strings.Cut(line, ":")
		switch wire.Canonical(name) {
		case "authorization", "proxy-authorization":
			continue // it is answered when it is asked for
		case "via":
			if first {
				value = replace(value, `branch=([^;,\s]+)`, "{branch}")
			}
			first = false
		case "from":
			value = replace(value, `tag=([^;,\s]+)`, "{tag}")
		case "call-id":
			value = spaced(value, "{call}")
		case "cseq":
			value = replace(value, `(\d+)`, "{cseq}")
		case "content-length":
			value = spaced(value, "{length}")
		}
		kept = append(kept, name+":"+value)
	}
	body = port.ReplaceAllString(origin.ReplaceAllString(body, "o=-"), "${1}{rtp}")
	text := n.words(strings.Join(kept, "\n"))
	if body != "" {
		text += "\n\n" + n.words(body)
	}
	return text + "\n"
}

// words are neutral names for all that is private in a text.
func (n *neutral) words(s string) string {
	s = quoted.ReplaceAllString(s, `"Name"$1`)
	s = bare.ReplaceAllString(s, "${1}Name $3")
	s = uriPart.ReplaceAllStringFunc(s, func(u string) string {
		m := uriPart.FindStringSubmatch(u)
		user, host := strings.TrimSuffix(m[2], "@"), m[3]
		if m[1] == "tel:" {
			return m[1] + n.number(host)
		}
		if user != "" {
			user = n.number(user) + "@"
		}
		return m[1] + user + n.host(host)
	})
	s = uuid.ReplaceAllString(s, "00000000-0000-1000-8000-00005E005301")
	s = mac.ReplaceAllString(s, "00005E005301")
	s = mail.ReplaceAllStringFunc(s, func(a string) string { return "name@" + n.host(a[strings.IndexByte(a, '@')+1:]) })
	return ipv4Port.ReplaceAllStringFunc(s, n.host)
}

// number is a neutral user part.
func (n *neutral) number(s string) string {
	user, rest, cutOff := strings.Cut(s, ";")
	switch {
	case strings.HasPrefix(user, "{"):
	case user == n.user:
		user = "{user}"
	case strings.Trim(user, "+0123456789-.()*#") == "" && user != "":
		user = n.other("number", user, "{number}", "1555010%02d")
	default:
		user = n.other("user", user, "", "user%d")
	}
	if cutOff {
		user += ";" + rest
	}
	return user
}

// host is a neutral host, with its port where it has one.
func (n *neutral) host(s string) string {
	name, at, hasPort := strings.Cut(s, ":")
	switch {
	case strings.HasPrefix(s, "{"), s == "0.0.0.0":
		return s
	case s == n.device.String():
		return "{" + n.who + "}"
	case s == n.server.String():
		return "{server}"
	case name == n.device.Addr().String():
		name = "{" + n.who + ".host}"
	case name == n.server.Addr().String():
		name = "{server.host}"
	case name == n.domain:
		name = "{domain}"
	case isAddress(name):
		name = n.other("address", name, "", "192.0.2.%d")
	default:
		name = n.other("host", name, "", "host%d.example.com")
	}
	if hasPort {
		name += ":" + at
	}
	return name
}

// other is what stands for a name: the first of its kind, when it is given, or one
// made of the form.
func (n *neutral) other(kind, name, first, form string) string {
	if known, ok := n.names[kind+name]; ok {
		return known
	}
	n.count[kind]++
	made := fmt.Sprintf(form, n.count[kind])
	if n.count[kind] == 1 && first != "" {
		made = first
	}
	n.names[kind+name] = made
	return made
}

// replace puts a text in the place of the first group of an expression.
func replace(s, expr, with string) string {
	at := regexp.MustCompile(expr).FindStringSubmatchIndex(s)
	if at == nil {
		return s
	}
	return s[:at[2]] + with + s[at[3]:]
}

// spaced is another value with the blanks in front that there were.
func spaced(value, with string) string {
	return value[:len(value)-len(strings.TrimLeft(value, " \t"))] + with
}
