package sip

import (
	"bytes"
	"iter"
)

// Credentials views an Authorization or Proxy-Authorization value, or a
// challenge of WWW-Authenticate and Proxy-Authenticate, which are built alike
// (RFC 3261 §20.7, §25.1). Folds may stand wherever blanks may.
type Credentials struct {
	Scheme []byte // as spelled: compare with EqualFold
	Params []byte // all behind the scheme: parameters, or the token of NTLM and the like
}

// ParseCredentials splits a value into scheme and parameters. The parameters
// are read by Each, since schemes other than Digest have forms of their own.
func ParseCredentials(v []byte) (Credentials, *Error) {
	v = trim(v)
	i := 0
	for i < len(v) && class[v[i]]&classToken != 0 {
		i++
	}
	if i == 0 || i < len(v) && !isBlank(v[i]) {
		return Credentials{}, bad("Bad authentication scheme")
	}
	return Credentials{Scheme: v[:i:i], Params: trim(v[i:])}, nil
}

// CutCredentials cuts the first of several credentials or challenges that stand in
// one line, which is against RFC 3261 §7.3.1, from the others; rest is nil behind
// the last. The next one begins where a scheme follows a comma: a token that has a
// blank behind it and no "=".
func CutCredentials(v []byte) (one, rest []byte) {
	for i := 0; i < len(v); {
		switch v[i] {
		case '"':
			if i = skipQuoted(v, i); i < 0 {
				return v, nil
			}
			continue
		case ',':
			next := skipBlanks(v, i+1)
			if c, err := ParseCredentials(v[next:]); err == nil && len(c.Params) > 0 && c.Params[0] != '=' {
				return v[:i:i], v[next:]
			}
		}
		i++
	}
	return v, nil
}

// Is reports whether the scheme is that one, in any case.
func (c Credentials) Is(scheme string) bool { return EqualFold(c.Scheme, scheme) }

// Param returns the first parameter of that name without its quotes; escapes in
// it stay (AppendUnquoted).
func (c Credentials) Param(name string) ([]byte, bool) {
	for pos := 0; pos < len(c.Params); {
		n, v, next, _ := nextAuthParam(c.Params, pos)
		if v != nil && EqualFold(n, name) {
			return unquote(v), true
		}
		pos = next
	}
	return nil, false
}

// Each calls f for each parameter, values with their quotes, until it returns
// false. The error (400) is the first parameter that cannot be read; those
// before it were given to f.
func (c Credentials) Each(f func(name, value []byte) bool) *Error {
	for pos := 0; pos < len(c.Params); {
		n, v, next, ok := nextAuthParam(c.Params, pos)
		if !ok {
			return bad("Bad authentication parameter")
		}
		if len(n) > 0 && !f(n, v) {
			break
		}
		pos = next
	}
	return nil
}

// nextAuthParam reads "name=value" from pos on and goes behind its comma. An
// empty element (",,") is no error (RFC 9110 §5.6.1): its name is empty.
func nextAuthParam(p []byte, pos int) (name, value []byte, next int, ok bool) {
	pos = skipBlanks(p, pos)
	i := pos
	for i < len(p) && p[i] != ',' && p[i] != '=' && !isBlank(p[i]) {
		i++
	}
	name = p[pos:i:i]
	i = skipBlanks(p, i)
	if len(name) == 0 && (i == len(p) || p[i] == ',') {
		return nil, nil, min(i+1, len(p)), true
	}
	ok = i < len(p) && p[i] == '=' && isToken(name)
	if ok {
		i = skipBlanks(p, i+1)
		from, to := i, i
		if i < len(p) && p[i] == '"' {
			if i = skipQuoted(p, i); i < 0 {
				return name, p[from:], len(p), false
			}
			to = i
			i = skipBlanks(p, i)
			ok = i == len(p) || p[i] == ','
		}
		for i < len(p) && p[i] != ',' {
			if i++; !isBlank(p[i-1]) {
				to = i
			}
		}
		value = p[from:to:to]
	} else if c := bytes.IndexByte(p[i:], ','); c >= 0 {
		i += c
	} else {
		i = len(p)
	}
	return name, value, min(i+1, len(p)), ok
}

// Lines yields the whole value of each line with that id. Authorization and
// its like have commas in one value and are no lists (RFC 3261 §7.3.1).
func (m *Message) Lines(id HeaderID) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) { m.eachLine(id, yield) }
}

func (m *Message) eachLine(id HeaderID, yield func([]byte) bool) {
	for i := m.firstLine(id); i >= 0; i = m.next(id, i+1) {
		if !yield(m.at(m.lines[i].value)) {
			return
		}
	}
}
