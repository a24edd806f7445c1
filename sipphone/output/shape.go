package output

import (
	"bytes"
	"slices"

	"tandem/rtc/sip"
	"tandem/rtc/transport"
)

// plain reports whether a message leaves as it was written.
func (p Policy) plain(message []byte) bool {
	notice, caller := p.MWI == Plain || p.Lamp == Empty || p.Lamp == Single, p.Caller == Remote || p.Caller == From
	return p.Reliable != Strip && p.SDP != Order && p.CompactAbove == 0 &&
		!(notice && bytes.HasPrefix(message, []byte("NOTIFY "))) && !(caller && bytes.HasPrefix(message, []byte("INVITE ")))
}

// Shape writes a request that is about to leave as the family needs it: what it
// names in Supported, who calls, its description, summary or dialog information, its header
// names. What needs no change is returned as it is. A message that cannot be read is
// not touched.
func (p Policy) Shape(proto transport.Proto, message []byte) []byte {
	if p.plain(message) {
		return message
	}
	m := new(sip.Message)
	if err := m.Parse(message); err != nil || !m.IsRequest() {
		return message
	}
	var e sip.Edit
	e.Start(m)
	changed := p.strip(&e, m)
	changed = p.caller(&e, m) || changed
	if body := m.Body(); len(body) > 0 {
		if written := p.body(m, body); !bytes.Equal(written, body) {
			e.Body("", written)
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

// caller tells who calls where the family reads it: others have said so in
// P-Asserted-Identity (RFC 3325). Calls that the server leads say it right at once.
func (p Policy) caller(e *sip.Edit, m *sip.Message) bool {
	if m.Method() != sip.INVITE || !m.Has(sip.HdrPAssertedIdentity) || p.Caller != Remote && p.Caller != From {
		return false
	}
	if p.Caller == Remote && !m.Has(sip.HdrRemotePartyID) {
		for who := range m.Values(sip.HdrPAssertedIdentity) {
			if bytes.IndexByte(who, '<') < 0 {
				who = slices.Concat([]byte("<"), who, []byte(">"))
			}
			// Old Cisco phones show "Private" unless all parameters are there.
			e.Add(sip.HdrRemotePartyID, slices.Concat(who, []byte(";party=calling;id-type=subscriber;privacy=off;screen=yes")))
			break
		}
	}
	if p.Caller == From {
		e.Del(sip.HdrRemotePartyID)
	}
	e.Del(sip.HdrPAssertedIdentity)
	return true
}

// body is a body as the family reads it.
func (p Policy) body(m *sip.Message, body []byte) []byte {
	kind := mediaType(m)
	is := func(name string) bool { return sip.EqualFold(kind, name) }
	switch {
	case p.SDP == Order && is("application/sdp"):
		return ordered(body)
	case p.MWI == Plain && is("application/simple-message-summary"):
		return withoutUrgent(body)
	case (p.Lamp == Empty || p.Lamp == Single) && (is("application/dialog-info+xml") || is("multipart/related")): // of one line, or of a list (RFC 4662)
		return lampOf(body, p.Lamp == Single)
	}
	return body
}

// withoutUrgent takes the counts of urgent messages out of a summary (RFC 3842 §5.2): what
// stands in brackets behind the others.
func withoutUrgent(body []byte) []byte {
	var out []byte
	for line := range bytes.SplitAfterSeq(body, []byte("\n")) {
		name, value, _ := bytes.Cut(line, []byte(":"))
		at := bytes.LastIndexByte(value, '(')
		if end := bytes.TrimRight(line, "\r\n"); at >= 0 && bytes.HasSuffix(name, []byte("-Message")) && bytes.HasSuffix(end, []byte(")")) {
			out = append(append(append(append(out, name...), ':'), bytes.TrimRight(value[:at], " ")...), line[len(end):]...)
			continue
		}
		out = append(out, line...)
	}
	return out
}

// lampOf takes dialogs that are over out of dialog information (RFC 4235 §4.1.1), and of
// others all but the first where the phone wants a single one.
func lampOf(body []byte, single bool) []byte {
	const head, begin, end = "<dialog-info", "<dialog ", "</dialog>"
	var out []byte
	told := false
	for {
		at := bytes.Index(body, []byte(begin))
		if at < 0 {
			return append(out, body...)
		}
		size := bytes.Index(body[at:], []byte(end))
		if size < 0 {
			return append(out, body...)
		}
		told = told && !bytes.Contains(body[:at], []byte(head)) // else it is the next line of a list
		out = append(out, body[:at]...)
		dialog := body[at : at+size+len(end)]
		if !bytes.Contains(dialog, []byte(">terminated</state>")) && !(told && single) {
			out, told = append(out, dialog...), true
		}
		body = body[at+len(dialog):]
	}
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

// ordered is a session description with its lines in order. Lines of one kind stay
// as they follow each other, but for an rtpmap that comes after its fmtp.
func ordered(sdp []byte) []byte {
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
