package store

import (
	"context"

	"tandem/rtc/location"
)

// Bounds of the write queue: changes and octets, those being written included.
const (
	maxQueued  = 1 << 16
	maxOctets  = 64 << 20
	maxInBatch = 1024 // changes in one transaction
)

// change is one thing to write. Either apply is set, or it replaces the
// bindings of the address-of-record key by data.
type change struct {
	key   string
	data  span  // in the batch's arena; empty: delete the row
	until int64 // unix ms
	apply func(ctx context.Context, tx execer) error

	done func(error)   // the first to acknowledge
	more []func(error) // those of the changes it replaced
	err  error         // its own, when the rest of the batch went well
}

type span struct{ from, to int }

// batch is what has been queued since the writer last took it.
type batch struct {
	changes []change
	arena   []byte         // what the data spans point into
	byKey   map[string]int // index of the change of a key
	octets  int
}

func newBatch() *batch { return &batch{byKey: make(map[string]int)} }

func (b *batch) reset() {
	clear(b.changes)
	b.changes, b.octets = b.changes[:0], 0
	b.arena = b.arena[:0]
	if cap(b.arena) > 4<<20 { // a peak must not stay for ever
		b.arena = nil
	}
	clear(b.byKey)
}

// putChange adds a change that is never replaced by another.
func (b *batch) putChange(apply func(context.Context, execer) error, done func(error)) {
	b.changes = append(b.changes, change{apply: apply, done: done})
}

// putBindings adds or replaces the change of one key.
func (b *batch) putBindings(key string, until int64, bindings []location.Binding, done func(error)) {
	from := len(b.arena)
	b.arena = appendBindings(b.arena, bindings)
	data := span{from, len(b.arena)}
	b.octets += data.to - data.from + len(key)
	if i, ok := b.byKey[key]; ok {
		c := &b.changes[i]
		c.data, c.until = data, until
		c.more = append(c.more, done)
		return
	}
	b.byKey[key] = len(b.changes)
	b.changes = append(b.changes, change{key: key, data: data, until: until, done: done})
}

func (c *change) acknowledge(err error) {
	if err == nil {
		err = c.err
	}
	c.done(err)
	for _, done := range c.more {
		done(err)
	}
}
