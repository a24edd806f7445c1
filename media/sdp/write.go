package sdp

import (
	"net/netip"
	"strconv"
	"strings"
)

// Append writes d in the order of RFC 8866 §5, with CRLF. A c= line is written where it
// differs from the session's. Control characters are omitted, so that no value can add
// a line.
func (d *Description) Append(b []byte) []byte {
	b = append(b, "v=0\r\no="...)
	b = appendText(b, orElse(d.Origin.User, "-"))
	for _, s := range []string{d.Origin.ID, d.Origin.Version} {
		b = append(b, ' ')
		b = appendText(b, orElse(s, "0"))
	}
	b = append(b, networkType(d.Origin.Host)...)
	b = appendText(b, orElse(d.Origin.Host, "0.0.0.0"))
	b = append(b, "\r\ns="...)
	b = appendText(b, orElse(d.Name, "-"))
	b = append(b, "\r\n"...)
	b = appendInfo(b, d.Info)
	b = appendConnection(b, d.Connection, d.ConnHost)
	b = appendLines(b, 'b', d.Bandwidth)
	b = append(b, "t="...)
	b = appendText(b, orElse(d.Time, "0 0"))
	b = append(b, "\r\n"...)
	b = appendAttributes(b, d.Attributes)
	for i := range d.Media {
		b = d.Media[i].append(b, d)
	}
	return b
}

// String returns the text without keys and passwords, for people; Append writes
// everything.
func (d *Description) String() string {
	var b strings.Builder
	for line := range strings.Lines(string(d.Append(nil))) {
		for _, secret := range [...]string{"a=crypto:", "a=ice-pwd:"} {
			if strings.HasPrefix(line, secret) {
				line = secret + "(secret)\r\n"
			}
		}
		b.WriteString(line)
	}
	return b.String()
}

func (m *Media) append(b []byte, d *Description) []byte {
	b = append(b, "m="...)
	b = appendText(b, m.Kind)
	b = append(b, ' ')
	b = strconv.AppendInt(b, int64(m.Port), 10)
	if m.Ports > 1 {
		b = append(b, '/')
		b = strconv.AppendInt(b, int64(m.Ports), 10)
	}
	b = append(b, ' ')
	b = appendText(b, m.Proto)
	for _, f := range m.Formats {
		b = append(b, ' ')
		b = appendText(b, f)
	}
	b = append(b, "\r\n"...)
	b = appendInfo(b, m.Info)
	if m.Connection != d.Connection || m.ConnHost != d.ConnHost {
		b = appendConnection(b, m.Connection, m.ConnHost)
	}
	b = appendLines(b, 'b', m.Bandwidth)
	return appendAttributes(b, m.Attributes)
}

func appendConnection(b []byte, addr netip.Addr, host string) []byte {
	if addr.IsValid() {
		if b = append(b, "c=IN IP4 "...); addr.Is6() {
			b[len(b)-2] = '6'
		}
		return append(addr.AppendTo(b), "\r\n"...)
	}
	if host == "" {
		return b
	}
	b = append(b, "c="...)
	b = append(b, networkType(host)[1:]...)
	b = appendText(b, host)
	return append(b, "\r\n"...)
}

func networkType(host string) string {
	if strings.Contains(host, ":") {
		return " IN IP6 "
	}
	return " IN IP4 "
}

func appendInfo(b []byte, info string) []byte {
	if info == "" {
		return b
	}
	return appendLines(b, 'i', []string{info})
}

func appendLines(b []byte, kind byte, lines []string) []byte {
	for _, l := range lines {
		b = append(b, kind, '=')
		b = appendText(b, l)
		b = append(b, "\r\n"...)
	}
	return b
}

func appendAttributes(b []byte, attributes []Attribute) []byte {
	for _, a := range attributes {
		b = append(b, "a="...)
		b = appendText(b, a.Name)
		if a.Value != "" {
			b = append(b, ':')
			b = appendText(b, a.Value)
		}
		b = append(b, "\r\n"...)
	}
	return b
}

// appendText omits characters that would end the line or are not text.
func appendText(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c >= ' ' && c != 0x7f || c == '\t' {
			b = append(b, c)
		}
	}
	return b
}

func orElse(s, standard string) string {
	if s == "" {
		return standard
	}
	return s
}
