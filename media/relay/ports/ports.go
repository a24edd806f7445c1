// Package ports gives out the media ports of an address.
package ports

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// ErrNone means that no port is left in the range.
var ErrNone = errors.New("no media port is left")

// quarantine is how long a closed port is not given out again, so that late
// packets of the old call do not reach a new one.
const quarantine = 30 * time.Second

// Ports assigns the ports of one address at random, so that none can be predicted, and
// in constant time. Its memory is limited by the range. When nothing else is left,
// ports in quarantine are reused, the longest closed ones first.
type Ports struct {
	mu       sync.Mutex
	min, max int
	state    []portState
	whole    bag       // free even ports whose odd neighbour is free
	half     bag       // free ports whose neighbour is not
	rest     []resting // in the order in which they were closed
	woken    int       // number of entries at the front of rest whose quarantine is over
	inUse    int
}

type portState uint8

const (
	free portState = iota
	used
	rests
)

type resting struct {
	port  int32
	until time.Time
}

// New makes all ports from low to high free.
func New(low, high int) *Ports {
	n := high - low + 1
	p := &Ports{min: low, max: high, state: make([]portState, n), whole: newBag(n), half: newBag(n)}
	for i := range n {
		if i&1 == 0 && i+1 < n {
			p.whole.put(i)
		} else if i&1 == 0 {
			p.half.put(i) // the last one has no odd neighbour
		}
	}
	return p
}

// Pair takes an even port and the odd one above it, and returns the even one.
func (p *Ports) Pair(now time.Time) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.expire(now)
	for p.whole.empty() {
		if !p.wake() {
			return 0, fmt.Errorf("%w: no even and odd pair in %d-%d is free (%d ports in use); widen the range or shorten the time idle calls are kept", ErrNone, p.min, p.max, p.inUse)
		}
	}
	at := p.whole.any()
	p.take(at)
	p.take(at + 1)
	return p.min + at, nil
}

// Single takes one port, preferably one whose neighbour is in use.
func (p *Ports) Single(now time.Time) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.expire(now)
	for p.half.empty() && p.whole.empty() {
		if !p.wake() {
			return 0, fmt.Errorf("%w: all %d of %d-%d are in use; widen the range or shorten the time idle calls are kept", ErrNone, len(p.state), p.min, p.max)
		}
	}
	var at int
	if p.half.empty() {
		at = p.whole.any() + rand.IntN(2)
	} else {
		at = p.half.any()
	}
	p.take(at)
	return p.min + at, nil
}

// Give puts a port into quarantine.
func (p *Ports) Give(port int, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := port - p.min
	if i < 0 || i >= len(p.state) || p.state[i] != used {
		return
	}
	p.inUse--
	p.state[i] = rests
	if p.woken > len(p.rest)/2 && p.woken > 64 { // most of it is no longer needed
		p.rest = p.rest[:copy(p.rest, p.rest[p.woken:])]
		p.woken = 0
	}
	p.rest = append(p.rest, resting{int32(i), now.Add(quarantine)})
}

// Taken returns how many ports are in use, and how many there are.
func (p *Ports) Taken() (inUse, of int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.inUse, len(p.state)
}

// expire frees the ports whose quarantine is over.
func (p *Ports) expire(now time.Time) {
	for p.woken < len(p.rest) && !now.Before(p.rest[p.woken].until) {
		p.wake()
	}
}

// wake frees the port that has been in quarantine longest; false when there is none.
func (p *Ports) wake() bool {
	if p.woken == len(p.rest) {
		return false
	}
	i := int(p.rest[p.woken].port)
	p.woken++
	p.state[i] = free
	if mate := i ^ 1; mate < len(p.state) && p.state[mate] == free {
		p.half.remove(mate)
		p.whole.put(i &^ 1)
	} else {
		p.half.put(i)
	}
	return true
}

// take marks a free port as used.
func (p *Ports) take(i int) {
	p.state[i] = used
	p.inUse++
	if mate := i ^ 1; p.whole.remove(i &^ 1) {
		p.half.put(mate) // for a moment, when both are taken
	} else {
		p.half.remove(i)
	}
}

// bag is a set of numbers below a bound, from which a random one can be taken.
type bag struct {
	all []int32
	at  []int32 // position of each number in all; -1 when absent
}

func newBag(n int) bag {
	b := bag{all: make([]int32, 0, n), at: make([]int32, n)}
	for i := range b.at {
		b.at[i] = -1
	}
	return b
}

func (b *bag) empty() bool { return len(b.all) == 0 }

func (b *bag) any() int { return int(b.all[rand.IntN(len(b.all))]) }

func (b *bag) put(i int) {
	b.at[i] = int32(len(b.all))
	b.all = append(b.all, int32(i))
}

// remove reports whether i was in the bag.
func (b *bag) remove(i int) bool {
	at := b.at[i]
	if at < 0 {
		return false
	}
	last := b.all[len(b.all)-1]
	b.all[at], b.at[last] = last, at
	b.all, b.at[i] = b.all[:len(b.all)-1], -1
	return true
}
