package sip

import (
	"bytes"
	"testing"
)

// What stands below a good top Via is read as well (RFC 4475 §3.1.2.1), and
// where the requests of an INVITE's dialog are to go.
func TestCheckReadsAll(t *testing.T) {
	for _, c := range []struct {
		line string
		code int
	}{
		{"Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKtop, SIP/2.0/UDP 192.0.2.15;branch=z9hG4bKlower;;x", 400},
		{"Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKtop, SIP/2.0/UDP 192.0.2.15;;,;,,", 400},
		{"Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKtop, SIP/2.0/NEW host.example;x", 0},
		{"Contact: *", 400},
		{"Contact: <sip:joe@example.org>;expires=9", 0},
		{"Contact: <sip:joe@192.0.2.1:0>", 400},
		{"From: <sip:joe@192.0.2.1:0>;tag=1", 0},
	} {
		var m Message
		err := m.Parse(bytes.ReplaceAll(request(c.line), []byte("OPTIONS"), []byte("INVITE")))
		if err == nil {
			err = m.Check()
		}
		code := 0
		if err != nil {
			code = err.Code
		}
		if code != c.code {
			t.Errorf("%q: %d (%v), want %d", c.line, code, err, c.code)
		}
	}
}

func TestHostAddr(t *testing.T) {
	for in, want := range map[string]string{
		"192.0.2.1":              "192.0.2.1",
		"[2001:db8::1]":          "2001:db8::1",
		"2001:DB8::1":            "2001:db8::1",
		"[2001:db8:::192.0.2.1]": "2001:db8::c000:201",
		"[::ffff:192.0.2.1]":     "192.0.2.1",
		"[2001:db8:::1:::2]":     "",
		"[1:2]":                  "",
		"[fe80::1%eth0]":         "",
		"example.com":            "",
		"cafe":                   "",
		"":                       "",
	} {
		a, ok := HostAddr([]byte(in))
		if got := a.String(); ok != (want != "") || ok && got != want {
			t.Errorf("%q: %s %v, want %q", in, got, ok, want)
		}
	}
}
