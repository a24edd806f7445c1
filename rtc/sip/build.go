package sip

import "bytes"

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
func AppendResponse(dst []byte, req *Message, r Response) []byte {
	b := Builder{Buf: dst}
	b.Status(r.Code, r.Reason)
	recordRoute := r.Code > 100 && r.Code < 300 &&
		(req.method == INVITE || req.method == SUBSCRIBE || req.method == REFER)
	top := req.firstLine(HdrVia)
	for i := range req.lines {
		l := &req.lines[i]
		switch {
		case i == top:
			b.topVia(req)
		case l.id == HdrVia, l.id == HdrRecordRoute && recordRoute:
			b.Header(l.id, req.at(l.value))
		}
	}
	b.copyFirst(req, HdrFrom)
	b.to(req, r)
	b.copyFirst(req, HdrCallID)
	b.copyFirst(req, HdrCSeq)
	b.copyFirst(req, HdrTimestamp)
	b.Raw(r.Header)
	return b.Finish(r.ContentType, r.Body)
}

// topVia copies the first Via line with received and rport in its first element.
func (b *Builder) topVia(req *Message) {
	var k viaMark
	k.of(req)
	v := req.buf
	l := req.lines[req.firstLine(HdrVia)]
	b.Buf = append(b.Buf, "Via: "...)
	at := l.value.from
	for _, s := range k.splices[:k.n] {
		b.Buf = append(b.Buf, v[at:s.from]...)
		b.Buf = append(b.Buf, k.text[s.textFrom:s.textTo]...)
		at = s.to
	}
	b.Buf = append(b.Buf, v[at:l.value.to]...)
	b.Buf = append(b.Buf, "\r\n"...)
}

func (b *Builder) copyFirst(req *Message, id HeaderID) {
	if v := req.Get(id); v != nil {
		b.Header(id, v)
	}
}

func (b *Builder) to(req *Message, r Response) {
	v := req.Get(HdrTo)
	if v == nil {
		return
	}
	a, _ := req.To()
	if r.ToTag == "" || a.Tag() != nil {
		b.Header(HdrTo, v)
		return
	}
	if _, empty := a.Param("tag"); empty {
		v = AppendParams(append([]byte(nil), v[:len(v)-len(a.Params)]...), a.Params, "tag")
	}
	b.Header(HdrTo, v)
	b.Buf = append(b.Buf[:len(b.Buf)-2], ";tag="...)
	b.Buf = append(b.Buf, r.ToTag...)
	b.Buf = append(b.Buf, "\r\n"...)
}

// Builder writes a message of our own. The zero value with Buf set appends to
// Buf. Line breaks in values are written as blanks, so no value can add a line.
type Builder struct{ Buf []byte }

// Request writes the request line.
func (b *Builder) Request(method string, uri []byte) {
	b.Buf = append(b.Buf, method...)
	b.Buf = append(b.Buf, ' ')
	b.Buf = append(b.Buf, uri...)
	b.Buf = append(b.Buf, " SIP/2.0\r\n"...)
}

// Status writes the status line; "" takes the standard phrase of code.
func (b *Builder) Status(code int, reason string) {
	if reason == "" {
		reason = ReasonPhrase(code)
	}
	b.Buf = append(b.Buf, "SIP/2.0 "...)
	b.Buf = appendUint(b.Buf, uint64(max(code, 0)))
	b.Buf = append(b.Buf, ' ')
	b.Buf = appendFlat(b.Buf, raw(reason))
	b.Buf = append(b.Buf, "\r\n"...)
}

// Header writes one header line.
func (b *Builder) Header(id HeaderID, value []byte) {
	b.Buf = appendLine(b.Buf, headerNames[id], value)
}

// HeaderString is Header for a string.
func (b *Builder) HeaderString(id HeaderID, value string) {
	b.Buf = appendLine(b.Buf, headerNames[id], raw(value))
}

// Raw writes complete header lines, each ending in CRLF.
func (b *Builder) Raw(lines []byte) { b.Buf = append(b.Buf, lines...) }

// Finish writes Content-Type, Content-Length, the empty line and the body, and
// returns Buf.
func (b *Builder) Finish(contentType string, body []byte) []byte {
	if contentType != "" {
		b.HeaderString(HdrContentType, contentType)
	}
	b.Buf = append(b.Buf, "Content-Length: "...)
	b.Buf = appendUint(b.Buf, uint64(len(body)))
	b.Buf = append(b.Buf, "\r\n\r\n"...)
	b.Buf = append(b.Buf, body...)
	return b.Buf
}

func appendLine(dst []byte, name string, value []byte) []byte {
	dst = append(dst, name...)
	dst = append(dst, ": "...)
	dst = appendValue(dst, value)
	return append(dst, "\r\n"...)
}

// appendValue appends a value. Folds stay as they are; a line break that is no
// fold becomes a blank.
func appendValue(dst, value []byte) []byte {
	if bytes.IndexByte(value, '\n') < 0 && bytes.IndexByte(value, '\r') < 0 {
		return append(dst, value...)
	}
	for i := 0; i < len(value); i++ {
		if value[i] == '\r' && i+2 < len(value) && value[i+1] == '\n' && (value[i+2] == ' ' || value[i+2] == '\t') {
			dst = append(dst, "\r\n"...)
			i++
			continue
		}
		dst = appendFlat(dst, value[i:i+1])
	}
	return dst
}

// appendFlat appends text with its line breaks as blanks.
func appendFlat(dst, text []byte) []byte {
	for _, c := range text {
		if c == '\r' || c == '\n' {
			c = ' '
		}
		dst = append(dst, c)
	}
	return dst
}
