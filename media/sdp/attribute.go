package sdp

import (
	"net/netip"
	"strings"
)

// takeAttribute stores an a= line and parses it if it is a known one. One that cannot
// be parsed counts as absent: then only what it belongs to may be refused (an SRTP line
// without a key, a format without a name), and the rest of the call continues.
func (p *parser) takeAttribute(text string) {
	name, value, _ := strings.Cut(text, ":")
	name, value = strings.TrimSpace(name), strings.TrimSpace(value)
	if name == "" {
		return
	}
	a := Attribute{Name: name, Value: value}
	m := p.media()
	if m == nil {
		p.d.Attributes = append(p.d.Attributes, a)
		p.sessionAttribute(a)
		return
	}
	m.Attributes = append(m.Attributes, a)
	m.attribute(a)
}

func (p *parser) sessionAttribute(a Attribute) {
	s := &p.session
	if d := ParseDirection(a.Name); d != DirectionUnset {
		s.direction, p.d.Direction = d, d
		return
	}
	switch a.Name {
	case "ptime":
		s.ptime = milliseconds(a.Value)
	case "maxptime":
		s.maxPtime = milliseconds(a.Value)
	case "rtcp-mux":
		s.mux = true
	case "setup":
		s.setup = strings.ToLower(a.Value)
	case "fingerprint":
		s.fingerprint.take(a.Value)
	case "ice-lite":
		s.ice.Lite = true
	case "ice-ufrag":
		s.ice.Ufrag = a.Value
	case "ice-pwd":
		s.ice.Pwd = a.Value
	}
}

// attribute reads one a= line of an m-line.
func (m *Media) attribute(a Attribute) {
	if d := ParseDirection(a.Name); d != DirectionUnset {
		m.Direction = d
		return
	}
	switch a.Name {
	case "rtpmap":
		m.rtpmap(a.Value)
	case "fmtp":
		m.fmtp(a.Value)
	case "rtcp-fb":
		m.feedback(a.Value)
	case "ptime":
		m.Ptime = milliseconds(a.Value)
	case "maxptime":
		m.MaxPtime = milliseconds(a.Value)
	case "rtcp":
		m.rtcp(a.Value)
	case "rtcp-mux", "rtcp-mux-only":
		m.Mux = true
	case "mid":
		m.MID = a.Value
	case "crypto":
		m.crypto(a.Value)
	case "fingerprint":
		m.Fingerprint.take(a.Value)
	case "setup":
		m.Setup = strings.ToLower(a.Value)
	case "ice-ufrag":
		m.ICE.Ufrag = a.Value
	case "ice-pwd":
		m.ICE.Pwd = a.Value
	case "candidate":
		if c, ok := parseCandidate(a.Value); ok {
			m.ICE.Candidates = append(m.ICE.Candidates, c)
		}
	}
}

// rtpmap reads "101 telephone-event/8000". A missing clock is 8000, which devices that
// omit it mean. The first of two for one number counts.
func (m *Media) rtpmap(v string) {
	if !m.RTP() {
		return
	}
	pt, encoding, _ := strings.Cut(v, " ")
	n, ok := number(pt, 127)
	if !ok {
		return
	}
	name, rest, _ := strings.Cut(strings.TrimSpace(encoding), "/")
	name = strings.TrimSpace(name)
	if name == "" {
		return
	}
	clock, channels, _ := strings.Cut(rest, "/")
	rate, count := uint64(8000), uint64(1)
	if clock = strings.TrimSpace(clock); clock != "" {
		if rate, ok = number(clock, 1<<31-1); !ok || rate == 0 {
			return
		}
	}
	if channels = strings.TrimSpace(channels); channels != "" {
		// Some video codecs have something else here.
		if count, ok = number(channels, 255); !ok || count == 0 {
			count = 1
		}
	}
	if c := m.codec(uint8(n)); c != nil && c.Name == "" {
		c.Name, c.ClockRate, c.Channels = name, int(rate), int(count)
	}
}

