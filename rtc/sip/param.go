package sip

import "bytes"

// nextParam reads the ";name=value" that starts at or behind pos. Blanks and
// folds may stand around ';' and '='. The value keeps its quotes; it is nil
// when there is no '='. ok is false for an empty parameter (";;") or a quoted
// string that does not close; next is len(p) at the end.
func nextParam(p []byte, pos int) (name, value []byte, next int, ok bool) {
	pos = skipBlanks(p, pos)
	if pos < len(p) && p[pos] == ';' {
		pos = skipBlanks(p, pos+1)
	}
	i := pos
	for i < len(p) && p[i] != ';' && p[i] != '=' && !isBlank(p[i]) {
		i++
	}
	name = p[pos:i:i]
	i = skipBlanks(p, i)
	if i >= len(p) || p[i] != '=' {
		ok = len(name) > 0 && (i == len(p) || p[i] == ';')
		for i < len(p) && p[i] != ';' { // junk between a name and the next ';'
			i++
		}
		return name, nil, i, ok
	}
	i = skipBlanks(p, i+1)
	from := i
	if i < len(p) && p[i] == '"' {
		if i = skipQuoted(p, i); i < 0 {
			return name, p[from:], len(p), false
		}
	}
	next = len(p)
	if n := bytes.IndexByte(p[i:], ';'); n >= 0 {
		next = i + n
	}
	to := next
	for to > i && isBlank(p[to-1]) {
		to--
	}
	return name, p[from:to:to], next, len(name) > 0
}

// unquote takes the quotes off a value; escapes inside stay as spelled.
func unquote(v []byte) []byte {
	if len(v) >= 2 && v[0] == '"' && v[len(v)-1] == '"' {
		return v[1 : len(v)-1 : len(v)-1]
	}
	return v
}

// Param finds name among ";a=b;c" parameters, quote-aware, blanks around ';'
// and '=' allowed, names case-insensitive. The value is without quotes, nil for
// a parameter that has none.
func Param(params []byte, name string) ([]byte, bool) {
	for pos := 0; pos < len(params); {
		n, v, next, _ := nextParam(params, pos)
		if EqualFold(n, name) {
			return unquote(v), true
		}
		pos = next
	}
	return nil, false
}

// Params calls f for each parameter until it returns false. Values are as
// spelled, with their quotes.
func Params(params []byte, f func(name, value []byte) bool) {
	for pos := 0; pos < len(params); {
		n, v, next, _ := nextParam(params, pos)
		if len(n) > 0 && !f(n, v) {
			return
		}
		pos = next
	}
}

// AppendParams appends parameters as they are spelled, except those of some names.
func AppendParams(dst, params []byte, except ...string) []byte {
	Params(params, func(name, value []byte) bool {
		for _, x := range except {
			if EqualFold(name, x) {
				return true
			}
		}
		dst = append(append(dst, ';'), name...)
		if value != nil {
			dst = append(append(dst, '='), value...)
		}
		return true
	})
	return dst
}

// AppendUnquoted appends the text of a quoted string's inside: each \x as x
// (RFC 3261 §25.1 quoted-pair).
func AppendUnquoted(dst, v []byte) []byte {
	for i := 0; i < len(v); i++ {
		if v[i] == '\\' && i+1 < len(v) {
			i++
		}
		dst = append(dst, v[i])
	}
	return dst
}
