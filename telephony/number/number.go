package number

import "errors"

// Number is a telephone number: E.164 with '+', or digits (with * and #) that
// mean something at one site only. The zero value is none. Numbers can be
// compared with == and are keys of maps.
type Number struct {
	text [maxText]byte
	n    uint8
}

const (
	maxText   = 32
	maxDigits = 15 // ITU-T E.164 §6
	minDigits = 3
)

// Errors of reading. Each is a constant: reading allocates nothing.
var (
	ErrNotNumber = errors.New("not a telephone number")
	ErrTooLong   = errors.New("telephone number is too long: it has at most 15 digits after +")
	ErrTooShort  = errors.New("telephone number is too short")
	ErrContext   = errors.New("phone-context is not one of ours") // RFC 3966 §7: such numbers must not be translated
)

// Global reports whether the number is E.164.
func (n Number) Global() bool { return n.n > 0 && n.text[0] == '+' }

// IsZero reports whether there is no number.
func (n Number) IsZero() bool { return n.n == 0 }

// String is "+49301234567" or the local digits.
func (n Number) String() string { return string(n.text[:n.n]) }

// digits are those after '+'.
func (n *Number) digits() []byte { return n.text[1:n.n] }

// global makes a number of E.164 digits in up to three parts.
func global(parts ...[]byte) (n Number, err error) {
	n.text[0], n.n = '+', 1
	for _, p := range parts {
		if int(n.n)+len(p) > 1+maxDigits {
			return Number{}, ErrTooLong
		}
		n.n += uint8(copy(n.text[n.n:], p))
	}
	switch {
	case n.n < 1+minDigits:
		return Number{}, ErrTooShort
	case n.text[1] == '0': // no country has it (ITU-T E.164)
		return Number{}, ErrNotNumber
	}
	return n, nil
}

func local(digits []byte) (n Number, err error) {
	if len(digits) > maxText {
		return Number{}, ErrTooLong
	}
	n.n = uint8(copy(n.text[:], digits))
	return n, nil
}

// compact drops visual separators (RFC 3966 §5.1.1), and blanks and slashes
// that people write. It fails for what is no number: other characters, a '+' that
// is not first, nothing at all.
func compact(dst, s []byte) ([]byte, bool) {
	for _, c := range s {
		switch {
		case c >= '0' && c <= '9', c == '*', c == '#', c == '+' && len(dst) == 0:
			if len(dst) == cap(dst) {
				return dst, false
			}
			dst = append(dst, c)
		case c == '-', c == '.', c == '(', c == ')', c == ' ', c == '/':
		default:
			return dst, false
		}
	}
	return dst, len(dst) > 1 || len(dst) == 1 && dst[0] != '+'
}

// onlyDigits reports whether b has no * or # or '+'.
func onlyDigits(b []byte) bool {
	for _, c := range b {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}
