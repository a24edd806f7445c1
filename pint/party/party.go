// Package party holds a party of a PINT service as a request names it: a telephone
// number with what says how it is to be read (RFC 2848 §3.4.1, §3.4.3), or the
// address of a user.
//
// It reads attributes from wherever they stand, a session description or a URI. It
// does not know numbering plans: Dial gives what is dialled, E.164 where that can
// be told.
package party

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Party is one side of a service.
type Party struct {
	Number  string `json:"number,omitempty"`  // "+12014064090", or digits that need a context; no hyphens
	Address string `json:"address,omitempty"` // of a user, "sip:mary@example.com", when it is not a number
	Context string `json:"context,omitempty"` // phone-context: "+44", "0", "X-example.com-23"
	Hide    bool   `json:"hide,omitempty"`    // clir: the party's number is not to be shown to the other one
	Nature  uint8  `json:"nature,omitempty"`  // Q763-nature: 1 subscriber, 2 unknown, 3 national, 4 international; 0 not said
	Plan    uint8  `json:"plan,omitempty"`    // Q763-plan: 1 E.164, 3 X.121, 4 telex; 0 not said
	Inside  bool   `json:"-"`                 // Q763-INN:1, routing to an internal number is not allowed
}

// Errors of reading. What is returned wraps one of them.
var (
	ErrNumber  = errors.New("not a telephone number")
	ErrContext = errors.New("the phone-context is not known here")
	ErrValue   = errors.New("value not allowed")
	ErrUnable  = errors.New("cannot be done here")
)

// IsZero reports whether nobody is named.
func (p Party) IsZero() bool { return p.Number == "" && p.Address == "" }

// String is the number or address as it is shown to people.
func (p Party) String() string {
	if p.Address != "" {
		return p.Address
	}
	return p.Number
}

// ParseNumber reads a number as RFC 2848 Appendix A has it: digits, with '-' only
// before a digit, and '+' and a digit other than 0 at the beginning of E.164.
func ParseNumber(text string) (string, error) {
	rest, global := strings.CutPrefix(text, "+")
	digits := make([]byte, 0, len(text))
	if global {
		digits = append(digits, '+')
	}
	for i := 0; i < len(rest); i++ {
		switch c := rest[i]; {
		case '0' <= c && c <= '9':
			digits = append(digits, c)
		case c == '-' && i > 0 && i+1 < len(rest) && rest[i+1] != '-':
		default:
			return "", fmt.Errorf("%q: %w: write +1-201-456-7890, or digits with a phone-context", text, ErrNumber)
		}
	}
	if rest == "" || len(rest) > 40 || global && rest[0] == '0' {
		return "", fmt.Errorf("%q: %w: write +1-201-456-7890, or digits with a phone-context", text, ErrNumber)
	}
	return string(digits), nil
}

// Known lists the attributes that Set takes, and those of a description that may
// be named by require (RFC 2848 §3.4.4).
func Known(name string) bool {
	return slices.ContainsFunc([]string{"phone-context", "clir", "Q763-nature", "Q763-plan", "Q763-INN", "fmtp", "uri", "opr", "spr", "lang", "require", "X-first-leg", "X-record"},
		func(k string) bool { return strings.EqualFold(k, name) })
}

// Set takes an attribute of the party over. ok is false when it is not one of a
// party. The error says what is wrong with its value.
func (p *Party) Set(name, value string) (ok bool, err error) {
	switch {
	case strings.EqualFold(name, "phone-context"):
		err = p.setContext(value)
	case strings.EqualFold(name, "clir"):
		switch {
		case strings.EqualFold(value, "true"):
			p.Hide = true
		case strings.EqualFold(value, "false"):
			p.Hide = false
		default:
			err = invalid(name, value, "true or false")
		}
	case strings.EqualFold(name, "Q763-nature"):
		p.Nature, err = within(name, value, 127)
	case strings.EqualFold(name, "Q763-plan"):
		p.Plan, err = within(name, value, 7)
	case strings.EqualFold(name, "Q763-INN"):
		var n uint8
		n, err = within(name, value, 1)
		p.Inside = n == 1
	default:
		return false, nil
	}
	return true, err
}

