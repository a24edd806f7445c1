package sip

import "bytes"

const (
	version   = "SIP/2.0"
	maxLines  = 256     // header lines of one message
	shortBody = 6       // octets a datagram's body may lack of its Content-Length
	maxLength = 1 << 24 // octets of a message the index can hold
)

// Parse indexes b, which holds exactly one message (a datagram, or a frame cut
// by Frame). Leading CRLFs are skipped; octets after the body are ignored; on
// datagrams a body up to 6 octets shorter than Content-Length is accepted
// (a frame cut by Frame has its whole body, so there it cannot be shorter).
// When it fails the index holds what was understood before and after the
// fault, so that AppendResponse can still answer; Code is 0 when b is nothing
// that could be answered.
func (m *Message) Parse(b []byte) *Error {
	m.reset()
	i := 0
	for i+1 < len(b) && b[i] == '\r' && b[i+1] == '\n' {
		i += 2 // RFC 3261 §7.5
	}
	b = b[i:]
	if len(b) > maxLength {
		m.buf = b[:0:0]
		return &Error{Code: 513, Reason: "Message Too Large"}
	}
	m.buf = b[:len(b):len(b)]
	next, err := m.startLine()
	if next < 0 {
		m.buf = b[:0:0]
		return err
	}
	if e := m.headers(next); err == nil {
		err = e
	}
	if e := m.cutBody(); err == nil {
		err = e
	}
	if m.method == MethodOther && !m.request {
		m.method = MethodOf(m.CSeqMethod())
	}
	if err != nil && (!m.request || !m.Has(HdrVia)) {
		err = &Error{Reason: err.Reason} // a response, or nowhere to send one to
	}
	return err
}

// IsResponse reports whether b begins as a response does. The version has no case
// (RFC 3261 §7.1), and no method holds a slash.
func IsResponse(b []byte) bool { return len(b) >= 4 && EqualFold(b[:4], "SIP/") }

func (m *Message) reset() {
	m.index = index{lines: m.lines[:0]}
	m.seen.forget()
}

// startLine reads the first line and returns where the headers begin, -1 when
// this is no SIP at all.
func (m *Message) startLine() (next int, err *Error) {
	b := m.buf
	end := bytes.IndexByte(b, '\n')
	if end < 0 {
		return -1, &Error{Reason: "No start line"}
	}
	next = end + 1
	if end > 0 && b[end-1] == '\r' {
		end--
	} else {
		err = bad("Start line ends in a bare LF")
	}
	if IsResponse(b) {
		if e := m.statusLine(end); err == nil {
			err = e
		}
		return next, err
	}
	if i := controlAt(b[:end], 0); i < end {
		return -1, &Error{Reason: "Control character in start line"}
	}
	m.request = true
	if e := m.requestLine(end); e != nil {
		if m.name.to == 0 {
			return -1, &Error{Reason: e.Reason}
		}
		if err == nil {
			err = e
		}
	}
	return next, err
}

// requestLine reads "Method SP Request-URI SP SIP-Version" (RFC 3261 §7.1),
// where RFC 4475 wants exactly one SP each and none at the end.
func (m *Message) requestLine(end int) *Error {
	b := m.buf[:end]
	i := 0
	for i < end && class[b[i]]&classToken != 0 {
		i++
	}
	if i == 0 || i == end || b[i] != ' ' {
		return bad("No method in request line")
	}
	v := bytes.LastIndexByte(b, ' ')
	rest := trim(b[v+1:])
	if v > i && len(rest) >= 4 && EqualFold(rest[:4], "SIP/") {
		m.version = span{uint32(v + 1), uint32(end)}
	} else if !bytes.Contains(b, raw(" SIP/")) {
		return bad("No SIP version in request line")
	}
	m.name = span{0, uint32(i)}
	m.method = MethodOf(b[:i])
	switch {
	case v == i:
		return bad("No Request-URI")
	case m.version.to == 0:
		return bad("Blanks behind SIP version")
	}
	m.uri = span{uint32(i + 1), uint32(v)}
	uri := b[i+1 : v]
	switch {
	case len(uri) == 0:
		return bad("No Request-URI")
	case uri[0] == '<':
		return bad("Request-URI in angle brackets")
	case uri[0] == ' ' || uri[len(uri)-1] == ' ':
		return bad("More than one blank in request line")
	case bytes.IndexByte(uri, ' ') >= 0 || bytes.IndexByte(uri, '\t') >= 0:
		return bad("Blank in Request-URI")
	}
	return nil
}

