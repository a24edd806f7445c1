package sip

import (
	"iter"
	"net/netip"
	"time"
)

// Message is a received SIP message: its bytes and an index over them.
// All slices it returns point into those bytes and live as long as they do;
// a reader loop reuses both, so what outlives the handler must be cloned.
// A Message is reused by calling Parse again; Parse does not allocate once the
// index has grown to the size of the traffic.
type Message struct {
	// Source is where the message came from, set by the transport; responses
	// and forwarded requests use it for received and rport (RFC 3261 §18.2.1,
	// RFC 3581). The zero value adds neither.
	Source netip.AddrPort
	// Time is when the message came, set by the transport; see Arrived.
	Time time.Time

	index
	seen views
}

// index is what Parse finds.
type index struct {
	buf     []byte // the message: from its start line to the end of its body
	lines   []line
	first   [headerIDs]uint16 // 1 + index of the first line of an id, 0: none
	request bool
	method  Method
	status  int
	name    span // of a request: the method
	uri     span
	version span
	reason  span
	head    uint32 // offset of the empty line
	body    uint32 // offset of the body
}

// span is a part of Message.buf.
type span struct{ from, to uint32 }

// line is the index of one header line; it ends where the next one starts.
type line struct {
	start, nameEnd uint32
	value          span
	id             HeaderID
}

// Error says why a message cannot be accepted. Code is the SIP status that
// answers it (0: do not answer, discard); Reason is the phrase to send, which
// tells the sender what is wrong.
type Error struct {
	Code   int
	Reason string
}

func (e *Error) Error() string { return e.Reason }

// bad is the refusal of malformed syntax (RFC 3261 §21.4.1).
func bad(reason string) *Error { return &Error{Code: 400, Reason: reason} }

// Clone returns an independent copy (one allocation for bytes, one for the index).
func (m *Message) Clone() *Message {
	c := new(Message)
	c.buf, c.lines = make([]byte, 0, len(m.buf)), make([]line, 0, len(m.lines))
	c.Assign(m)
	return c
}

// Assign makes m an independent copy of another message, in the memory m has, for a
// tenth of what reading the bytes again costs.
func (m *Message) Assign(from *Message) {
	buf, lines := append(m.buf[:0], from.buf...), append(m.lines[:0], from.lines...)
	m.Source, m.Time, m.index = from.Source, from.Time, from.index
	m.buf, m.lines = buf, lines
	m.seen.assign(&from.seen, from.buf, buf)
}

func (m *Message) at(s span) []byte { return m.buf[s.from:s.to:s.to] }

// Arrived is Time, or now for a message no transport has marked.
func (m *Message) Arrived() time.Time {
	if m.Time.IsZero() {
		return time.Now()
	}
	return m.Time
}

// Bytes is the whole message, without leading CRLFs and trailing octets that
// do not belong to it.
func (m *Message) Bytes() []byte { return m.buf }

// IsRequest tells a request from a response.
func (m *Message) IsRequest() bool { return m.request }

// Method is the method of the request line, or of a response's CSeq.
func (m *Message) Method() Method { return m.method }

// MethodName is Method as spelled.
func (m *Message) MethodName() []byte {
	if m.request {
		return m.at(m.name)
	}
	return m.CSeqMethod()
}

// RequestURI is the Request-URI as spelled, nil for responses.
func (m *Message) RequestURI() []byte {
	if !m.request {
		return nil
	}
	return m.at(m.uri)
}

// StatusCode is the status of a response, 0 for requests.
func (m *Message) StatusCode() int { return m.status }

// ReasonPhrase is the text behind a response's status code.
func (m *Message) ReasonPhrase() []byte { return m.at(m.reason) }

// Body is what Content-Length covers, or all after the empty line without one.
func (m *Message) Body() []byte { return m.buf[m.body:] }

// Len is the number of header lines.
func (m *Message) Len() int { return len(m.lines) }

// At is header line i, counted from 0 in the order received.
func (m *Message) At(i int) Header {
	l := &m.lines[i]
	return Header{ID: l.id, Name: m.at(span{l.start, l.nameEnd}), Value: m.at(l.value)}
}

// Verbatim is the octets of the header lines from first up to end, as they came, with
// their line ends.
func (m *Message) Verbatim(first, end int) []byte {
	if first >= end {
		return nil
	}
	return m.at(span{m.lines[first].start, m.lineEnd(end - 1)})
}

// lineEnd is the offset behind line i.
func (m *Message) lineEnd(i int) uint32 {
	if i+1 < len(m.lines) {
		return m.lines[i+1].start
	}
	return m.head
}

// Get returns the first value, nil when absent (empty but non-nil when present
// and empty).
func (m *Message) Get(id HeaderID) []byte {
	if id == HdrOther || m.first[id] == 0 {
		return nil
	}
	return m.at(m.lines[m.first[id]-1].value)
}

// Has reports whether there is a line with that id.
func (m *Message) Has(id HeaderID) bool { return m.first[id] != 0 }

// next is the index of the first line with that id from i on, -1 without one.
func (m *Message) next(id HeaderID, i int) int {
	for ; i < len(m.lines); i++ {
		if m.lines[i].id == id {
			return i
		}
	}
	return -1
}

// firstLine is the index of the first line with that id, -1 without one.
func (m *Message) firstLine(id HeaderID) int { return int(m.first[id]) - 1 }

// Count is the number of lines with that id.
func (m *Message) Count(id HeaderID) int {
	n := 0
	for i := m.firstLine(id); i >= 0; i = m.next(id, i+1) {
		n++
	}
	return n
}

// GetName returns the first value of a header by its name, case-insensitively.
func (m *Message) GetName(name string) []byte {
	if id := HeaderByName(name); id != HdrOther {
		return m.Get(id)
	}
	for i := range m.lines {
		l := &m.lines[i]
		if l.id == HdrOther && EqualFold(m.buf[l.start:l.nameEnd], name) {
			return m.at(l.value)
		}
	}
	return nil
}

// Values yields every element of a list header over all its lines, commas
// split outside quotes and angle brackets, blanks trimmed.
func (m *Message) Values(id HeaderID) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) { m.eachValue(id, yield) }
}

func (m *Message) eachValue(id HeaderID, yield func([]byte) bool) {
	for i := m.firstLine(id); i >= 0; i = m.next(id, i+1) {
		v := m.at(m.lines[i].value)
		for pos := 0; pos < len(v); {
			var e span
			e, pos = nextElement(v, pos)
			if e.from < e.to && !yield(v[e.from:e.to:e.to]) {
				return
			}
		}
	}
}

// HasToken reports whether a list of tokens (Supported, Require, Allow…) holds
// the token, case-insensitively.
func (m *Message) HasToken(id HeaderID, token string) bool {
	for v := range m.Values(id) {
		if EqualFold(v, token) {
			return true
		}
	}
	return false
}
