package media

import (
	"net/netip"
	"testing"

	"tandem/media/host"
	"tandem/media/relay"
)

func TestNetworkOfASide(t *testing.T) {
	addr := netip.MustParseAddr
	c := Config{Interfaces: []relay.Interface{
		{Name: "inside", Advertise: addr("10.0.0.5")}, {Name: "outside", Advertise: addr("203.0.113.7")},
		{Name: "six", Advertise: addr("2001:db8::5")}, {Name: "lo", Advertise: addr("127.0.0.1")}, {Name: "lo6", Advertise: addr("::1")},
	}}
	for _, w := range []struct{ name, near, want string }{
		{"", "", "inside"},
		{"", "198.51.100.9", "inside"},
		{"", "::ffff:198.51.100.9", "inside"},
		{"", "2001:db8::9", "six"},
		{"", "127.0.0.1", "lo"},
		{"", "127.8.8.8", "lo"},
		{"", "::1", "lo6"},
		{"outside", "127.0.0.1", "outside"},
		{"nowhere", "127.0.0.1", ""},
	} {
		var near netip.Addr
		if w.near != "" {
			near = addr(w.near)
		}
		in, err := c.network(w.name, near)
		if in.Name != w.want || (err != nil) != (w.want == "") {
			t.Errorf("%q near %s: %q, %v", w.name, w.near, in.Name, err)
		}
	}
	c.Interfaces = c.Interfaces[:1]
	if in, err := c.network("", addr("::1")); in.Name != "inside" || err != nil {
		t.Errorf("with one interface: %q, %v", in.Name, err)
	}
}

// Without configuration a phone elsewhere is told this machine's address, and one
// on the machine loopback.
func TestAddressesWithoutConfiguration(t *testing.T) {
	s := start(t, func(c *Config) { c.Interfaces = nil })
	session, _ := open(t, s)
	caller, gateway := newDeskPhone(t, false), newDeskPhone(t, false)
	session.Near(A, netip.MustParseAddr("198.51.100.9"))
	if err := session.TakeOffer(A, caller.describes()); err != nil {
		t.Fatal(err)
	}
	b, err := session.Branch("gateway")
	if err != nil {
		t.Fatal(err)
	}
	b.Near(netip.MustParseAddr("127.0.0.1"))
	offer, err := b.MakeOffer(Want{})
	if err != nil {
		t.Fatal(err)
	}
	answer, err := b.Answer(gateway.answers(offer), Want{})
	if err != nil {
		t.Fatal(err)
	}
	if own, _ := host.Address(false); where(*caller.uses(answer)).Addr() != own || gateway.to.Addr().String() != "127.0.0.1" {
		t.Errorf("the caller is told %s, want %s; the gateway %s, want loopback", caller.to, own, gateway.to)
	}
}

// The default range holds the ports of 4,000 calls without rtcp-mux.
func TestPortsForManyCalls(t *testing.T) {
	var c Config
	if err := c.fill(); err != nil {
		t.Fatal(err)
	}
	if n := (c.PortMax - c.PortMin + 1) / 4; n < 4000 || c.PortMin%2 != 0 {
		t.Errorf("%d-%d holds %d calls", c.PortMin, c.PortMax, n)
	}
	c = Config{PortMin: 60000}
	if err := c.fill(); err != nil || c.PortMax != 65535 {
		t.Errorf("from 60000 to %d, %v", c.PortMax, err)
	}
}
