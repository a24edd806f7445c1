package relay

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// quarantine is how long a closed port is not given out again, so that late
// packets of the old call do not reach a new one.
const quarantine = 30 * time.Second

// ports gives out the ports of one address. It is bounded by the range: what
// is in quarantine is reused, longest closed first, when nothing else is left.
type ports struct {
	mu       sync.Mutex
	min, max int
	used     []bool
	rest     []time.Time // until when, for those closed
	inUse    int
}

func newPorts(low, high int) *ports {
	n := high - low + 1
	return &ports{min: low, max: high, used: make([]bool, n), rest: make([]time.Time, n)}
}

// pair takes an even port and the odd one above it, and returns the even one.
func (p *ports) pair(now time.Time) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := p.find(len(p.used)/2, now, func(i int) (int, time.Time, bool) {
		even := 2 * i
		rest := p.rest[even]
		if p.rest[even+1].After(rest) {
			rest = p.rest[even+1]
		}
		return even, rest, !p.used[even] && !p.used[even+1]
	})
	if at < 0 {
		return 0, fmt.Errorf("%w: no even and odd pair in %d-%d is free (%d ports in use); widen the range or shorten the time idle calls are kept", ErrPorts, p.min, p.max, p.inUse)
	}
	p.used[at], p.used[at+1] = true, true
	p.inUse += 2
	return p.min + at, nil
}

// single takes one port, the other half of a broken pair if there is one.
func (p *ports) single(now time.Time) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	one := func(whole bool) int {
		return p.find(len(p.used), now, func(i int) (int, time.Time, bool) {
			mate := i ^ 1
			return i, p.rest[i], !p.used[i] && (whole || mate < len(p.used) && p.used[mate])
		})
	}
	at := one(false)
	if at < 0 || now.Before(p.rest[at]) {
		at = one(true)
	}
	if at < 0 {
		return 0, fmt.Errorf("%w: all %d of %d-%d are in use; widen the range or shorten the time idle calls are kept", ErrPorts, len(p.used), p.min, p.max)
	}
	p.used[at] = true
	p.inUse++
	return p.min + at, nil
}

// find goes round from a random start, so that ports cannot be foreseen, for a
// free place out of quarantine, else the one longest in it; -1 when none is free.
func (p *ports) find(n int, now time.Time, look func(i int) (at int, rest time.Time, free bool)) int {
	oldest := -1
	var least time.Time
	start := rand.IntN(n)
	for i := range n {
		at, rest, free := look((start + i) % n)
		if !free {
			continue
		}
		if !now.Before(rest) {
			return at
		}
		if oldest < 0 || rest.Before(least) {
			oldest, least = at, rest
		}
	}
	return oldest
}

// give takes a port back into quarantine.
func (p *ports) give(port int, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if i := port - p.min; i >= 0 && i < len(p.used) && p.used[i] {
		p.used[i] = false
		p.rest[i] = now.Add(quarantine)
		p.inUse--
	}
}
