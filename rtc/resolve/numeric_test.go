package resolve

import (
	"net/netip"
	"strings"
	"testing"

	"tandem/rtc/sip"
)

func TestNumeric(t *testing.T) {
	s := serve(t)
	r := running(t, Config{Servers: []string{s.addr}})
	for _, c := range []struct{ uri, want string }{
		{"sip:x@192.0.2.1", "UDP 192.0.2.1:5060"},
		{"sip:192.0.2.1:5070;lr", "UDP 192.0.2.1:5070"},
		{"sip:x@192.0.2.1;transport=TCP", "TCP 192.0.2.1:5060"},
		{"sip:x@192.0.2.1;transport=tls", "TLS 192.0.2.1:5061 192.0.2.1"},
		{"sips:x@192.0.2.1", "TLS 192.0.2.1:5061 192.0.2.1"},
		{"sips:x@192.0.2.1:5071;transport=tcp", "TLS 192.0.2.1:5071 192.0.2.1"},
		{"sip:x@[2001:db8::1]", "UDP [2001:db8::1]:5060"},
		{"sips:x@[2001:db8::1]:5071", "TLS [2001:db8::1]:5071 2001:db8::1"},
		{"sip:x@[::ffff:192.0.2.1]", "UDP 192.0.2.1:5060"},
		{"sip:x@host.test;maddr=192.0.2.9", "UDP 192.0.2.9:5060"},
		{"sips:x@host.test;maddr=[2001:db8::9]", "TLS [2001:db8::9]:5061 host.test"},
		{"sip:x@192.0.2.1;maddr=192.0.2.9", "UDP 192.0.2.9:5060"},
		{"sip:x@[2001:db8:::192.0.2.1]", "UDP [2001:db8::c000:201]:5060"}, // RFC 5118 §4.10
	} {
		got, ok := r.Numeric(nil, uri(t, c.uri))
		if !ok || text(got) != c.want {
			t.Errorf("%s: got %s, %v; want %s", c.uri, text(got), ok, c.want)
		}
		slow, err := look(t, r, c.uri) // Lookup says the same
		if err != nil || text(slow) != c.want {
			t.Errorf("Lookup %s: got %s, %v; want %s", c.uri, text(slow), err, c.want)
		}
	}
	if s.total() != 0 {
		t.Errorf("%d DNS queries for addresses", s.total())
	}
	for _, u := range []string{"sip:x@host.test", "sip:x@192.0.2.1;transport=sctp", "sips:x@192.0.2.1;transport=udp", "tel:+43123", "sip:x@192.0.2.1;maddr=host.test", "sip:x@192.0.2.1;transport=ws"} {
		if got, ok := r.Numeric(nil, uri(t, u)); ok {
			t.Errorf("%s: got %s", u, text(got))
		}
	}
}

func TestParseAddr(t *testing.T) {
	for _, s := range []string{"", "1", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4", "1..2.3", "1.2.3.", ".1.2.3", "1.2.3.4x", "[", "[]", "[::1", "::1]", "[fe80::1%eth0]", "[1.2.3.4]x", "99999999999.1.1.1"} {
		if a, ok := parseAddr([]byte(s)); ok {
			t.Errorf("%q is not an address, got %v", s, a)
		}
	}
}

func FuzzParseAddr(f *testing.F) {
	for _, s := range []string{"192.0.2.1", "[::1]", "0.0.0.0", "1.2.3.04", "[::ffff:1.2.3.4]", "255.255.255.255"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, ok := parseAddr([]byte(s))
		if strings.HasPrefix(s, "[") {
			return
		}
		want, err := netip.ParseAddr(s)
		if ok != (err == nil && want.Is4()) || (ok && got != want) {
			t.Errorf("%q: got %v, %v; want %v, %v", s, got, ok, want, err)
		}
	})
}

func BenchmarkNumeric(b *testing.B) {
	r := New(Config{Servers: []string{"127.0.0.1:1"}, Hosts: "-"})
	var buf [4]Candidate
	for name, s := range map[string]string{"plain": "sip:alice@192.0.2.1:5070", "transport": "sip:alice@192.0.2.1;ob;transport=udp"} {
		u, err := sip.ParseURI([]byte(s))
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, ok := r.Numeric(buf[:0], u); !ok {
					b.Fatal("not numeric")
				}
			}
		})
	}
}
