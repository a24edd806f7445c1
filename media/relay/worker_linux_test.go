package relay

import (
	"math/rand/v2"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"
)

// Every packet wakes the worker or is found by it, however few or many come at
// once, to one port or to several: none waits for the next.
func TestEveryPacketIsSeen(t *testing.T) {
	p := start(t, Config{Workers: 1})
	var came atomic.Int64
	count := receive(func(*Socket, []byte, netip.AddrPort, time.Time) { came.Add(1) })
	var to []netip.AddrPort
	var from []*net.UDPConn
	for range 8 {
		s, err := p.Single("", nil, count)
		if err != nil {
			t.Fatal(err)
		}
		to, from = append(to, s.Local()), append(from, dial(t, loopback))
	}
	random := rand.New(rand.NewPCG(1, 2))
	sent := int64(0)
	for begun := time.Now(); time.Since(begun) < time.Second; {
		port := random.IntN(len(to))
		for range 1 + random.IntN(5) {
			if random.IntN(2) == 0 {
				port = random.IntN(len(to))
			}
			if _, err := from[port].WriteToUDPAddrPort([]byte("hello"), to[port]); err != nil {
				t.Fatal(err)
			}
			sent++
			for wait := time.Now(); time.Since(wait) < time.Duration(random.IntN(30))*time.Microsecond; {
			}
		}
		for deadline := time.Now().Add(30 * time.Second); came.Load() < sent; {
			if time.Now().After(deadline) {
				t.Fatalf("%d of %d packets were seen", came.Load(), sent)
			}
		}
		for wait := time.Now(); time.Since(wait) < time.Duration(random.IntN(400))*time.Microsecond; {
		}
	}
}
