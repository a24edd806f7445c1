package transport

import (
	"fmt"
	"net/netip"
	"testing"
	"time"
)

// An address in use on a shared port is not taken away by a check that says it
// comes from there.
func TestPlacesOnASharedPort(t *testing.T) {
	p := newSharedPort()
	addr := netip.MustParseAddrPort("192.0.2.1:4000")
	owner, thief := &Transport{}, &Transport{}
	now := time.Now()
	if !p.place(addr, owner, now) {
		t.Fatal("a free place is not given")
	}
	owner.consented.Store(now.UnixNano())
	p.lend(addr, thief)
	if p.place(addr, thief, now.Add(time.Second)) || p.places[addr] != owner {
		t.Error("a place in use was taken away")
	}
	if !p.place(addr, thief, now.Add(consentTimeout+time.Second)) || p.places[addr] != thief || len(owner.places.addrs) != 0 || len(thief.places.addrs) != 1 {
		t.Error("a place whose owner is gone is not given to the next")
	}
}

// A side that restarts and moves for days holds no more of a shared port than
// one that never does, is found at its last address, and leaves nothing.
func TestSharedPortIsGivenBack(t *testing.T) {
	p := newSharedPort()
	w, other := &Transport{}, &Transport{}
	p.expect("other", other)
	now := time.Now()
	for n := range uint16(100) {
		name, addr := fmt.Sprint(n), netip.AddrPortFrom(netip.MustParseAddr("192.0.2.1"), 1000+n)
		p.expect(name, w)
		if !p.place(addr, w, now) || p.places[addr] != w || p.names[name] != w {
			t.Fatalf("after %d moves it cannot move any more", n)
		}
		if len(p.names) > maxNames+1 || len(p.places) > maxPlaces {
			t.Fatalf("%d names, %d places", len(p.names), len(p.places))
		}
	}
	p.forget(w)
	if len(p.names) != 1 || len(p.places) != 0 {
		t.Errorf("%d names and %d places are left", len(p.names), len(p.places))
	}
}
