package auth

import (
	"testing"

	"tandem/rtc/sip"
)

// A phone that knows only the server's address uses it in the address of its user.
func TestUserAtOurAddress(t *testing.T) {
	g := &Gate{cfg: Config{LocalHost: func(h []byte) bool { return string(h) == "192.0.2.1" }}, realms: []*realm{{name: "example.com"}}}
	for in, want := range map[string]string{
		"sip:alice@192.0.2.1":        "sip:alice@example.com",
		"sip:alice@192.0.2.1:5070":   "sip:alice@example.com",
		"sip:alice@EXAMPLE.com":      "sip:alice@example.com",
		"sip:alice@198.51.100.1":     "",
		"tel:+4930123;phone-context": "",
	} {
		uri, err := sip.ParseURI([]byte(in))
		if err != nil {
			continue // a tel: that is none is not ours either
		}
		r, home := g.home(uri)
		got := ""
		if r != nil {
			got = string(home.AppendAOR(nil))
		}
		if got != want {
			t.Errorf("home of %s = %q, want %q", in, got, want)
		}
	}
}
