package transcode

import (
	"sync/atomic"
	"time"
)

const (
	// queue is how many packets can wait for a worker: 320 ms of the shortest in use.
	queue = 32
	// longest packet taken.
	longest = 8192
	// usual size of a packet; memory for longer ones is added when they come.
	usual = 256
)

// ring passes packets from the one goroutine that receives to the one that serves,
// without locks. It keeps its memory.
type ring struct {
	head, tail atomic.Uint32 // read and written next
	entries    [queue]entry
}

type entry struct {
	at time.Duration
	b  []byte
}

func (r *ring) init() {
	slab := make([]byte, queue*usual)
	for i := range r.entries {
		r.entries[i].b = slab[i*usual : i*usual : (i+1)*usual]
	}
}

// push copies b in; false when full.
func (r *ring) push(b []byte, at time.Duration) bool {
	tail := r.tail.Load()
	if tail-r.head.Load() == queue {
		return false
	}
	e := &r.entries[tail%queue]
	e.at, e.b = at, append(e.b[:0], b...)
	r.tail.Store(tail + 1)
	return true
}

// peek returns the oldest entry, or nil; it stays until pop.
func (r *ring) peek() *entry {
	head := r.head.Load()
	if head == r.tail.Load() {
		return nil
	}
	return &r.entries[head%queue]
}

func (r *ring) pop() { r.head.Add(1) }

func (r *ring) empty() bool { return r.head.Load() == r.tail.Load() }
