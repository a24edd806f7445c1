package sip

import "bytes"

// Success reads a 200 without a body to a request of a method and returns the branch of
// its only Via: all there is to know of an answer whose sender wants to hear that it was
// taken and nothing more. Most programs write it with the same few header fields, in the
// same way. Whatever is written otherwise, or could mean anything, is not ok and is left
// to Parse, so that nothing is judged here.
func Success(b []byte, method string) (branch []byte, ok bool) {
	const status = "SIP/2.0 200 "
	if len(b) < len(status) || string(b[:len(status)]) != status {
		return nil, false
	}
	_, b, ok = cutLine(b)
	if !ok {
		return nil, false
	}
	line, b, ok := cutLine(b)
	if !ok || !bytes.HasPrefix(line, raw("Via: SIP/2.0/")) || bytes.IndexByte(line, ',') >= 0 {
		return nil, false
	}
	_, branch, _ = bytes.Cut(line, raw(";branch="))
	if end := bytes.IndexByte(branch, ';'); end >= 0 {
		branch = branch[:end]
	}
	return branch, len(branch) > 0 && ordinary(b, method)
}

// The header fields that a response has once.
const (
	hasFrom = 1 << iota
	hasTo
	hasCallID
	hasCSeq
	hasLength
	hasAll = hasFrom | hasTo | hasCallID | hasCSeq
)

// ordinary reports whether b is the rest of such a head below its Via, and its end.
func ordinary(b []byte, method string) bool {
	has := 0
	for string(b) != "\r\n" {
		line, rest, ok := cutLine(b)
		if !ok {
			return false
		}
		name, value, _ := bytes.Cut(line, raw(": "))
		if len(value) == 0 {
			return false
		}
		one := 0
		switch string(name) {
		case "From":
			one = hasFrom
		case "To":
			one = hasTo
		case "Call-ID":
			one = hasCallID
		case "CSeq":
			one = hasCSeq
			number, of, _ := bytes.Cut(value, raw(" "))
			if _, ok := ParseUint(number, 1<<31-1); !ok || string(of) != method {
				return false
			}
		case "Content-Length":
			one = hasLength
			if string(value) != "0" {
				return false
			}
		case "Contact", "User-Agent", "Server", "Allow", "Supported":
		default:
			return false // it may say something, as Event does (RFC 6446 §5.1)
		}
		if has&one != 0 {
			return false
		}
		has |= one
		b = rest
	}
	return has&hasAll == hasAll
}

// cutLine cuts the first line off, which must end in CRLF and have no other control
// character.
func cutLine(b []byte) (line, rest []byte, ok bool) {
	end := controlAt(b, 0)
	if end+1 >= len(b) || b[end] != '\r' || b[end+1] != '\n' {
		return nil, nil, false
	}
	return b[:end], b[end+2:], true
}
