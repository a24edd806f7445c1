package sip

import (
	"encoding/binary"
	"math/bits"
	"unsafe"
)

// Classes of octets (RFC 3261 §25.1).
const (
	classToken  = 1 << iota // alphanum and -.!%*_+`'~
	classHex                // hexadecimal digits
	classScheme             // alphanum and +-.
	classHost               // what host names and addresses are made of; '_' is tolerated
	classUser               // unreserved, user-unreserved, and '#' which dialling phones do not escape
	classMark               // unreserved: alphanum and -_.!~*'()
	classBlank              // SP, HTAB and the CR and LF of a fold
	classParam              // what may stand in URI parameters and headers
)

var class = classes()

func classes() (t [256]uint8) {
	put := func(s string, c uint8) {
		for i := range len(s) {
			t[s[i]] |= c
		}
	}
	const alnum = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	put(alnum+"-.!%*_+`'~", classToken)
	put("0123456789abcdefABCDEF", classHex)
	put(alnum+"+-.", classScheme)
	put(alnum+"-._", classHost)
	put(alnum+"-_.!~*'()&=+$,;?/%:#", classUser)
	put(alnum+"-_.!~*'()", classMark)
	put(" \t\r\n", classBlank)
	for c := 0x21; c < 0x7f; c++ {
		t[c] |= classParam
	}
	for _, c := range []byte("<>\"") {
		t[c] &^= classParam
	}
	for c := 0x80; c < 0x100; c++ {
		t[c] |= classUser | classParam // UTF-8 without escapes, as several phones send it
	}
	return t
}

func isBlank(c byte) bool { return class[c]&classBlank != 0 }

func isToken(b []byte) bool {
	for _, c := range b {
		if class[c]&classToken == 0 {
			return false
		}
	}
	return len(b) > 0
}

func isDigit(c byte) bool { return c-'0' <= 9 }

func lower(c byte) byte {
	if c-'A' <= 'Z'-'A' {
		return c | 0x20
	}
	return c
}

// EqualFold compares ASCII case-insensitively without allocating.
func EqualFold(b []byte, s string) bool {
	if len(b) != len(s) {
		return false
	}
	for i, c := range b {
		if d := s[i]; c != d && lower(c) != lower(d) {
			return false
		}
	}
	return true
}

// controlAt is the offset of the first octet below 0x20 from i on, len(b)
// without one. It looks at eight octets at a time: line ends and forbidden
// octets are found by the same pass.
func controlAt(b []byte, i int) int {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	for ; i+8 <= len(b); i += 8 {
		w := binary.LittleEndian.Uint64(b[i:])
		if low := (w - 0x20*ones) &^ w & highs; low != 0 {
			return i + bits.TrailingZeros64(low)>>3
		}
	}
	for ; i < len(b); i++ {
		if b[i] < 0x20 {
			return i
		}
	}
	return len(b)
}

// trim cuts blanks, folds included, off both ends.
func trim(b []byte) []byte {
	for len(b) > 0 && isBlank(b[0]) {
		b = b[1:]
	}
	for len(b) > 0 && isBlank(b[len(b)-1]) {
		b = b[:len(b)-1]
	}
	return b[:len(b):len(b)]
}

// skipBlanks is the offset of the first octet from i on that is no blank.
func skipBlanks(b []byte, i int) int {
	for i < len(b) && isBlank(b[i]) {
		i++
	}
	return i
}

// skipQuoted is the offset behind the quoted string that opens at i, -1 when
// it does not close (RFC 3261 §25.1 quoted-string).
func skipQuoted(b []byte, i int) int {
	for i++; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return -1
}

// ParseUint reads a decimal number that fills b and is at most max.
func ParseUint(b []byte, max uint64) (uint64, bool) {
	if len(b) == 0 {
		return 0, false
	}
	var n uint64
	for _, c := range b {
		d := uint64(c - '0')
		if c-'0' > 9 || n > max/10 {
			return 0, false
		}
		if n = n*10 + d; n > max || n < d {
			return 0, false
		}
	}
	return n, true
}

// str views b as a string; b must stay unchanged as long as it is used.
func str(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// raw views s as bytes that must not be written to.
func raw(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }
