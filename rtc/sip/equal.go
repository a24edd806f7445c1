package sip

import "bytes"

// EqualURI compares by the rules of RFC 3261 §19.1.4 (and RFC 3966 §4 for tel:).
func EqualURI(a, b URI) bool {
	if a.Kind != b.Kind {
		return false
	}
	switch a.Kind {
	case URIOther:
		return EqualFold(a.Scheme, str(b.Scheme)) && bytes.Equal(a.Opaque, b.Opaque)
	case URITel:
		return equalNumber(a.User, b.User) && telParams(a, b) && telParams(b, a)
	}
	if (a.User == nil) != (b.User == nil) || (a.Password == nil) != (b.Password == nil) {
		return false
	}
	return a.Port == b.Port && equalHost(a.Host, b.Host) &&
		equalEscaped(a.User, b.User, false) && equalEscaped(a.Password, b.Password, false) &&
		sipParams(a, b) && sipParams(b, a) &&
		uriHeaders(a.Headers, b.Headers) && uriHeaders(b.Headers, a.Headers)
}

func equalHost(a, b []byte) bool {
	if EqualFold(a, str(b)) {
		return true
	}
	if len(a) < 2 || len(b) < 2 || a[0] != '[' || b[0] != '[' {
		return false
	}
	x, okX := HostAddr(a)
	y, okY := HostAddr(b)
	return okX && okY && x == y
}

// equalEscaped compares where an escape of a character outside the reserved set
// stands for the character.
func equalEscaped(a, b []byte, fold bool) bool {
	for len(a) > 0 && len(b) > 0 {
		x, xReserved, n := unit(a)
		y, yReserved, k := unit(b)
		if fold {
			x, y = lower(x), lower(y)
		}
		if x != y || xReserved != yReserved {
			return false
		}
		a, b = a[n:], b[k:]
	}
	return len(a) == len(b)
}

// unit is the first character of b, whether it is an escaped reserved one, and
// its length as spelled.
func unit(b []byte) (c byte, reserved bool, n int) {
	if !isEscape(b, 0) {
		return b[0], false, 1
	}
	c = hexValue(b[1])<<4 | hexValue(b[2])
	return c, bytes.IndexByte(raw(";/?:@&=+$,"), c) >= 0, 3
}

// unwieldy says that b is more than any phone sends: it is compared octet by
// octet alone, since each part with each would take time that grows with the square.
func unwieldy(b []byte, sep string) bool { return len(b) > 4096 || bytes.Count(b, raw(sep)) > 64 }

// sipParams reports whether each parameter of a is equal in b, or may be
// missing there.
func sipParams(a, b URI) bool {
	if bytes.Equal(a.Params, b.Params) {
		return true
	}
	if unwieldy(a.Params, ";") || unwieldy(b.Params, ";") {
		return false
	}
	same := true
	Params(a.Params, func(name, value []byte) bool {
		other, ok := escapedParam(b.Params, name)
		switch {
		case ok:
			same = equalEscaped(value, other, true)
		case equalEscaped(name, raw("transport"), true), equalEscaped(name, raw("user"), true),
			equalEscaped(name, raw("ttl"), true), equalEscaped(name, raw("method"), true),
			equalEscaped(name, raw("maddr"), true):
			same = false // these never match their absence
		}
		return same
	})
	return same
}

func escapedParam(params, name []byte) (value []byte, ok bool) {
	Params(params, func(n, v []byte) bool {
		if equalEscaped(n, name, true) {
			value, ok = v, true
		}
		return !ok
	})
	return value, ok
}

// uriHeaders reports whether each header component of a is in b; none may be
// missing.
func uriHeaders(a, b []byte) bool {
	if bytes.Equal(a, b) {
		return true
	}
	if unwieldy(a, "&") || unwieldy(b, "&") {
		return false
	}
	for len(a) > 0 {
		var h []byte
		h, a = nextHeader(a)
		found := false
		for rest := b; len(rest) > 0 && !found; {
			var k []byte
			k, rest = nextHeader(rest)
			found = equalHeader(h, k)
		}
		if !found {
			return false
		}
	}
	return true
}

func nextHeader(b []byte) (h, rest []byte) {
	if i := bytes.IndexByte(b, '&'); i >= 0 {
		return b[:i], b[i+1:]
	}
	return b, nil
}

func equalHeader(a, b []byte) bool {
	an, av, _ := bytes.Cut(a, raw("="))
	bn, bv, _ := bytes.Cut(b, raw("="))
	return equalEscaped(an, bn, true) && equalEscaped(av, bv, false)
}

// equalNumber compares telephone numbers without visual separators.
func equalNumber(a, b []byte) bool {
	i, j := 0, 0
	for {
		for i < len(a) && isSeparator(a[i]) {
			i++
		}
		for j < len(b) && isSeparator(b[j]) {
			j++
		}
		if i == len(a) || j == len(b) {
			return i == len(a) && j == len(b)
		}
		if lower(a[i]) != lower(b[j]) {
			return false
		}
		i, j = i+1, j+1
	}
}

// telParams reports whether each parameter of a is in b with the same value:
// parameters of tel: may not be missing, their order does not count.
func telParams(a, b URI) bool {
	if bytes.Equal(a.Params, b.Params) {
		return true
	}
	if unwieldy(a.Params, ";") || unwieldy(b.Params, ";") {
		return false
	}
	same := true
	Params(a.Params, func(name, value []byte) bool {
		other, ok := escapedParam(b.Params, name)
		if ok && (EqualFold(name, "ext") || EqualFold(name, "phone-context") && len(value) > 0 && value[0] == '+') {
			same = equalNumber(value, other)
		} else {
			same = ok && equalEscaped(value, other, true)
		}
		return same
	})
	return same
}
