package sdp

import (
	"net/netip"
	"strings"
)

// takeAttribute keeps an a= line and reads it when it is one we know.
func (p *parser) takeAttribute(text string) error {
	name, value, _ := strings.Cut(text, ":")
	name, value = strings.TrimSpace(name), strings.TrimSpace(value)
	if name == "" {
		return nil
	}
	a := Attribute{Name: name, Value: value}
	m := p.media()
	if m == nil {
		p.d.Attributes = append(p.d.Attributes, a)
		return p.sessionAttribute(a)
	}
	m.Attributes = append(m.Attributes, a)
	return m.attribute(p.line, a)
}

func (p *parser) sessionAttribute(a Attribute) error {
	s := &p.session
	if d := parseDirection(a.Name); d != DirectionUnset {
		s.direction, p.d.Direction = d, d
		return nil
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
		return s.fingerprint.take(p.line, a.Value)
	case "ice-lite":
		s.ice.Lite = true
	case "ice-ufrag":
		s.ice.Ufrag = a.Value
	case "ice-pwd":
		s.ice.Pwd = a.Value
	}
	return nil
}

// attribute reads one a= line of an m-line.
func (m *Media) attribute(line int, a Attribute) error {
	if d := parseDirection(a.Name); d != DirectionUnset {
		m.Direction = d
		return nil
	}
	switch a.Name {
	case "rtpmap":
		return m.rtpmap(line, a.Value)
	case "fmtp":
		m.fmtp(a.Value)
	case "rtcp-fb":
		m.feedback(a.Value)
	case "ptime":
		m.Ptime = milliseconds(a.Value)
	case "maxptime":
		m.MaxPtime = milliseconds(a.Value)
	case "rtcp":
		return m.rtcp(line, a.Value)
	case "rtcp-mux", "rtcp-mux-only":
		m.Mux = true
	case "mid":
		m.MID = a.Value
	case "crypto":
		return m.crypto(line, a.Value)
	case "fingerprint":
		return m.Fingerprint.take(line, a.Value)
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
	return nil
}

// rtpmap reads "101 telephone-event/8000"; a missing clock is 8000, as devices
// that leave it out mean. Of two for one number the first counts.
func (m *Media) rtpmap(line int, v string) error {
	if !m.RTP() {
		return nil
	}
	pt, encoding, _ := strings.Cut(v, " ")
	n, ok := number(pt, 127)
	if !ok {
		return malformed(line, "rtpmap of %s: no payload number from 0 to 127", quote(pt))
	}
	name, rest, _ := strings.Cut(strings.TrimSpace(encoding), "/")
	name = strings.TrimSpace(name)
	if name == "" {
		return malformed(line, "rtpmap:%d names no codec; it is a=rtpmap:%d name/clock", n, n)
	}
	clock, channels, _ := strings.Cut(rest, "/")
	rate, count := uint64(8000), uint64(1)
	if clock = strings.TrimSpace(clock); clock != "" {
		if rate, ok = number(clock, 1<<31-1); !ok || rate == 0 {
			return malformed(line, "rtpmap:%d has the clock rate %s; it is a number of Hz", n, quote(clock))
		}
	}
	if channels = strings.TrimSpace(channels); channels != "" {
		// For some video codecs this place holds other things.
		if count, ok = number(channels, 255); !ok || count == 0 {
			count = 1
		}
	}
	if c := m.codec(uint8(n)); c != nil && c.Name == "" {
		c.Name, c.ClockRate, c.Channels = name, int(rate), int(count)
	}
	return nil
}

// fmtp joins several lines for one number. Lines about formats that are no
// payload number, or not of this m-line, say nothing to us.
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

// What one codec may have; more would cost more than it was to send.
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
func (m *Media) rtcp(line int, v string) error {
	f := strings.Fields(v)
	if len(f) == 0 {
		return malformed(line, "a=rtcp names no port")
	}
	n, ok := number(f[0], 65535)
	if !ok {
		return malformed(line, "a=rtcp with port %s; it is a number from 0 to 65535", quote(f[0]))
	}
	m.RTCPPort = int(n)
	if len(f) >= 4 && strings.EqualFold(f[1], "IN") {
		addr, _, err := parseHost(line, f[2], f[3])
		if err != nil {
			return err
		}
		m.RTCPAddr = addr
	}
	return nil
}

// crypto reads "tag suite key [params]" (RFC 4568 §9.1). Nothing of it is
// quoted in an error: it holds a key.
func (m *Media) crypto(line int, v string) error {
	f := strings.Fields(v)
	if len(f) < 3 {
		return malformed(line, "a=crypto has %d parts; it is a=crypto:tag suite inline:key", len(f))
	}
	tag, ok := number(f[0], 999999999)
	if !ok {
		return malformed(line, "a=crypto without a number as its tag")
	}
	m.Crypto = append(m.Crypto, Crypto{
		Tag: int(tag), Suite: f[1], Key: f[2], Params: strings.Join(f[3:], " "),
	})
	return nil
}

// take keeps the fingerprint unless there is one by sha-256 already, which
// everybody can check.
func (p *Fingerprint) take(line int, v string) error {
	f := strings.Fields(v)
	if len(f) != 2 || !hexPairs(f[1]) {
		return malformed(line, "a=fingerprint is not a hash name and pairs of hex digits between colons")
	}
	hash := strings.ToLower(f[0])
	if p.Hash == "" || hash == "sha-256" && p.Hash != "sha-256" {
		*p = Fingerprint{Hash: hash, Value: strings.ToUpper(f[1])}
	}
	return nil
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

// parseCandidate reads an a=candidate line (RFC 8839 §5.1). Those that are
// malformed or name a host (mDNS) are left out, as they must be ignored.
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

// milliseconds reads ptime, 0 when it says nothing useful. Fractions are cut.
func milliseconds(v string) int {
	v, _, _ = strings.Cut(v, ".")
	n, ok := number(v, 10000)
	if !ok {
		return 0
	}
	return int(n)
}
