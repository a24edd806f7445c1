package host

import (
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestAddressThatPhonesAreTold(t *testing.T) {
	a := func(list ...string) (all []netip.Addr) {
		for _, s := range list {
			all = append(all, netip.MustParseAddr(s))
		}
		return all
	}
	for name, c := range map[string]struct {
		v6      bool
		outward string
		all     []netip.Addr
		want    string
		how     How
	}{
		"by the default route":           {false, "192.0.2.7", a("127.0.0.1", "10.0.0.1", "192.0.2.7"), "192.0.2.7", Route},
		"the only one":                   {false, "", a("127.0.0.1", "10.0.0.1"), "10.0.0.1", Only},
		"the only one, twice":            {false, "", a("10.0.0.1", "127.0.0.1", "10.0.0.1"), "10.0.0.1", Only},
		"one of the link does not count": {false, "", a("169.254.3.4", "10.0.0.1"), "10.0.0.1", Only},
		"two, and none is told":          {false, "", a("10.0.0.1", "10.1.0.1"), "127.0.0.1", Loopback},
		"none":                           {false, "", a("127.0.0.1", "::1", "2001:db8::7"), "127.0.0.1", Loopback},
		"a route by loopback":            {false, "127.0.0.1", a("127.0.0.1", "10.0.0.1"), "10.0.0.1", Only},
		"IPv6 by the default route":      {true, "2001:db8::7", a("::1", "fd00::2", "2001:db8::7"), "2001:db8::7", Route},
		"IPv6, the only one":             {true, "", a("::1", "fe80::1", "fd00::2", "10.0.0.1"), "fd00::2", Only},
		"no IPv6":                        {true, "", a("127.0.0.1", "10.0.0.1"), "::1", Loopback},
	} {
		t.Run(name, func(t *testing.T) {
			var outward netip.Addr
			if c.outward != "" {
				outward = netip.MustParseAddr(c.outward)
			}
			if got, how := choose(c.v6, outward, c.all); got.String() != c.want || how != c.how {
				t.Errorf("%s (%s), want %s (%s)", got, how, c.want, c.how)
			}
		})
	}
}

// Whatever this machine is like, what is found can be bound.
func TestAddressIsOurs(t *testing.T) {
	for _, v6 := range []bool{false, true} {
		addr, how := Address(v6)
		if addr.Is6() != v6 {
			t.Errorf("%s is of the other version", addr)
		}
		if how == Loopback {
			continue // there may be no IPv6 at all
		}
		if !Has(addr) {
			t.Errorf("%s (%s) is not this machine's", addr, how)
		}
		conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(addr, 0)))
		if err != nil {
			t.Errorf("%s (%s): %v", addr, how, err)
			continue
		}
		conn.Close()
	}
	if !Has(netip.MustParseAddr("127.0.0.1")) || Has(netip.MustParseAddr("203.0.113.9")) {
		t.Error("what is ours and what is not are mixed up")
	}
}

func TestPortsShared(t *testing.T) {
	for _, c := range []struct{ low, high, from, to, n int }{
		{16384, 32767, 32768, 60999, 0},
		{40000, 40999, 32768, 60999, 1000},
		{30000, 33000, 32768, 60999, 233},
		{60000, 65535, 32768, 60999, 1000},
		{1024, 65535, 32768, 60999, 28232},
		{61000, 65535, 32768, 60999, 0},
	} {
		n, remedy := shared(c.low, c.high, c.from, c.to)
		if n != c.n || (n > 0) != strings.Contains(remedy, "ip_local_reserved_ports") {
			t.Errorf("%d-%d within %d-%d: %d %q, want %d", c.low, c.high, c.from, c.to, n, remedy, c.n)
		}
	}
	file := filepath.Join(t.TempDir(), "range")
	if err := os.WriteFile(file, []byte("32768\t60999\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if low, high, err := readPorts(file); low != 32768 || high != 60999 || err != nil {
		t.Error(low, high, err)
	}
	if err := os.WriteFile(file, []byte("none\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := readPorts(file); err == nil {
		t.Error("nonsense is taken for a range")
	}
	if _, _, err := readPorts(file + "x"); err == nil {
		t.Error("a missing file is taken for a range")
	}
}
