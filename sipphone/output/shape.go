package output

import (
	"bytes"
	"slices"

	"tandem/rtc/sip"
	"tandem/rtc/transport"
)

// Plain reports whether messages leave as they were written.
func (p Policy) plain() bool { return p.Reliable != Strip && p.SDP != Order && p.CompactAbove == 0 }

// Shape writes a request that is about to leave as the family needs it: what it
// names in Supported, the order of its description, its header names. What needs
// no change is returned as it is. A message that cannot be read is not touched.
func (p Policy) Shape(proto transport.Proto, message []byte) []byte {
	if p.plain() {
		return message
	}
	m := new(sip.Message)
	if err := m.Parse(message); err != nil || !m.IsRequest() {
		return message
	}
	var e sip.Edit
	e.Start(m)
	changed := p.strip(&e, m)
	if body := m.Body(); p.SDP == Order && sip.EqualFold(mediaType(m), "application/sdp") {
		if ordered := Ordered(body); !bytes.Equal(ordered, body) {
			e.Body("", ordered)
			changed = true
		}
	}
	if changed {
		message = e.Append(nil)
	}
	if p.CompactAbove > 0 && proto == transport.UDP && len(message) > p.CompactAbove {
		message = compacted(message)
	}
	return message
}

func mediaType(m *sip.Message) []byte {
	t, _, _ := bytes.Cut(m.Get(sip.HdrContentType), []byte(";"))
	return bytes.TrimSpace(t)
}

// strip takes 100rel out of Supported, unless the request requires it.
func (p Policy) strip(e *sip.Edit, m *sip.Message) bool {
	if p.Reliable != Strip || !m.HasToken(sip.HdrSupported, "100rel") || m.HasToken(sip.HdrRequire, "100rel") {
		return false
	}
	var rest []byte
	for v := range m.Values(sip.HdrSupported) {
		for token := range bytes.SplitSeq(v, []byte(",")) {
			if token = bytes.TrimSpace(token); len(token) > 0 && !sip.EqualFold(token, "100rel") {
				rest = append(append(rest, token...), ", "...)
			}
		}
	}
	if len(rest) == 0 {
		e.Del(sip.HdrSupported)
		return true
	}
	e.Set(sip.HdrSupported, rest[:len(rest)-2])
	return true
}

// compacted writes header names that have a compact form in it.
func compacted(message []byte) []byte {
	head := bytes.Index(message, []byte("\r\n\r\n"))
	if head < 0 {
		return message
	}
	out := make([]byte, 0, len(message))
	for i, line := range bytes.SplitAfter(message[:head+2], []byte("\r\n")) {
		name, value, ok := bytes.Cut(line, []byte(":"))
		if short := sip.Compact(bytes.TrimSpace(name)); i > 0 && ok && short != 0 && len(name) > 0 && name[0] != ' ' && name[0] != '\t' {
			out = append(append(append(out, short), ": "...), bytes.TrimLeft(value, " \t")...)
			continue
		}
		out = append(out, line...)
	}
	return append(out, message[head+2:]...)
}

// places are the lines of a session and of a media description in the order of RFC
// 8866 §5. What is not named keeps its place behind the others.
const (
	sessionOrder = "vosiuepcbtrzka"
	mediaOrder   = "micbka"
)

// Ordered is a session description with its lines in order. Lines of one kind stay
// as they follow each other, but for an rtpmap that comes after its fmtp.
func Ordered(sdp []byte) []byte {
	out := make([]byte, 0, len(sdp))
	var part [][]byte
	order := sessionOrder
	flush := func() {
		slices.SortStableFunc(part, func(a, b []byte) int { return place(order, a) - place(order, b) })
		for _, line := range part {
			out = append(out, line...)
		}
		part = part[:0]
	}
	for line := range bytes.SplitAfterSeq(sdp, []byte("\n")) {
		if len(line) == 0 {
			continue
		}
		if bytes.HasPrefix(line, []byte("m=")) {
			flush()
			order = mediaOrder
		}
		part = append(part, line)
	}
	flush()
	return out
}

// place of a line: kinds apart by three, since attributes have an order of their own.
func place(order string, line []byte) int {
	at := bytes.IndexByte([]byte(order), line[0])
	switch {
	case at < 0:
		return 3 * len(order)
	case bytes.HasPrefix(line, []byte("a=rtpmap:")):
		return 3 * at
	case bytes.HasPrefix(line, []byte("a=fmtp:")):
		return 3*at + 1
	case line[0] == 'a':
		return 3*at + 2
	}
	return 3 * at
}
