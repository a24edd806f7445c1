package demo

import (
	"net"
	"net/netip"
	"testing"
)

func TestATakenPortIsReplacedAndSaid(t *testing.T) {
	u, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer u.Close()
	taken := u.LocalAddr().(*net.UDPAddr).AddrPort().Port()
	p, err := choose(u.LocalAddr().String(), false)
	if err != nil {
		t.Fatal(err)
	}
	if p.taken != taken || p.sip.Port() <= taken || p.tls.Port() != p.sip.Port()+1 {
		t.Errorf("%+v, taken is %d", p, taken)
	}
	if p.advertise() != "" || p.server() != p.sip.String() {
		t.Errorf("advertises %q, phones use %q", p.advertise(), p.server())
	}
}

func TestListenIsChecked(t *testing.T) {
	for _, bad := range []string{"", "5060", "127.0.0.1", "127.0.0.1:0", "127.0.0.1:99999", "example.com:5060", "127.0.0.1:x"} {
		if p, err := choose(bad, false); err == nil {
			t.Errorf("%q: accepted as %+v", bad, p)
		}
	}
}

func TestOnAllAddressesTheHostIsARealOne(t *testing.T) {
	p := place{host: netip.MustParseAddr("192.0.2.7"), sip: netip.MustParseAddrPort("0.0.0.0:5060")}
	if p.advertise() != "192.0.2.7" || p.server() != "192.0.2.7:5060" {
		t.Errorf("advertises %q, phones use %q", p.advertise(), p.server())
	}
}
