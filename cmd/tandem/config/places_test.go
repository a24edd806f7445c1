package config

import (
	"net/netip"
	"slices"
	"testing"
)

// A phone can be told an address, also where the server listens on all.
func TestPlaces(t *testing.T) {
	for _, c := range []struct {
		l    Listen
		want []string
	}{
		{Listen{Proto: "udp", Addr: "192.0.2.1:5060"}, []string{"192.0.2.1:5060"}},
		{Listen{Proto: "udp", Addr: "[2001:db8::1]:5060"}, []string{"[2001:db8::1]:5060"}},
		{Listen{Proto: "tls", Addr: "0.0.0.0:5061", Advertise: "sip.example.com"}, []string{"sip.example.com:5061"}},
		{Listen{Proto: "tls", Addr: "0.0.0.0:5061", Advertise: "sip.example.com:443"}, []string{"sip.example.com:443"}},
	} {
		if got := c.l.Places(); !slices.Equal(got, c.want) {
			t.Errorf("%+v: %q, want %q", c.l, got, c.want)
		}
	}
	for _, addr := range []string{"0.0.0.0:5060", ":5060", "[::]:5060"} {
		l := Listen{Proto: "udp", Addr: addr}
		places := l.Places()
		if len(places) == 0 {
			t.Errorf("%s: no address", addr)
		}
		for _, p := range places {
			if a, err := netip.ParseAddrPort(p); err != nil || a.Addr().IsUnspecified() || a.Port() != 5060 || a.Addr().Is6() != (addr[0] == '[') {
				t.Errorf("%s: %q", addr, p)
			}
		}
	}
}