func invalid(name, value, want string) error {
	return fmt.Errorf("%s:%.40q: %w: it is %s", name, value, ErrValue, want)
}

func within(name, value string, most uint8) (uint8, error) {
	n, err := strconv.ParseUint(value, 10, 8)
	if err != nil || n > uint64(most) {
		return 0, invalid(name, value, fmt.Sprintf("a number up to %d", most))
	}
	return uint8(n), nil
}

// setContext reads a phone-context: a prefix of E.164, a prefix of the network, or
// a private one (RFC 2848 §3.4.3.1, Appendix B.3).
func (p *Party) setContext(value string) error {
	digits := strings.TrimPrefix(value, "+")
	switch {
	case value == "" || len(value) > 64 || strings.ContainsAny(value, " \t\"<>"):
		return invalid("phone-context", value, "+44, digits, or a private name such as X-example.com-23")
	case value[0] == '+' || '0' <= value[0] && value[0] <= '9':
		if digits == "" || strings.Trim(digits, "0123456789") != "" || len(digits) > 15 {
			return invalid("phone-context", value, "+44, digits, or a private name such as X-example.com-23")
		}
	}
	p.Context = value
	return nil
}

// Able reports whether what a request demands of an attribute by require can be
// done. The error wraps ErrUnable or ErrContext.
func (p *Party) Able(name string, contexts map[string]string) error {
	switch {
	case strings.EqualFold(name, "phone-context"):
		if private(p.Context) {
			if _, ok := contexts[p.Context]; !ok {
				return fmt.Errorf("%s: %w", p.Context, ErrContext)
			}
		}
	case strings.EqualFold(name, "Q763-nature"):
		if p.Nature > 4 {
			return fmt.Errorf("Q763-nature:%d: %w", p.Nature, ErrUnable)
		}
	case strings.EqualFold(name, "Q763-plan"):
		if p.Plan > 1 {
			return fmt.Errorf("Q763-plan:%d: %w: only numbers of E.164 are called", p.Plan, ErrUnable)
		}
	case strings.EqualFold(name, "Q763-INN"):
		if p.Inside {
			return fmt.Errorf("Q763-INN:1: %w: how trunks route is not known", ErrUnable)
		}
	}
	return nil
}

func private(context string) bool {
	return context != "" && context[0] != '+' && (context[0] < '0' || context[0] > '9')
}

// Dial is the number as it is dialled: with '+' when it is E.164, otherwise digits
// as the requester would dial them. contexts says what is dialled before numbers of
// private contexts.
func (p *Party) Dial(contexts map[string]string) (string, error) {
	switch {
	case p.Number == "" || p.Number[0] == '+':
		return p.Number, nil
	case p.Nature == 4: // international, without the '+' it should have
		return "+" + p.Number, nil
	case p.Context == "":
		return p.Number, nil
	case p.Context[0] == '+':
		return p.Context + national(p.Context, p.Number), nil
	case private(p.Context):
		before, ok := contexts[p.Context]
		if !ok {
			return "", fmt.Errorf("%s: %w", p.Context, ErrContext)
		}
		return before + p.Number, nil
	}
	return p.Context + p.Number, nil // a prefix of the network
}

// national takes off what is dialled before a number within its own country: RFC
// 2848 writes 0345-123456 in the context of +44, and 1-800-3292225 in that of +1.
func national(context, digits string) string {
	trunk := "0"
	switch {
	case context == "+1":
		trunk = "1"
	case context == "+7":
		trunk = "8"
	case context == "+36":
		trunk = "06"
	case context == "+39" || context == "+378" || context == "+379": // the 0 belongs to the number
		return digits
	case len(context) > 4: // an area is named already
		return digits
	}
	return strings.TrimPrefix(digits, trunk)
}
