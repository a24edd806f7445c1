package sip

import (
	"bytes"
	"strconv"
)

// NameAddr is a name-addr or addr-spec with header parameters, as in From, To,
// Contact, Route, Record-Route, Path, Refer-To (RFC 3261 §20.10). Slices point
// into the parsed bytes.
type NameAddr struct {
	Display   []byte // as spelled, with its quotes; nil when absent
	URI       []byte // without angle brackets
	Params    []byte // header parameters with their leading ';', without surrounding blanks
	Bracketed bool   // URI stood in <>
	Star      bool   // Contact: *
}

// ParseNameAddr reads one element of a name-addr list.
func ParseNameAddr(b []byte) (NameAddr, *Error) {
	b = trim(b)
	if len(b) == 0 {
		return NameAddr{}, bad("Empty address")
	}
	if b[0] == '*' && len(b) == 1 {
		return NameAddr{Star: true}, nil
	}
	open := 0
	if b[0] == '"' {
		if open = skipQuoted(b, 0); open < 0 {
			return NameAddr{}, bad("Quoted display name does not close")
		}
		open = skipBlanks(b, open)
		if open == len(b) || b[open] != '<' {
			return NameAddr{}, bad("Display name without address in angle brackets")
		}
	} else {
		for open < len(b) && b[open] != '<' && b[open] != ';' && b[open] != '"' {
			open++
		}
		if open == len(b) || b[open] != '<' {
			return plainAddr(b)
		}
	}
	a := NameAddr{Bracketed: true}
	if d := trim(b[:open]); len(d) > 0 {
		if d[0] != '"' && bytes.IndexByte(d, ',') >= 0 {
			return a, bad("Comma in unquoted display name")
		}
		a.Display = d
	}
	end := bytes.IndexByte(b[open:], '>')
	if end < 0 {
		return a, bad("Address without closing angle bracket")
	}
	end += open
	a.URI = b[open+1 : end : end]
	if len(a.URI) == 0 {
		return a, bad("Empty address")
	}
	if isBlank(a.URI[0]) || isBlank(a.URI[len(a.URI)-1]) {
		return a, bad("Blank inside angle brackets")
	}
	return a, a.params(b[end+1:])
}

// plainAddr reads an addr-spec: parameters behind it belong to the header, and
// a comma, semicolon or question mark in the URI would need brackets
// (RFC 3261 §20).
func plainAddr(b []byte) (NameAddr, *Error) {
	i := 0
	for i < len(b) && b[i] != ';' && !isBlank(b[i]) {
		if c := b[i]; c == '?' || c == ',' || c == '"' || c == '>' {
			return NameAddr{}, bad("Address needs angle brackets")
		}
		i++
	}
	a := NameAddr{URI: b[:i:i]}
	if i == 0 {
		return a, bad("Empty address")
	}
	return a, a.params(b[i:])
}

func (a *NameAddr) params(b []byte) *Error {
	i := skipBlanks(b, 0)
	if i == len(b) {
		return nil
	}
	if b[i] != ';' {
		return bad("Junk behind address")
	}
	a.Params = b[i:]
	if bytes.IndexByte(a.Params, '"') < 0 {
		return nil
	}
	for pos := 0; pos < len(a.Params); {
		_, v, next, ok := nextParam(a.Params, pos)
		if !ok && len(v) > 0 && v[0] == '"' {
			return bad("Quoted parameter does not close")
		}
		pos = next
	}
	return nil
}

// Param returns a header parameter's value: unquoted token or the inside of a
// quoted string; nil,true for a parameter without value.
func (a NameAddr) Param(name string) ([]byte, bool) { return Param(a.Params, name) }

// Quality is the q of a Contact in thousandths, 1000 when it has none that can be read
// (RFC 3261 §20.10).
func (a NameAddr) Quality() uint16 {
	v, ok := a.Param("q")
	if !ok {
		return 1000
	}
	q, err := strconv.ParseFloat(string(bytes.TrimSpace(v)), 64)
	if err != nil || q < 0 || q > 1 {
		return 1000
	}
	return uint16(q*1000 + 0.5)
}

// Tag is the tag parameter, nil when absent. One without a value, as phones of
// 2001 write it in To before there is a tag, counts as absent.
func (a NameAddr) Tag() []byte {
	if t, _ := Param(a.Params, "tag"); len(t) > 0 {
		return t
	}
	return nil
}

// AppendDisplay appends the display name without quotes and backslashes.
func (a NameAddr) AppendDisplay(dst []byte) []byte {
	if len(a.Display) > 0 && a.Display[0] == '"' {
		return AppendUnquoted(dst, unquote(a.Display))
	}
	return append(dst, a.Display...)
}
