package sip

import "bytes"

// Framer finds where messages end on a stream (RFC 3261 §18.3). It remembers
// what it has seen of the message that is not whole yet; the zero value begins
// at the start of one.
type Framer struct {
	scanned int // octets of the head looked at: up to the start of a line
	start   bool
	total   int // length of the message once its head is whole, with leading CRLFs
}

// Frame looks for one whole message at the start of a stream (RFC 3261 §18.3).
// It returns the number of octets of it, 0 when more are needed. Leading CRLFs
// count as part of the message. An error (400 no or bad or doubled
// Content-Length; 513 longer than max) means the stream cannot be framed any
// more: answer what can be answered, then close. It works on what it has seen
// before: called again with a longer b it need not start over when the caller
// passes the previous Framer. After a whole message it begins anew.
func (f *Framer) Frame(b []byte, max int) (n int, err *Error) { return f.FrameBy(b, max, nil) }

// FrameBy is Frame with a bound that a message may have raised: more is asked, once, when
// one is longer than max, and gives the bound for that with this head.
func (f *Framer) FrameBy(b []byte, max int, more func(head []byte) (int, *Error)) (n int, err *Error) {
	if f.total == 0 {
		head, err := f.findHead(b)
		if err != nil {
			return 0, err
		}
		if head == 0 {
			if len(b) >= max {
				return 0, &Error{Code: 513, Reason: "Message Too Large"}
			}
			return 0, nil
		}
		length, err := contentLength(b[:head])
		if err != nil {
			return 0, err
		}
		if length > max-head && more != nil {
			if max, err = more(b[:head]); err != nil {
				return 0, err
			}
		}
		if length > max-head {
			return 0, &Error{Code: 513, Reason: "Message Too Large"}
		}
		f.total = head + length
	}
	if len(b) < f.total {
		return 0, nil
	}
	n, *f = f.total, Framer{}
	return n, nil
}

// findHead returns the offset behind the empty line, 0 when it has not come.
func (f *Framer) findHead(b []byte) (int, *Error) {
	for f.scanned < len(b) {
		i := bytes.IndexByte(b[f.scanned:], '\n')
		if i < 0 {
			return 0, nil
		}
		if i == 0 || b[f.scanned+i-1] != '\r' {
			return 0, bad("Line ends in a bare LF")
		}
		f.scanned += i + 1
		if i > 1 {
			f.start = true
		} else if f.start { // an empty line behind others; before them it is a keep-alive
			return f.scanned, nil
		}
	}
	return 0, nil
}

// contentLength finds the one Content-Length of a head that ends in its empty
// line.
func contentLength(head []byte) (int, *Error) {
	found, length := false, 0
	for i := skipBlanks(head, 0); i < len(head); {
		end, next, _ := lineEnd(head, i)
		if colon := bytes.IndexByte(head[i:end], ':'); colon >= 0 {
			name := head[i : i+colon]
			for len(name) > 0 && (name[len(name)-1] == ' ' || name[len(name)-1] == '\t') {
				name = name[:len(name)-1]
			}
			if headerID(name) == HdrContentLength {
				n, ok := ParseUint(trim(head[i+colon+1:end]), 1<<31-1)
				if found {
					return 0, bad("More than one Content-Length")
				}
				if !ok {
					return 0, bad("Bad Content-Length")
				}
				found, length = true, int(n)
			}
		}
		i = next
	}
	if !found {
		return 0, bad("No Content-Length on a stream") // RFC 3261 §20.14
	}
	return length, nil
}
