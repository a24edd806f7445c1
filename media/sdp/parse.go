package sdp

import (
	"net/netip"
	"strconv"
	"strings"
)

// Limits for one description. A browser's offer with twenty video lines is well below
// them; more is an attack or a mistake.
const (
	maxSize  = 64 << 10
	maxLines = 4096
	MaxMedia = 32
)

// Parse reads a description tolerantly: it accepts any line ends, any order within the
// session part, and unknown lines and attributes. Errors are *Error.
func Parse(b []byte) (*Description, error) { return ParseText(string(b)) }

// ParseText is Parse for text, of which the description keeps parts.
func ParseText(text string) (*Description, error) {
	if len(text) > maxSize {
		return nil, unacceptable(0, warnOther, "%d octets are too long; at most %d are taken", len(text), maxSize)
	}
	whole := &struct { // one allocation: most calls have one m-line
		Description
		first [1]Media
	}{}
	whole.Media = whole.first[:0]
	p := parser{d: &whole.Description, text: strings.TrimPrefix(text, "\ufeff")}
	// Some devices send the terminating NUL of the C string.
	p.text = strings.TrimRight(p.text, "\x00")
	for p.next() {
		if p.line > maxLines {
			return nil, unacceptable(p.line, warnOther, "more than %d lines", maxLines)
		}
		if err := p.take(); err != nil {
			return nil, err
		}
	}
	if err := p.finish(); err != nil {
		return nil, err
	}
	return p.d, nil
}

type parser struct {
	d       *Description
	text    string // the rest
	current string // the current line
	odd     int    // position of a control character in it; -1 when there is none
	line    int    // number of the current line
	version bool   // v= was read
	origin  bool
	named   bool // s= was read
	session block
}

// block holds the session-level values for all m-lines.
type block struct {
	direction   Direction
	ptime       int
	maxPtime    int
	mux         bool
	fingerprint Fingerprint
	setup       string
	ice         ICE
}

// next takes the next line from the text; CRLF, LF or CR ends it.
func (p *parser) next() bool {
	if p.text == "" {
		return false
	}
	p.line++
	p.odd = -1
	for i := range len(p.text) {
		switch c := p.text[i]; {
		case c == '\r' || c == '\n':
			p.current = p.text[:i]
			if c == '\r' && i+1 < len(p.text) && p.text[i+1] == '\n' {
				i++
			}
			p.text = p.text[i+1:]
			return true
		case p.odd < 0 && control(c):
			p.odd = i
		}
	}
	p.current, p.text = p.text, ""
	return true
}

// media returns the current m-line, nil before the first.
func (p *parser) media() *Media {
	if n := len(p.d.Media); n > 0 {
		return &p.d.Media[n-1]
	}
	return nil
}

func (p *parser) take() error {
	text := strings.TrimLeft(p.current, " \t")
	if text == "" {
		return nil // old Cisco phones write empty lines in between
	}
	if p.odd >= 0 {
		return malformed(p.line, "control character %q inside; a description is text", p.current[p.odd])
	}
	if len(text) < 2 || text[1] != '=' || !letter(text[0]) {
		return malformed(p.line, "%s is not a line of a description; each is a letter, '=' and a value", Quote(text))
	}
	if !p.version && text[0] != 'v' {
		return malformed(p.line, "%s comes before v=; a description begins with v=0", Quote(text))
	}
	value := strings.TrimRight(text[2:], " \t")
	switch text[0] {
	case 'v':
		return p.takeVersion(value)
	case 'o':
		return p.takeOrigin(value)
	case 's':
		p.takeName(text[2:])
	case 't':
		return p.takeTime(value)
	case 'c':
		return p.takeConnection(value)
	case 'b':
		p.takeBandwidth(value)
	case 'i':
		p.takeInfo(value)
	case 'm':
		return p.takeMedia(value)
	case 'a':
		p.takeAttribute(value)
	}
	// u= e= p= r= z= k= and other lines that do not concern calls.
	return nil
}

// fields appends the parts of a value between blanks. The caller provides room for the
// usual number.
func fields(parts []string, v string) []string {
	for f := range strings.FieldsSeq(v) {
		parts = append(parts, f)
	}
	return parts
}

// control reports whether a character is not text; a tab may stand for a blank.
func control(c byte) bool { return c < ' ' && c != '\t' || c == 0x7f }