// fmtp joins several lines for one number. Lines for formats that are not payload
// numbers, or not in this m-line, are ignored.
func (m *Media) fmtp(v string) {
	pt, params, _ := strings.Cut(v, " ")
	n, ok := number(pt, 127)
	if !ok {
		return
	}
	c := m.codec(uint8(n))
	if c == nil {
		return
	}
	if params = strings.TrimSpace(params); c.Fmtp != "" && params != "" {
		params = c.Fmtp + ";" + params
	}
	if params != "" && len(params) <= maxFmtp {
		c.Fmtp = params
	}
}

// Limits for one codec; more would cost us more than the sender.
const (
	maxFmtp     = 4096
	maxFeedback = 32
)

func (m *Media) feedback(v string) {
	pt, what, _ := strings.Cut(v, " ")
	n, ok := number(pt, 127)
	if !ok {
		return
	}
	if c := m.codec(uint8(n)); c != nil {
		c.addFeedback(what)
	}
}

func (c *Codec) addFeedback(what string) {
	if len(c.Feedback) < maxFeedback {
		c.Feedback = append(c.Feedback, strings.TrimSpace(what))
	}
}

// rtcp reads "53020" and "53020 IN IP4 192.0.2.1" (RFC 3605).
func (m *Media) rtcp(v string) {
	f := strings.Fields(v)
	if len(f) == 0 {
		return
	}
	n, ok := number(f[0], 65535)
	if !ok {
		return
	}
	m.RTCPPort = int(n)
	if len(f) >= 4 && strings.EqualFold(f[1], "IN") {
		if addr, _, err := parseHost(0, f[2], f[3]); err == nil {
			m.RTCPAddr = addr
		}
	}
}

// crypto reads "tag suite key [params]" (RFC 4568 §9.1).
func (m *Media) crypto(v string) {
	f := strings.Fields(v)
	if len(f) < 3 {
		return
	}
	tag, ok := number(f[0], 999999999)
	if !ok {
		return
	}
	m.Crypto = append(m.Crypto, Crypto{
		Tag: int(tag), Suite: f[1], Key: f[2], Params: strings.Join(f[3:], " "),
	})
}

// take keeps the fingerprint unless there already is one with sha-256, which everybody
// can verify.
func (p *Fingerprint) take(v string) {
	f := strings.Fields(v)
	if len(f) != 2 || !hexPairs(f[1]) {
		return
	}
	hash := strings.ToLower(f[0])
	if p.Hash == "" || hash == "sha-256" && p.Hash != "sha-256" {
		*p = Fingerprint{Hash: hash, Value: strings.ToUpper(f[1])}
	}
}

func hexPairs(s string) bool {
	if len(s)%3 != 2 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		switch {
		case i%3 == 2:
			if c != ':' {
				return false
			}
		case '0' <= c && c <= '9', 'a' <= c && c <= 'f', 'A' <= c && c <= 'F':
		default:
			return false
		}
	}
	return true
}

// parseCandidate reads an a=candidate line (RFC 8839 §5.1). Malformed ones and those
// with a host name (mDNS) are ignored, as required.
func parseCandidate(v string) (Candidate, bool) {
	f := strings.Fields(v)
	if len(f) < 8 || f[6] != "typ" {
		return Candidate{}, false
	}
	component, ok1 := number(f[1], 256)
	priority, ok2 := number(f[3], 1<<32-1)
	port, ok3 := number(f[5], 65535)
	addr, err := netip.ParseAddr(f[4])
	if !ok1 || !ok2 || !ok3 || err != nil {
		return Candidate{}, false
	}
	return Candidate{
		Foundation: f[0], Component: int(component), Transport: strings.ToLower(f[2]),
		Priority: uint32(priority), Addr: netip.AddrPortFrom(addr.Unmap(), uint16(port)), Type: f[7],
	}, true
}

// milliseconds reads ptime; 0 when it is not useful. Fractions are cut off.
func milliseconds(v string) int {
	v, _, _ = strings.Cut(v, ".")
	n, ok := number(v, 10000)
	if !ok {
		return 0
	}
	return int(n)
}
