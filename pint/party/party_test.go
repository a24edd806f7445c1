package party

import (
	"errors"
	"strings"
	"testing"
)

func TestParseNumber(t *testing.T) {
	for text, want := range map[string]string{
		"+1-201-456-7890": "+12014567890", "0345-12347-01": "03451234701", "1-800-3292225": "18003292225", "7": "7",
		"+0-201": "", "": "", "+": "", "-1": "", "1-": "", "1--2": "", "12a": "", "+1 201": "", "++1": "",
	} {
		got, err := ParseNumber(text)
		if got != want || (err == nil) != (want != "") || err != nil && !errors.Is(err, ErrNumber) {
			t.Errorf("%q: %q, %v; want %q", text, got, err, want)
		}
	}
}

func TestDial(t *testing.T) {
	contexts := map[string]string{"X-acme.com-23": "823"}
	for _, c := range []struct {
		p    Party
		want string
		err  error
	}{
		{Party{Number: "+12014567890"}, "+12014567890", nil},
		{Party{Number: "0345123456", Context: "+44"}, "+44345123456", nil},
		{Party{Number: "18003292225", Context: "+1"}, "+18003292225", nil},
		{Party{Number: "0699912345", Context: "+39"}, "+390699912345", nil},
		{Party{Number: "06301234567", Context: "+36"}, "+36301234567", nil},
		{Party{Number: "1234567", Context: "+4930"}, "+49301234567", nil},
		{Party{Number: "1234567", Context: "0"}, "01234567", nil},
		{Party{Number: "17", Context: "X-acme.com-23"}, "82317", nil},
		{Party{Number: "17", Context: "X-nobody-1"}, "", ErrContext},
		{Party{Number: "49301234567", Nature: 4}, "+49301234567", nil},
		{Party{Number: "200"}, "200", nil},
	} {
		if got, err := c.p.Dial(contexts); got != c.want || !errors.Is(err, c.err) {
			t.Errorf("%+v: %q, %v; want %q, %v", c.p, got, err, c.want, c.err)
		}
	}
}

func TestSet(t *testing.T) {
	for _, c := range []struct {
		name, value string
		ok          bool
		err         error
	}{
		{"phone-context", "+972", true, nil}, {"phone-context", "+", true, ErrValue}, {"phone-context", "4x", true, ErrValue},
		{"Phone-Context", "X-acme.com-23", true, nil}, {"clir", "true", true, nil}, {"clir", "maybe", true, ErrValue},
		{"Q763-nature", "9", true, nil}, {"Q763-nature", "200", true, ErrValue}, {"Q763-plan", "8", true, ErrValue},
		{"Q763-INN", "1", true, nil}, {"fmtp", "x", false, nil},
	} {
		var p Party
		if ok, err := p.Set(c.name, c.value); ok != c.ok || !errors.Is(err, c.err) {
			t.Errorf("%s:%s: %v, %v", c.name, c.value, ok, err)
		}
	}
}

// What require makes binding, and this server cannot do.
func TestAble(t *testing.T) {
	for _, c := range []struct {
		name string
		p    Party
		err  error
	}{
		{"Q763-plan", Party{Plan: 1}, nil}, {"Q763-plan", Party{Plan: 4}, ErrUnable}, {"Q763-nature", Party{Nature: 9}, ErrUnable},
		{"Q763-INN", Party{Inside: true}, ErrUnable}, {"phone-context", Party{Context: "X-nobody"}, ErrContext},
		{"phone-context", Party{Context: "+44"}, nil}, {"clir", Party{Hide: true}, nil},
	} {
		if err := c.p.Able(c.name, nil); !errors.Is(err, c.err) {
			t.Errorf("%s %+v: %v", c.name, c.p, err)
		}
	}
}

// FuzzParseNumber: what is taken for a number holds nothing but a '+' and digits, and is
// read again as it is.
func FuzzParseNumber(f *testing.F) {
	for _, text := range []string{"+1-201-406-4090", "0345-12347-01", "+", "-1", "1-", "12a"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		n, err := ParseNumber(text)
		if err != nil {
			return
		}
		if digits := strings.TrimPrefix(n, "+"); digits == "" || strings.Trim(digits, "0123456789") != "" {
			t.Errorf("%q is %q", text, n)
		}
		if again, err := ParseNumber(n); err != nil || again != n {
			t.Errorf("%q is %q, and that %q, %v", text, n, again, err)
		}
	})
}
