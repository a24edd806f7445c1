package sip

import (
	"bytes"
	"iter"
)

// Part is one part of a body with its header lines (RFC 2046 §5.1, RFC 5621).
type Part struct {
	Header []byte // the lines as received, without the empty line
	Body   []byte
}

// Get returns the first value of a header by its name or compact form,
// case-insensitively, nil when absent.
func (p Part) Get(name string) []byte {
	id := HeaderByName(name)
	for i := 0; i < len(p.Header); {
		end, next := partLine(p.Header, i)
		if c := bytes.IndexByte(p.Header[i:end], ':'); c > 0 {
			n := trim(p.Header[i : i+c])
			if id != HdrOther && headerID(n) == id || EqualFold(n, name) {
				return trim(p.Header[i+c+1 : end])
			}
		}
		i = next
	}
	return nil
}

// Type is the Content-Type; text/plain when absent (RFC 2046 §5.2).
func (p Part) Type() Parted {
	if v := p.Get("Content-Type"); v != nil {
		return ParseParted(v)
	}
	return Parted{Value: raw("text/plain")}
}

// Optional reports whether a receiver that does not know the part may ignore
// it: Content-Disposition with handling=optional (RFC 3261 §20.11).
func (p Part) Optional() bool {
	v, ok := ParseParted(p.Get("Content-Disposition")).Param("handling")
	return ok && EqualFold(v, "optional")
}

// partLine finds the end of the line at i with its folds. Binary gateways end
// lines of parts in a bare LF now and then, which harms nothing here.
func partLine(b []byte, i int) (end, next int) {
	for {
		n := bytes.IndexByte(b[i:], '\n')
		if n < 0 {
			return len(b), len(b)
		}
		end, next = i+n, i+n+1
		if end > i && b[end-1] == '\r' {
			end--
		}
		if next == len(b) || b[next] != ' ' && b[next] != '\t' {
			return end, next
		}
		i = next
	}
}

// parts yields the parts of a multipart body, or the body as the only part of
// another type. Nothing of a multipart without boundary.
func (m *Message) parts() iter.Seq[Part] {
	return func(yield func(Part) bool) {
		t := ParseParted(m.Get(HdrContentType))
		if isMultipart(t.Value) {
			for p := range Multipart(m.Get(HdrContentType), m.Body()) {
				if !yield(p) {
					return
				}
			}
			return
		}
		if len(m.Body()) > 0 && len(m.lines) > 0 {
			yield(Part{Header: m.buf[m.lines[0].start:m.head], Body: m.Body()})
		}
	}
}

func isMultipart(t []byte) bool {
	return len(t) > 10 && EqualFold(t[:10], "multipart/")
}

// Multipart yields the parts of body by the boundary of contentType. A last
// part that is not closed reaches to the end.
func Multipart(contentType, body []byte) iter.Seq[Part] {
	return func(yield func(Part) bool) {
		boundary, _ := ParseParted(contentType).Param("boundary")
		if len(boundary) == 0 || len(boundary) > 70 { // RFC 2046 §5.1.1
			return
		}
		_, from, last := delimiter(body, 0, boundary)
		for from >= 0 && !last {
			end, next, closing := delimiter(body, from, boundary)
			if end < 0 {
				end = len(body)
			}
			if !yield(splitPart(body[from:end:end])) {
				return
			}
			from, last = next, closing
		}
	}
}

// delimiter finds the next line "--boundary" from offset from, which starts a
// line: end is where what stands before it ends, next where what follows
// begins; both are -1 without one. closing is set for "--boundary--".
func delimiter(b []byte, from int, boundary []byte) (end, next int, closing bool) {
	for i := from; i < len(b); {
		line := b[i:]
		if n := bytes.IndexByte(line, '\n'); n >= 0 {
			line = line[:n+1]
		}
		if len(line) >= len(boundary)+2 && line[0] == '-' && line[1] == '-' &&
			bytes.Equal(line[2:2+len(boundary)], boundary) {
			rest := line[2+len(boundary):]
			closing = len(rest) >= 2 && rest[0] == '-' && rest[1] == '-'
			if closing || len(trim(rest)) == 0 {
				end = i
				if end > from { // the line break before belongs to the delimiter
					end--
				}
				if end > from && b[end-1] == '\r' {
					end--
				}
				return end, i + len(line), closing
			}
		}
		i += len(line)
	}
	return -1, -1, false
}

func splitPart(b []byte) Part {
	for i := 0; i < len(b); {
		if b[i] == '\n' {
			return Part{Header: b[:i:i], Body: b[i+1:]}
		}
		if b[i] == '\r' && i+1 < len(b) && b[i+1] == '\n' {
			return Part{Header: b[:i:i], Body: b[i+2:]}
		}
		_, i = partLine(b, i)
	}
	return Part{Header: b}
}

// maxNesting bounds multiparts within multiparts.
const maxNesting = 4

// FindPart is the first part of that media type, in multiparts within
// multiparts too: application/sdp beside the ISUP or GTD of a gateway.
func (m *Message) FindPart(mediaType string) (Part, bool) {
	for p := range m.parts() {
		if q, ok := p.find(mediaType, maxNesting); ok {
			return q, true
		}
	}
	return Part{}, false
}

func (p Part) find(mediaType string, depth int) (Part, bool) {
	t := p.Type().Value
	if EqualFold(t, mediaType) {
		return p, true
	}
	if depth > 0 && isMultipart(t) {
		for q := range Multipart(p.Get("Content-Type"), p.Body) {
			if found, ok := q.find(mediaType, depth-1); ok {
				return found, true
			}
		}
	}
	return Part{}, false
}
