package ports

import (
	"errors"
	"math/rand/v2"
	"testing"
	"time"
)

var epoch = time.Unix(1_800_000_000, 0)

func TestPortsRest(t *testing.T) {
	p := New(40000, 40007)
	now := epoch
	first, err := p.Pair(now)
	if err != nil || first%2 != 0 {
		t.Fatal(first, err)
	}
	p.Give(first, now)
	p.Give(first+1, now)
	for range 3 { // the other three pairs come first
		if got, err := p.Pair(now.Add(time.Second)); err != nil || got == first {
			t.Fatalf("%d, %v; %d rests", got, err, first)
		}
	}
	if got, err := p.Pair(now.Add(time.Second)); err != nil || got != first {
		t.Errorf("with nothing else the resting one is used: %d, %v", got, err)
	}
	if _, err := p.Pair(now); !errors.Is(err, ErrNone) {
		t.Error(err)
	}
}

func TestPortsReuseTheOldest(t *testing.T) {
	p := New(40000, 40007)
	var order []int
	for range 4 {
		port, err := p.Pair(epoch)
		if err != nil {
			t.Fatal(err)
		}
		order = append(order, port)
	}
	for i, port := range order {
		p.Give(port, epoch.Add(time.Duration(i)*time.Second))
		p.Give(port+1, epoch.Add(time.Duration(i)*time.Second))
		p.Give(port, epoch.Add(time.Hour)) // twice does nothing
	}
	for _, want := range order {
		if got, err := p.Pair(epoch.Add(5 * time.Second)); err != nil || got != want {
			t.Errorf("%d, %v; want %d, longest closed", got, err, want)
		}
	}
}

func TestSingleTakesBrokenPairsFirst(t *testing.T) {
	p := New(40000, 40099)
	a, err := p.Single(epoch)
	if err != nil {
		t.Fatal(err)
	}
	b, err := p.Single(epoch)
	if err != nil || a^1 != b {
		t.Errorf("%d then %d, %v", a, b, err)
	}
	for range 49 {
		if _, err := p.Pair(epoch); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := p.Single(epoch); !errors.Is(err, ErrNone) {
		t.Error(err)
	}
	if p.inUse != 100 {
		t.Errorf("%d in use", p.inUse)
	}
}

func TestPortsStartAnywhere(t *testing.T) {
	seen := map[int]bool{}
	for range 50 {
		port, err := New(40000, 49999).Pair(epoch)
		if err != nil {
			t.Fatal(err)
		}
		seen[port] = true
	}
	if len(seen) < 40 {
		t.Errorf("50 new ranges began at %d ports", len(seen))
	}
}

// Whatever is taken and given back, no port is given out twice, pairs are pairs,
// and none is lost.
func TestPortsStayConsistent(t *testing.T) {
	for _, high := range []int{40019, 40020} { // with and without a last port alone
		p, out := New(40000, high), map[int]bool{}
		now := epoch
		for i := range 20000 {
			now = now.Add(time.Duration(rand.IntN(2000)) * time.Millisecond)
			switch n := rand.IntN(10); {
			case n < 3:
				port, err := p.Pair(now)
				if err == nil && (port%2 != 0 || out[port] || out[port+1] || port+1 > high) {
					t.Fatalf("step %d: the pair %d", i, port)
				}
				if err == nil {
					out[port], out[port+1] = true, true
				}
			case n < 6:
				port, err := p.Single(now)
				if err == nil && (out[port] || port > high) {
					t.Fatalf("step %d: port %d", i, port)
				}
				if err == nil {
					out[port] = true
				} else if len(out) != len(p.state) {
					t.Fatalf("step %d: %v, but %d are in use", i, err, len(out))
				}
			default:
				for port := range out {
					p.Give(port, now)
					delete(out, port)
					break
				}
			}
			if p.inUse != len(out) {
				t.Fatalf("step %d: %d in use, should be %d", i, p.inUse, len(out))
			}
		}
		for port := range out {
			p.Give(port, now)
		}
		p.expire(now.Add(time.Hour))
		if got, want := len(p.whole.all), len(p.state)/2; got != want || len(p.half.all) != len(p.state)%2 {
			t.Errorf("at last %d pairs and %d single ones are free", got, len(p.half.all))
		}
	}
}

// Taking a pair costs the same, however many others rest.
func BenchmarkPorts(b *testing.B) {
	p := New(16384, 32767)
	now := time.Now()
	b.ReportAllocs()
	for b.Loop() {
		port, err := p.Pair(now)
		if err != nil {
			b.Fatal(err)
		}
		p.Give(port, now)
		p.Give(port+1, now)
		now = now.Add(5 * time.Millisecond)
	}
}
