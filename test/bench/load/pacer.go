package load

import (
	"fmt"
	"slices"
	"time"
)

// Latency is how long operations took.
type Latency []time.Duration

func (l Latency) String() string {
	if len(l) == 0 {
		return "none"
	}
	return fmt.Sprintf("p50 %s, p95 %s, p99 %s, longest %s of %d", l.At(0.5), l.At(0.95), l.At(0.99), l.At(1), len(l))
}

// At is the time within which a part p of the operations ended.
func (l Latency) At(p float64) time.Duration {
	if len(l) == 0 {
		return 0
	}
	slices.Sort(l)
	return l[min(int(p*float64(len(l))), len(l)-1)].Round(10 * time.Microsecond)
}

// Pacer begins the operations of a scenario at a rate.
type Pacer struct {
	Scenario
	rate   float64
	begun  int
	failed int
	free   []int
	since  []time.Time    // when the operation of a slot began
	Ended  func(slot int) // may be nil
}

// NewPacer makes one with window slots, rate operations a second.
func NewPacer(s Scenario, window int, rate float64) *Pacer {
	p := &Pacer{Scenario: s, rate: rate, since: make([]time.Time, window)}
	for slot := range window {
		p.free = append(p.free, slot)
	}
	return p
}

// Step begins what is due and takes what has come.
func (p *Pacer) Step(at time.Duration) {
	for float64(p.begun) < p.rate*at.Seconds() && len(p.free) > 0 {
		slot := p.free[len(p.free)-1]
		p.free = p.free[:len(p.free)-1]
		p.since[slot] = time.Now()
		p.Begin(slot)
		p.begun++
	}
	p.Poll(p.done)
}

func (p *Pacer) done(slot int, ok bool) {
	p.free = append(p.free, slot)
	switch {
	case !ok:
		p.failed++
	case p.Ended != nil:
		p.Ended(slot)
	}
}

// Took is how long ago the operation of a slot began.
func (p *Pacer) Took(slot int) time.Duration { return time.Since(p.since[slot]) }

// Missing is how many operations failed or are under way.
func (p *Pacer) Missing() int { return p.failed + p.UnderWay() }

// UnderWay is how many operations have not ended.
func (p *Pacer) UnderWay() int { return len(p.since) - len(p.free) }
