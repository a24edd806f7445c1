package proxy

import (
	"net/netip"
	"testing"
)

func TestContactURI(t *testing.T) {
	for in, want := range map[string]string{
		"sip:bob@192.0.2.1":                                  "sip:bob@192.0.2.1",
		"sip:bob@192.0.2.1?Route=%3Csip:evil%3E":             "sip:bob@192.0.2.1",
		"sip:bob@192.0.2.1;line=1;method=INVITE;ob?a=b&c=d":  "sip:bob@192.0.2.1;line=1;ob",
		"sip:b?b@192.0.2.1;x=y":                              "sip:b?b@192.0.2.1;x=y",
		"sip:bob@192.0.2.1;Method=BYE":                       "sip:bob@192.0.2.1",
		"sip:method=x@192.0.2.1":                             "sip:method=x@192.0.2.1",
		"sip:bob@192.0.2.1;transport=TCP;user=phone;cpd=%41": "sip:bob@192.0.2.1;transport=TCP;user=phone;cpd=%41",
	} {
		if got := contactURI(in); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}

func TestReachable(t *testing.T) {
	for _, c := range []struct {
		uri, source string
		strict      bool
		want        bool
	}{
		{"sip:a@192.0.2.1:5070", "192.0.2.1:5070", true, true},
		{"sip:a@192.0.2.1", "192.0.2.1:5060", true, true},
		{"sip:a@192.0.2.1", "192.0.2.1:5061", true, false},
		{"sip:a@10.0.0.1:5060", "192.0.2.1:5060", true, false},
		{"sip:a@[2001:db8::1]:5060", "[2001:db8::1]:5060", true, true},
		{"sip:a@pc.example.com", "192.0.2.1:5060", true, false},
		{"sip:a@pc.example.com", "192.0.2.1:5060", false, true},
		{"sip:a@192.0.2.9:5070", "192.0.2.1:5060", false, true},
		{"sip:a@172.25.0.1:5060", "192.0.2.1:5060", false, false},
		{"sip:a@10.0.0.1:5060", "10.0.0.2:5060", false, true},
	} {
		if got := reachable([]byte(c.uri), netip.MustParseAddrPort(c.source), c.strict); got != c.want {
			t.Errorf("%s from %s strict=%v: %v, want %v", c.uri, c.source, c.strict, got, c.want)
		}
	}
}

func TestCutElement(t *testing.T) {
	for _, c := range []struct{ in, head, tail string }{
		{"<sip:a;lr>", "<sip:a;lr>", ""},
		{"<sip:a;lr>, <sip:b;lr>", "<sip:a;lr>", "<sip:b;lr>"},
		{`"x, \", y" <sip:a,b@c;lr> , <sip:b>`, `"x, \", y" <sip:a,b@c;lr>`, "<sip:b>"},
	} {
		if h, l := cutElement(c.in); h != c.head || l != c.tail {
			t.Errorf("%s: %q and %q", c.in, h, l)
		}
	}
}
