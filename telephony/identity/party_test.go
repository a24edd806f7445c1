package identity

import (
	"bytes"
	"testing"

	"tandem/gateways"
	"tandem/gateways/dialect"
)

func TestWhoCallsIsTold(t *testing.T) {
	alice := Party{User: "sip:alice@example.com", Number: "+49301234567", Name: `Al "Ice"`, URI: "sip:alice@example.com"}
	hidden := alice
	hidden.Private = true
	digits := &gateways.Trunk{Manner: dialect.Manner{Format: dialect.FormatDigits, CallerID: dialect.CallerRemote}}
	for _, c := range []struct {
		who            Party
		trunk          *gateways.Trunk
		from, identity string
	}{
		{alice, nil, `"Al \"Ice\"" <sip:alice@example.com>`, ""},
		{alice, new(gateways.Trunk), `"Al \"Ice\"" <sip:+49301234567@example.com;user=phone>`,
			"P-Asserted-Identity: \"Al \\\"Ice\\\"\" <sip:+49301234567@example.com;user=phone>\r\n"},
		{alice, digits, `"Al \"Ice\"" <sip:49301234567@example.com;user=phone>`,
			"Remote-Party-ID: \"Al \\\"Ice\\\"\" <sip:49301234567@example.com;user=phone>;party=calling;screen=yes\r\n"},
		{hidden, nil, anonymous, ""},
		{hidden, digits, anonymous,
			"Remote-Party-ID: \"Al \\\"Ice\\\"\" <sip:49301234567@example.com;user=phone>;party=calling;screen=yes;privacy=full\r\nPrivacy: id\r\n"},
	} {
		if got := c.who.From(c.trunk, "example.com"); got != c.from {
			t.Errorf("From %s, want %s", got, c.from)
		}
		if got := string(c.who.Identity(c.trunk, "example.com")); got != c.identity {
			t.Errorf("identity %q, want %q", got, c.identity)
		}
	}
}

func TestUnquoted(t *testing.T) {
	for in, want := range map[string]string{`"Al \"Ice\""`: `Al "Ice"`, " Bob ": "Bob", `""`: "", `"\\"`: `\`, "": ""} {
		if got := Unquoted([]byte(in)); got != want {
			t.Errorf("%s: %q, want %q", in, got, want)
		}
	}
}

func TestDiverted(t *testing.T) {
	lines := []byte("Diversion: <sip:b@c>;reason=no-answer\r\nDiversion: <sip:a@c>\r\nHistory-Info: <sip:b@c>;index=1\r\n")
	for want, manner := range map[string]dialect.Diversion{
		string(lines): dialect.DiversionBoth, "": dialect.DiversionNone,
		string(lines[:bytes.Index(lines, []byte("History"))]): dialect.DiversionHeader,
		string(lines[bytes.Index(lines, []byte("History")):]): dialect.DiversionHistory,
	} {
		if got := string(Diverted(lines, &gateways.Trunk{Manner: dialect.Manner{Diversion: manner}})); got != want {
			t.Errorf("%s: %q, want %q", manner, got, want)
		}
	}
}