func letter(c byte) bool { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' }

func (p *parser) takeVersion(v string) error {
	if p.version {
		return malformed(p.line, "a second v= line; send one description")
	}
	if strings.TrimSpace(v) != "0" {
		return malformed(p.line, "version %s is unknown; v=0 is the only one", Quote(v))
	}
	p.version = true
	return nil
}

// takeOrigin reads from the right, since some user names contain blanks or are missing.
func (p *parser) takeOrigin(v string) error {
	if p.origin {
		return nil
	}
	var room [6]string
	f := fields(room[:0], v)
	n := len(f)
	if n < 5 {
		return malformed(p.line, "o=%s has %d of 6 parts; it is o=user id version IN IP4 address", Quote(v), n)
	}
	p.origin = true
	p.d.Origin = Origin{User: "-", ID: f[n-5], Version: f[n-4], Host: f[n-1]}
	if n > 5 {
		p.d.Origin.User = strings.Join(f[:n-5], " ")
	}
	return nil
}

func (p *parser) takeName(v string) {
	if !p.named {
		p.d.Name, p.named = v, true
	}
}

func (p *parser) takeTime(v string) error {
	var room [2]string
	f := fields(room[:0], v)
	if len(f) == 0 {
		return malformed(p.line, "t= is empty; for a call it is t=0 0")
	}
	if p.d.Time == "" {
		p.d.Time = "0 0" // the usual value
		if len(f) != 2 || f[0] != "0" || f[1] != "0" {
			p.d.Time = strings.Join(f, " ")
		}
	}
	return nil
}

func (p *parser) takeInfo(v string) {
	if m := p.media(); m != nil {
		m.Info = v
		return
	}
	p.d.Info = v
}

func (p *parser) takeBandwidth(v string) {
	if m := p.media(); m != nil {
		m.Bandwidth = append(m.Bandwidth, v)
		return
	}
	p.d.Bandwidth = append(p.d.Bandwidth, v)
}

// takeConnection keeps the first c= of its level: several belong to layered multicast,
// where the first is the base (RFC 8866 §5.7).
func (p *parser) takeConnection(v string) error {
	addr, host, err := parseConnection(p.line, v)
	if err != nil {
		return err
	}
	if m := p.media(); m != nil {
		if !m.Connection.IsValid() && m.ConnHost == "" {
			m.Connection, m.ConnHost = addr, host
		}
		return nil
	}
	if !p.d.Connection.IsValid() && p.d.ConnHost == "" {
		p.d.Connection, p.d.ConnHost = addr, host
	}
	return nil
}

func parseConnection(line int, v string) (netip.Addr, string, error) {
	var room [3]string
	f := fields(room[:0], v)
	if len(f) < 3 {
		return netip.Addr{}, "", malformed(line, "c=%s has %d of 3 parts; it is c=IN IP4 address", Quote(v), len(f))
	}
	if !strings.EqualFold(f[0], "IN") {
		return netip.Addr{}, "", unacceptable(line, warnNetwork, "network %s is not served; use IN", Quote(f[0]))
	}
	return parseHost(line, f[1], f[2])
}

// parseHost reads an address of type IP4 or IP6, or a host name. The address itself
// decides the type, since some devices write IP4 before an IPv6 address.
func parseHost(line int, kind, s string) (netip.Addr, string, error) {
	if !strings.EqualFold(kind, "IP4") && !strings.EqualFold(kind, "IP6") {
		return netip.Addr{}, "", malformed(line, "address type %s is unknown; use IP4 or IP6", Quote(kind))
	}
	s, _, _ = strings.Cut(s, "/") // multicast: TTL and count
	s = strings.TrimSuffix(strings.TrimPrefix(s, "["), "]")
	if addr, err := netip.ParseAddr(s); err == nil {
		return addr.Unmap().WithZone(""), "", nil
	}
	if !hostName(s) {
		return netip.Addr{}, "", malformed(line, "%s is neither an IP address nor a host name", Quote(s))
	}
	return netip.Addr{}, s, nil
}

// hostName requires a letter, so that 10.0.0.300 is not a name.
func hostName(s string) bool {
	named := false
	for i := range len(s) {
		c := s[i]
		switch {
		case letter(c):
			named = true
		case '0' <= c && c <= '9', c == '-', c == '.', c == '_':
		default:
			return false
		}
	}
	return named && len(s) <= 255
}

// finish checks the required lines and completes each m-line.
func (p *parser) finish() error {
	if !p.version {
		return malformed(0, "nothing in it; a description begins with v=0")
	}
	if !p.origin {
		return malformed(0, "no o= line; add o=- 1 1 IN IP4 and the sender's address")
	}
	for i := range p.d.Media {
		if err := p.d.Media[i].finish(p.d, &p.session); err != nil {
			return err
		}
	}
	return nil
}

// number reads a decimal number up to most; otherwise it returns false.
func number(s string, most uint64) (uint64, bool) {
	if s == "" || s[0] < '0' || s[0] > '9' {
		return 0, false
	}
	n, err := strconv.ParseUint(s, 10, 64)
	return n, err == nil && n <= most
}
