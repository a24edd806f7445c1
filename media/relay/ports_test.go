package relay

import (
	"errors"
	"testing"
	"time"
)

func TestPortsRest(t *testing.T) {
	p := newPorts(40000, 40007)
	now := epoch
	first, err := p.pair(now)
	if err != nil || first%2 != 0 {
		t.Fatal(first, err)
	}
	p.give(first, now)
	p.give(first+1, now)
	for range 3 { // the other three pairs come first
		if got, err := p.pair(now.Add(time.Second)); err != nil || got == first {
			t.Fatalf("%d, %v; %d rests", got, err, first)
		}
	}
	if got, err := p.pair(now.Add(time.Second)); err != nil || got != first {
		t.Errorf("with nothing else the resting one is used: %d, %v", got, err)
	}
	if _, err := p.pair(now); !errors.Is(err, ErrPorts) {
		t.Error(err)
	}
}

func TestPortsReuseTheOldest(t *testing.T) {
	p := newPorts(40000, 40007)
	var order []int
	for range 4 {
		port, err := p.pair(epoch)
		if err != nil {
			t.Fatal(err)
		}
		order = append(order, port)
	}
	for i, port := range order {
		p.give(port, epoch.Add(time.Duration(i)*time.Second))
		p.give(port+1, epoch.Add(time.Duration(i)*time.Second))
		p.give(port, epoch.Add(time.Hour)) // twice does nothing
	}
	for _, want := range order {
		if got, err := p.pair(epoch.Add(5 * time.Second)); err != nil || got != want {
			t.Errorf("%d, %v; want %d, longest closed", got, err, want)
		}
	}
}

func TestSingleTakesBrokenPairsFirst(t *testing.T) {
	p := newPorts(40000, 40099)
	a, err := p.single(epoch)
	if err != nil {
		t.Fatal(err)
	}
	b, err := p.single(epoch)
	if err != nil || a^1 != b {
		t.Errorf("%d then %d, %v", a, b, err)
	}
	for range 49 {
		if _, err := p.pair(epoch); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := p.single(epoch); !errors.Is(err, ErrPorts) {
		t.Error(err)
	}
	if p.inUse != 100 {
		t.Errorf("%d in use", p.inUse)
	}
}

func TestPortsStartAnywhere(t *testing.T) {
	seen := map[int]bool{}
	for range 50 {
		port, err := newPorts(40000, 49999).pair(epoch)
		if err != nil {
			t.Fatal(err)
		}
		seen[port] = true
	}
	if len(seen) < 40 {
		t.Errorf("50 new ranges began at %d ports", len(seen))
	}
}
