// Package owner has the events of one call dealt with in order, by one goroutine at a
// time: the call's owner. Goroutines are lent to calls only while they have events. See
// docs/adr/07-call-owner.md.
package owner

import "sync"

// maxWaiting bounds the events that wait for one call's owner. A call has a few
// events a second at most; only a peer that floods its dialog reaches the bound.
const maxWaiting = 64

// Inbox holds the events of one call, in order, until its owner has dealt with
// them. The owner is a goroutine lent to the call only while there are any.
type Inbox struct {
	Crew *Crew // whose goroutines the owners are

	mu      sync.Mutex
	events  []func()
	spare   []func() // the room of those dealt with before
	working bool
	closed  bool
}

// Post has f done by the owner. It never waits and may be called on any lane.
// It reports false when the inbox is full or closed; then f is not done.
func (b *Inbox) Post(f func()) bool { return b.put(f, maxWaiting) }

// Must is Post for an event that the call cannot do without: the end of a leg,
// a final response, the result of something the owner began. There are only a
// few of them a leg, so they need no bound. It is false once the call has ended.
func (b *Inbox) Must(f func()) bool { return b.put(f, 1<<30) }

func (b *Inbox) put(f func(), bound int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed || len(b.events) >= bound {
		return false
	}
	b.events = append(b.events, f)
	if !b.working {
		b.working = true
		b.Crew.serve(b)
	}
	return true
}

func (b *Inbox) work() {
	b.mu.Lock()
	for len(b.events) > 0 {
		events := b.events
		b.events, b.spare = b.spare[:0], nil
		b.mu.Unlock()
		for _, f := range events {
			f()
		}
		clear(events)
		b.mu.Lock()
		b.spare = events
	}
	b.working = false
	b.mu.Unlock()
}

// Close lets no further events in.
func (b *Inbox) Close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
}
