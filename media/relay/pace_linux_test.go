package relay

import (
	"net/netip"
	"sync/atomic"
	"testing"
	"time"
)

// Thick traffic is fetched several packets at a time, and every packet comes,
// also the first after a silence and the last before one.
func TestPace(t *testing.T) {
	p := start(t, Config{Workers: 1})
	var came atomic.Int64
	s, err := p.Single("", nil, receive(func(*Socket, []byte, netip.AddrPort, time.Time) { came.Add(1) }))
	if err != nil {
		t.Fatal(err)
	}
	c := dial(t, loopback)
	sent := int64(0)
	send := func() {
		if _, err := c.WriteToUDPAddrPort([]byte("hello"), s.Local()); err != nil {
			t.Fatal(err)
		}
		sent++
	}
	for round := range 20 {
		for begun := time.Now(); time.Since(begun) < 10*time.Millisecond; {
			send()
			time.Sleep(20 * time.Microsecond)
		}
		for deadline := time.Now().Add(10 * time.Second); came.Load() < sent; {
			if time.Now().After(deadline) {
				t.Fatalf("round %d: %d of %d came", round, came.Load(), sent)
			}
			time.Sleep(time.Millisecond) // long enough for it to wait to be woken
		}
	}
}

// Packets that come nearer to each other than the pace are fetched together.
func TestPaceGathers(t *testing.T) {
	p := start(t, Config{Workers: 1})
	var looks, came atomic.Int64
	var last time.Time
	s, err := p.Single("", nil, receive(func(_ *Socket, _ []byte, _ netip.AddrPort, at time.Time) {
		if at != last {
			looks.Add(1)
		}
		last = at
		came.Add(1)
	}))
	if err != nil {
		t.Fatal(err)
	}
	c := dial(t, loopback)
	const packets = 4000
	for sent := int64(1); sent <= packets; sent++ {
		if _, err := c.WriteToUDPAddrPort([]byte("hello"), s.Local()); err != nil {
			t.Fatal(err)
		}
		for begun := time.Now(); time.Since(begun) < 20*time.Microsecond; {
		}
		if sent%200 > 0 {
			continue
		}
		for deadline := time.Now().Add(10 * time.Second); came.Load() < sent; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%d of %d came", came.Load(), sent)
			}
		}
	}
	if each := float64(packets) / float64(looks.Load()); each < 2 {
		t.Errorf("%.1f packets are fetched at a time, want at least 2 of the 12 that come meanwhile", each)
	}
}
