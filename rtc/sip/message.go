package sip

import (
	"iter"
	"net/netip"
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
	// unexported index fields to be added
}

// Error says why a message cannot be accepted. Code is the SIP status that
// answers it (0: do not answer, discard); Reason is the phrase to send, which
// tells the sender what is wrong.
type Error struct {
	Code   int
	Reason string
}

func (e *Error) Error() string { return e.Reason }

// Parse indexes b, which holds exactly one message (a datagram, or a frame cut
// by Frame). Leading CRLFs are skipped; octets after the body are ignored; on
// datagrams a body up to 6 octets shorter than Content-Length is accepted.
// When it fails the index holds what was understood before the fault, so that
// AppendResponse can still answer.
func (m *Message) Parse(b []byte) *Error { panic("unwritten") }

// Check applies the rules a server enforces before it processes a request or
// response beyond its grammar (RFC 3261 §8.1.1, §8.2, RFC 4475): mandatory and
// single header fields, CSeq method, version, URI scheme, ranges.
// The error's Code is 0 for responses: they are discarded.
func (m *Message) Check() *Error { panic("unwritten") }

// Clone returns an independent copy (one allocation for bytes, one for the index).
func (m *Message) Clone() *Message { panic("unwritten") }

func (m *Message) Bytes() []byte          { panic("unwritten") } // the whole message
func (m *Message) IsRequest() bool        { panic("unwritten") }
func (m *Message) Method() Method         { panic("unwritten") } // of a request: the request line; of a response: CSeq
func (m *Message) MethodName() []byte     { panic("unwritten") }
func (m *Message) RequestURI() []byte     { panic("unwritten") }
func (m *Message) StatusCode() int        { panic("unwritten") } // 0 for requests
func (m *Message) ReasonPhrase() []byte   { panic("unwritten") }
func (m *Message) Body() []byte           { panic("unwritten") }
func (m *Message) Len() int               { panic("unwritten") } // number of header lines
func (m *Message) At(i int) Header        { panic("unwritten") }
func (m *Message) Get(id HeaderID) []byte { panic("unwritten") } // first value, nil when absent (empty but non-nil when present and empty)
func (m *Message) Has(id HeaderID) bool   { panic("unwritten") }
func (m *Message) Count(id HeaderID) int  { panic("unwritten") } // lines with that id

// GetName returns the first value of a header by its name, case-insensitively.
func (m *Message) GetName(name string) []byte { panic("unwritten") }

// Values yields every element of a list header over all its lines, commas
// split outside quotes and angle brackets, blanks trimmed.
func (m *Message) Values(id HeaderID) iter.Seq[[]byte] { panic("unwritten") }

// HasToken reports whether a list of tokens (Supported, Require, Allow…) holds
// the token, case-insensitively.
func (m *Message) HasToken(id HeaderID, token string) bool { panic("unwritten") }

func (m *Message) TopVia() (Via, bool)        { panic("unwritten") }
func (m *Message) From() (NameAddr, bool)     { panic("unwritten") }
func (m *Message) To() (NameAddr, bool)       { panic("unwritten") }
func (m *Message) FromTag() []byte            { panic("unwritten") } // nil when absent
func (m *Message) ToTag() []byte              { panic("unwritten") } // nil when absent
func (m *Message) CallID() []byte             { panic("unwritten") }
func (m *Message) CSeq() (n uint32, ok bool)  { panic("unwritten") }
func (m *Message) CSeqMethod() []byte         { panic("unwritten") }
func (m *Message) MaxForwards() (int, bool)   { panic("unwritten") } // false when absent or bad
func (m *Message) Expires() (uint32, bool)    { panic("unwritten") } // false when absent or bad (RFC 3261 §20.19: treat as 3600)
func (m *Message) ContentLength() (int, bool) { panic("unwritten") }

// Frame looks for one whole message at the start of a stream (RFC 3261 §18.3).
// It returns the number of octets of it, 0 when more are needed. Leading CRLFs
// count as part of the message. An error (400 no or bad or doubled
// Content-Length; 513 longer than max) means the stream cannot be framed any
// more: answer what can be answered, then close. It works on what it has seen
// before: called again with a longer b it need not start over when the caller
// passes the previous Framer.
type Framer struct{ scanned int }

func (f *Framer) Frame(b []byte, max int) (n int, err *Error) { panic("unwritten") }
