// Package parking is the slots in which calls wait until somebody dials them.
//
// It does not know what a call is, nor how long it may wait.
package parking

import "sync"

// Slots is how many there are, counted from 1.
const Slots = 999

// Lot holds what is parked, by slot. The zero value is empty. Its methods may be called
// from anywhere.
type Lot[Call comparable] struct {
	mu    sync.Mutex
	calls map[int]Call
}

// Put takes a slot for a call: the lowest that is free for 0. It is 0 when the slot is
// taken, or none is free.
func (p *Lot[Call]) Put(slot int, c Call) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.calls == nil {
		p.calls = make(map[int]Call)
	}
	for n := max(slot, 1); n <= Slots; n++ {
		if _, taken := p.calls[n]; !taken {
			p.calls[n] = c
			return n
		}
		if slot != 0 {
			break
		}
	}
	return 0
}

// At is what waits in a slot, the zero value when nothing does.
func (p *Lot[Call]) At(slot int) Call {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.calls[slot]
}

// Free empties a slot, unless another call waits in it by now.
func (p *Lot[Call]) Free(slot int, c Call) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.calls[slot] == c {
		delete(p.calls, slot)
	}
}
