package sdp

import (
	"slices"
	"strings"
)

// takeMedia begins an m-line: kind, port or port/count, protocol, formats.
func (p *parser) takeMedia(v string) error {
	if len(p.d.Media) == MaxMedia {
		return unacceptable(p.line, warnOther, "more than %d m= lines", MaxMedia)
	}
	var room [24]string
	f := fields(room[:0], v)
	if len(f) < 3 {
		return malformed(p.line, "m=%s has %d parts; it is m=audio port RTP/AVP formats", Quote(v), len(f))
	}
	p.d.Media = append(p.d.Media, Media{
		Kind: strings.ToLower(f[0]), Proto: f[2], Formats: slices.Clone(f[3:]), Line: p.line,
		Attributes: make([]Attribute, 0, p.coming()),
	})
	m := p.media()
	port, count, several := strings.Cut(f[1], "/")
	n, ok := number(port, 65535)
	if !ok {
		return malformed(p.line, "port %s is not a number from 0 to 65535", Quote(port))
	}
	m.Port = int(n)
	if several {
		n, ok := number(count, 255)
		if !ok || n == 0 {
			return malformed(p.line, "%s after the port is not a count of ports from 1 to 255", Quote(count))
		}
		m.Ports = int(n)
	}
	if m.RTP() {
		return m.listCodecs(p.line)
	}
	return nil
}

// coming estimates how many attributes the current m-line has.
func (p *parser) coming() int {
	text := p.text
	if end := strings.Index(text, "\nm="); end >= 0 {
		text = text[:end]
	}
	return min(strings.Count(text, "a=")+1, maxLines)
}

// listCodecs makes a codec for each format; the attributes supply the names.
func (m *Media) listCodecs(line int) error {
	if len(m.Formats) == 0 {
		return nil // video of an old Cisco phone
	}
	m.Codecs = make([]Codec, 0, len(m.Formats))
	for _, f := range m.Formats {
		n, ok := number(f, 127)
		if !ok {
			return malformed(line, "format %s is not an RTP payload number from 0 to 127", Quote(f))
		}
		if m.codec(uint8(n)) == nil {
			m.Codecs = append(m.Codecs, Codec{PayloadType: uint8(n)})
		}
	}
	return nil
}

// codec returns the codec of a payload number, or nil.
func (m *Media) codec(n uint8) *Codec {
	for i := range m.Codecs {
		if m.Codecs[i].PayloadType == n {
			return &m.Codecs[i]
		}
	}
	return nil
}

// finish completes the m-line from the session level and the standards.
func (m *Media) finish(d *Description, s *block) error {
	if !m.Connection.IsValid() && m.ConnHost == "" {
		m.Connection, m.ConnHost = d.Connection, d.ConnHost
	}
	if !m.Connection.IsValid() && m.ConnHost == "" && m.Port != 0 {
		return malformed(m.Line, "no c= line for this m= line, nor one for all; add c=IN IP4 and the address")
	}
	if m.Direction == DirectionUnset {
		m.Direction = s.direction
	}
	if m.Direction == DirectionUnset {
		m.Direction = SendRecv
	}
	m.Mux = m.Mux || s.mux
	if m.Ptime == 0 {
		m.Ptime = s.ptime
	}
	if m.MaxPtime == 0 {
		m.MaxPtime = s.maxPtime
	}
	if m.Fingerprint == (Fingerprint{}) {
		m.Fingerprint = s.fingerprint
	}
	if m.Setup == "" {
		m.Setup = s.setup
	}
	m.ICE.Lite = s.ice.Lite
	if m.ICE.Ufrag == "" && m.ICE.Pwd == "" {
		m.ICE.Ufrag, m.ICE.Pwd = s.ice.Ufrag, s.ice.Pwd
	}
	switch {
	case m.Mux:
		m.RTCPPort = m.Port
	case m.RTCPPort == 0 && m.Port != 0 && m.Port != 65535:
		m.RTCPPort = m.Port + 1
	}
	m.finishCodecs()
	return nil
}

func (m *Media) finishCodecs() {
	for i := range m.Codecs {
		c := &m.Codecs[i]
		if c.Name == "" {
			if s, ok := static(c.PayloadType); ok {
				c.Name, c.ClockRate, c.Channels = s.Name, s.ClockRate, s.Channels
			}
		}
		if c.Channels == 0 {
			c.Channels = 1
		}
	}
	for _, a := range m.Attributes {
		// For all formats (RFC 4585 §4.2).
		if what, ok := strings.CutPrefix(a.Value, "* "); ok && a.Name == "rtcp-fb" {
			for i := range m.Codecs {
				m.Codecs[i].addFeedback(what)
			}
		}
	}
}
