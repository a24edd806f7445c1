package media

import (
	"net"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"

	"tandem/media/relay/memnet"
)

// inTime runs a test in a bubble of virtual time. There start, newPhone and
// newPort use a network in memory, and time passes only when all of media and
// all phones wait: a call of a minute takes as long as its computation, and a
// busy machine changes nothing in it.
//
// A bubble knows no t.Run and no t.Parallel: give each case a bubble.
func inTime(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		networks.Store(t, memnet.New())
		defer networks.Delete(t)
		test(t)
	})
}

// networks are those of the tests that run in virtual time now, by their T.
var networks sync.Map

// netOf is the network of a test in virtual time, else nil.
func netOf(t testing.TB) *memnet.Net {
	n, _ := networks.Load(t)
	found, _ := n.(*memnet.Net)
	return found
}

// udp is a port of a far end: the kernel's, or one in memory.
type udp interface {
	net.PacketConn
	ReadFromUDPAddrPort(b []byte) (int, netip.AddrPort, error)
	WriteToUDPAddrPort(b []byte, to netip.AddrPort) (int, error)
}

// listen opens a port of a far end at an address.
func listen(t testing.TB, addr string) udp {
	t.Helper()
	at := netip.AddrPortFrom(netip.MustParseAddr(addr), 0)
	if n := netOf(t); n != nil {
		conn, err := n.Listen(at)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		return conn
	}
	proto := "udp4"
	if at.Addr().Is6() {
		proto = "udp6"
	}
	conn, err := net.ListenUDP(proto, net.UDPAddrFromAddrPort(at))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}
