package guard

import (
	"fmt"
	"net/netip"
	"testing"
	"time"
)

// TestGuard: who asks for many different things in vain is shut out and reported once;
// who asks for one again and again is not, nor are others.
func TestGuard(t *testing.T) {
	told := 0
	g := New(func(netip.Addr, time.Time) { told++ })
	phone, guesser, neighbour := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8::2")
	for range 3 * guessLimit {
		g.Strike(phone, "one file")
	}
	for i := range guessLimit + 1 {
		if g.Blocked(guesser) {
			t.Fatalf("shut out after %d", i)
		}
		g.Strike(guesser, fmt.Sprint(i))
	}
	g.Strike(guesser, "one more")
	if g.Blocked(phone) || !g.Blocked(guesser) || !g.Blocked(neighbour) || g.Blocked(netip.MustParseAddr("2001:db8:0:1::1")) || told != 1 {
		t.Errorf("phone %v, guesser %v, its network %v, told %d times", g.Blocked(phone), g.Blocked(guesser), g.Blocked(neighbour), told)
	}
	for i := range 2 * guessSources {
		g.Strike(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), "x")
	}
	if n := len(g.sources); n > guessSources {
		t.Errorf("%d addresses remembered", n)
	}
}

// TestTakers: a window is for one address; the next window is for whoever comes first.
func TestTakers(t *testing.T) {
	var k Takers
	one, two, now := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2"), time.Now()
	for i, c := range []struct {
		from   netip.Addr
		window time.Time
		ok     bool
	}{{one, now, true}, {two, now, false}, {one, now, true}, {two, now.Add(time.Second), true}, {one, now.Add(time.Second), false}} {
		if _, may := k.May("001565000001", c.from, c.window); may != c.ok {
			t.Errorf("%d: may %v", i, may)
		}
		if _, ok := k.Take("001565000001", c.from, c.window); ok != c.ok {
			t.Errorf("%d: %v", i, ok)
		}
	}
	for i := range 2 * maxTakers {
		k.Take("001565000002", netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), now.Add(-time.Hour))
	}
}