// statusLine reads "SIP-Version SP Status-Code SP Reason-Phrase" (RFC 3261 §7.2).
func (m *Message) statusLine(end int) *Error {
	b := m.buf[:end]
	v := bytes.IndexByte(b, ' ')
	if v < 0 {
		return bad("No status code")
	}
	m.version = span{0, uint32(v)}
	c := v + 1
	for c < end && isDigit(b[c]) {
		c++
	}
	n, ok := ParseUint(b[v+1:c], 699)
	if !ok || c-v-1 != 3 || n < 100 {
		return bad("Bad status code")
	}
	if c < end && b[c] != ' ' {
		return bad("Bad status code")
	}
	m.status = int(n)
	if c < end {
		m.reason = span{uint32(c + 1), uint32(end)}
	}
	return nil
}

// headers indexes the header lines from offset i on.
func (m *Message) headers(i int) (err *Error) {
	b := m.buf
	for {
		if i+1 < len(b) && b[i] == '\r' && b[i+1] == '\n' {
			m.head, m.body = uint32(i), uint32(i+2)
			return err
		}
		if i >= len(b) {
			m.head, m.body = uint32(i), uint32(i)
			return first(err, bad("Header does not end in an empty line"))
		}
		if b[i] == '\n' {
			m.head, m.body = uint32(i), uint32(i+1)
			return first(err, bad("Header line ends in a bare LF"))
		}
		if len(m.lines) == maxLines {
			m.head, m.body = uint32(i), uint32(len(b))
			return first(err, &Error{Code: 513, Reason: "Too many header lines"})
		}
		next, e := m.headerLine(i)
		if e != nil && err == nil {
			err = e
		}
		i = next
	}
}

func first(a, b *Error) *Error {
	if a != nil {
		return a
	}
	return b
}

// headerLine indexes the header line at offset i with its folds and returns
// where the next one begins.
func (m *Message) headerLine(i int) (next int, err *Error) {
	b := m.buf
	colon := i
	for colon < len(b) && b[colon] != ':' && b[colon] > ' ' {
		colon++
	}
	nameEnd := colon
	for colon < len(b) && (b[colon] == ' ' || b[colon] == '\t') {
		colon++ // RFC 3261 §25.1 HCOLON
	}
	if colon == len(b) || b[colon] != ':' || nameEnd == i {
		_, next, err = lineEnd(b, i)
		if err == nil {
			err = bad("Header line without name")
		}
		return next, err
	}
	id := headerID(b[i:nameEnd])
	if id == HdrOther && !isToken(b[i:nameEnd]) {
		_, next, _ = lineEnd(b, colon)
		return next, bad("Bad header name")
	}
	end, next, err := lineEnd(b, colon+1)
	from := colon + 1
	for from < end && isBlank(b[from]) {
		from++
	}
	for end > from && isBlank(b[end-1]) {
		end--
	}
	m.lines = append(m.lines, line{
		start: uint32(i), nameEnd: uint32(nameEnd),
		value: span{uint32(from), uint32(end)}, id: id,
	})
	if m.first[id] == 0 {
		m.first[id] = uint16(len(m.lines))
	}
	return next, err
}

// lineEnd finds the end of the header line that goes on at i: end is the offset
// of its last line break, next the one behind it. Folds are part of the line
// (RFC 3261 §7.3.1). Octets below 0x20 are refused but for HTAB, and for quoted
// pairs.
func lineEnd(b []byte, i int) (end, next int, err *Error) {
	for {
		i = controlAt(b, i)
		if i == len(b) {
			return i, i, first(err, bad("Header does not end in an empty line"))
		}
		switch c := b[i]; {
		case c == '\t':
			i++
			continue
		case c == '\r' && i+1 < len(b) && b[i+1] == '\n':
			end, next = i, i+2
		case c == '\n':
			end, next = i, i+1
			err = first(err, bad("Header line ends in a bare LF"))
		default:
			if !escaped(b, i) || c == '\r' {
				err = first(err, bad("Control character in header"))
			}
			i++
			continue
		}
		if next == len(b) || b[next] != ' ' && b[next] != '\t' {
			return end, next, err
		}
		i = next
	}
}

// escaped reports whether an odd number of backslashes stands before i.
func escaped(b []byte, i int) bool {
	n := 0
	for i--; i >= 0 && b[i] == '\\'; i-- {
		n++
	}
	return n&1 == 1
}

// cutBody applies Content-Length.
func (m *Message) cutBody() *Error {
	i := m.firstLine(HdrContentLength)
	if i < 0 {
		return nil // RFC 3261 §18.3: to the end of the datagram
	}
	if m.next(HdrContentLength, i+1) >= 0 {
		m.buf = m.buf[:m.body]
		return bad("More than one Content-Length")
	}
	n, ok := m.ContentLength()
	if !ok {
		m.buf = m.buf[:m.body]
		return bad("Bad Content-Length")
	}
	have := len(m.buf) - int(m.body)
	switch {
	case n <= have:
		m.buf = m.buf[:int(m.body)+n]
	case n > have+shortBody:
		return bad("Content-Length larger than the message") // RFC 3261 §18.3
	}
	return nil
}
