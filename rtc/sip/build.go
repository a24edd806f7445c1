package sip

// Response describes a response of our own to a request.
type Response struct {
	Code        int
	Reason      string // "" takes the standard phrase of Code
	ToTag       string // added to To unless it has a tag already; "" adds none (100)
	Header      []byte // further complete header lines, each ending in CRLF
	ContentType string
	Body        []byte
}

// AppendResponse appends the response to req: its Vias in order (received and
// rport put into the topmost from req.Source), From, To, Call-ID, CSeq,
// Timestamp (RFC 3261 §8.2.6), then r.Header, then body. Record-Route is
// copied when the response may make a dialog (§12.1.1). It works on requests whose parse
// failed half way as long as they have a Via; headers that are missing are left
// out. It does not allocate beyond dst.
func AppendResponse(dst []byte, req *Message, r Response) []byte { panic("unwritten") }

// ReasonPhrase is the standard phrase of a status code ("" when unknown).
func ReasonPhrase(code int) string { panic("unwritten") }

// Builder writes a message of our own. The zero value with Buf set appends to Buf.
type Builder struct{ Buf []byte }

func (b *Builder) Request(method string, uri []byte)             { panic("unwritten") }
func (b *Builder) Status(code int, reason string)                { panic("unwritten") }
func (b *Builder) Header(id HeaderID, value []byte)              { panic("unwritten") }
func (b *Builder) HeaderString(id HeaderID, value string)        { panic("unwritten") }
func (b *Builder) Named(name, value string)                      { panic("unwritten") }
func (b *Builder) Raw(lines []byte)                              { panic("unwritten") }
func (b *Builder) Finish(contentType string, body []byte) []byte { panic("unwritten") } // writes Content-Type, Content-Length, empty line, body; returns Buf
