package reach

import (
	"net/netip"
	"testing"

	"tandem/rtc/transport"
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

func TestCompare(t *testing.T) {
	tr := sockets(t)
	for _, c := range []struct {
		uri, source string
		proto       transport.Proto
		want        Place
	}{
		{"sip:a@192.0.2.1:5070", "192.0.2.1:5070", transport.UDP, Here},
		{"sip:a@192.0.2.1", "192.0.2.1:5060", transport.UDP, Here},
		{"sip:a@192.0.2.1", "192.0.2.1:5061", transport.UDP, Elsewhere},
		{"sip:a@10.0.0.1", "10.0.0.1:50000", transport.UDP, OtherPort},
		{"sip:a@10.0.0.1:5060", "192.0.2.1:5060", transport.UDP, Elsewhere},
		{"sip:a@pc.example.com", "192.0.2.1:5060", transport.UDP, Elsewhere},
	} {
		f, err := tr.Flow(transport.Target{Proto: c.proto, Addr: netip.MustParseAddrPort(c.source)})
		if err != nil {
			t.Fatal(err)
		}
		if got := Compare([]byte(c.uri), f); got != c.want {
			t.Errorf("%s from %s: %v, want %v", c.uri, c.source, got, c.want)
		}
	}
}

func TestDoubtful(t *testing.T) {
	for _, c := range []struct {
		uri, source string
		want        bool
	}{
		{"sip:a@pc.example.com", "192.0.2.1:5060", false},
		{"sip:a@192.0.2.9:5070", "192.0.2.1:5060", false},
		{"sip:a@172.25.0.1:5060", "192.0.2.1:5060", true},
		{"sip:a@10.0.0.1:5060", "10.0.0.2:5060", false},
	} {
		if got := Doubtful([]byte(c.uri), netip.MustParseAddrPort(c.source)); got != c.want {
			t.Errorf("%s from %s: %v, want %v", c.uri, c.source, got, c.want)
		}
	}
}

func TestEndsWith(t *testing.T) {
	a := netip.MustParseAddrPort("192.0.2.1:5060")
	for uri, want := range map[string]bool{
		"sip:a@192.0.2.1:5060": true, "sip:192.0.2.1:5060": true, "sip:a@192.0.2.1:50601": false,
		"sip:a@1192.0.2.1:5060": false, "sip:a@192.0.2.1": false, "192.0.2.1:5060": false,
	} {
		if endsWith(uri, a) != want {
			t.Errorf("%s: %v", uri, !want)
		}
	}
}
