package store

import "fmt"

// Bounds of the write queue, changes being written included.
const (
	maxQueued  = 1 << 16  // changes, replaced ones too: somebody waits for them
	maxOctets  = 64 << 20 // declared by them
	maxChange  = 32 << 20 // octets of one change
	maxReplace = 1 << 10  // changes of one key that one write acknowledges
	ownerShare = 16       // one owner gets this part of maxQueued and maxOctets
)

// Bounds of one transaction: others wait for it.
const (
	maxInBatch       = 1024
	maxOctetsInBatch = 4 << 20
)

// plenty is how many changes that may wait are enough for a commit: with more it costs
// hardly less for each, and who waits for one of them waits for nothing.
const plenty = 32

// item is a queued change.
type item struct {
	Change
	done func(error)
	more []func(error) // of the changes it replaced
	err  error         // its own, when the rest of its transaction went well
}

func (it *item) waiters() int { return 1 + len(it.more) }

// acknowledge tells everybody who waits for the change, in the order of Put.
func (it *item) acknowledge(err error) {
	if err == nil {
		err = it.err
	}
	for _, done := range it.more {
		done(err)
	}
	it.done(err)
}

// batch is what has been queued since the writer last took it.
type batch struct {
	items []item
	byKey map[string]int // index of the item of a key
}

func newBatch() *batch { return &batch{byKey: make(map[string]int)} }

func (b *batch) reset() {
	clear(b.items)
	b.items = b.items[:0]
	clear(b.byKey)
}

// part is how many of items go into one transaction.
func part(items []item) int {
	octets := 0
	for i := range items {
		octets += items[i].Octets
		if i == maxInBatch || i > 0 && octets > maxOctetsInBatch {
			return i
		}
	}
	return len(items)
}

// load counts what waits or is being written.
type load struct {
	changes, octets int
	owners          map[string]share
}

type share struct{ changes, octets int }

// admit reports whether one more change may be taken.
func (l *load) admit(c *Change) error {
	if c.Octets > maxChange {
		return &Error{Kind: ErrTooLarge, Remedy: fmt.Sprintf("split it: a change has at most %d MiB", maxChange>>20)}
	}
	s := l.owners[c.Owner]
	switch {
	case l.changes >= maxQueued, l.octets > 0 && l.octets+c.Octets > maxOctets:
		return &Error{Kind: ErrQueueFull, Remedy: "try again later"}
	case c.Owner != "" && (s.changes >= maxQueued/ownerShare || s.octets > 0 && s.octets+c.Octets > maxOctets/ownerShare):
		return &Error{Kind: ErrQueueFull, Remedy: "too many changes of one user wait: try again later"}
	}
	return nil
}

func (l *load) add(owner string, changes, octets int) {
	l.changes += changes
	l.octets += octets
	if owner == "" {
		return
	}
	s := l.owners[owner]
	if s.changes += changes; s.changes == 0 {
		delete(l.owners, owner)
		return
	}
	s.octets += octets
	l.owners[owner] = s
}
