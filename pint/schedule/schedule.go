// Package schedule wakes what waits for a time: scheduled calls, the next try, the
// end of the longest talk time. It keeps a heap of names and one timer.
//
// It stores nothing. Whoever adds a name keeps it durably, and adds it again after
// a restart.
package schedule

import (
	"container/heap"
	"context"
	"fmt"
	"sync"
	"time"
)

// Queue holds names until their time. It may be used from anywhere.
type Queue struct {
	mu    sync.Mutex
	heap  entries
	index map[string]*entry
	wake  chan struct{}
}

type entry struct {
	name string
	at   int64 // unix milliseconds
	pos  int
}

// New makes an empty queue.
func New() *Queue { return &Queue{index: map[string]*entry{}, wake: make(chan struct{}, 1)} }

// Set has a name due at a time, instead of the time it had before.
func (q *Queue) Set(name string, at time.Time) {
	q.mu.Lock()
	if e := q.index[name]; e != nil {
		e.at = at.UnixMilli()
		heap.Fix(&q.heap, e.pos)
	} else {
		e = &entry{name: name, at: at.UnixMilli()}
		q.index[name] = e
		heap.Push(&q.heap, e)
	}
	first := q.heap[0].name == name
	q.mu.Unlock()
	if first {
		select {
		case q.wake <- struct{}{}:
		default:
		}
	}
}

// Drop forgets a name.
func (q *Queue) Drop(name string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if e := q.index[name]; e != nil {
		heap.Remove(&q.heap, e.pos)
		delete(q.index, name)
	}
}

// Len is how many names wait.
func (q *Queue) Len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.heap)
}

// longest is how long the queue sleeps at most: the clock may be set meanwhile.
const longest = 30 * time.Second

// Run calls due for each name when its time has come, until ctx ends. due must not
// block.
func (q *Queue) Run(ctx context.Context, due func(name string)) error {
	t := time.NewTimer(0)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-q.wake:
		case <-t.C:
		}
		next := longest
		for {
			name, wait := q.pop(time.Now())
			if name == "" {
				next = min(next, wait)
				break
			}
			due(name)
		}
		t.Reset(next)
	}
}

// pop takes a name that is due, or tells how long to wait.
func (q *Queue) pop(now time.Time) (name string, wait time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.heap) == 0 {
		return "", longest
	}
	e := q.heap[0]
	if d := time.UnixMilli(e.at).Sub(now); d > 0 {
		return "", d
	}
	heap.Pop(&q.heap)
	delete(q.index, e.name)
	return e.name, 0
}

type entries []*entry

func (h entries) Len() int           { return len(h) }
func (h entries) Less(i, j int) bool { return h[i].at < h[j].at }
func (h entries) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].pos, h[j].pos = i, j
}

// Push implements heap.Interface.
func (h *entries) Push(x any) {
	e := x.(*entry)
	e.pos = len(*h)
	*h = append(*h, e)
}

// Pop implements heap.Interface.
func (h *entries) Pop() any {
	old := *h
	e := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return e
}

// layouts of times as people and programs write them.
var layouts = []string{"2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02 15:04"}

// Parse reads a time: RFC 3339, or a time of the clock on the wall in a zone (IANA
// name, "" = UTC), to the second. A time that the clock skips in spring is taken as the moment it
// is set forward; of one that comes twice in autumn, the first is meant.
func Parse(text, zone string) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t.UTC(), nil
	}
	where, err := time.LoadLocation(zone)
	if err != nil {
		return time.Time{}, fmt.Errorf("zone %q is unknown; write it as Europe/Berlin", zone)
	}
	for _, layout := range layouts {
		t, err := time.ParseInLocation(layout, text, time.UTC)
		if err != nil {
			continue
		}
		return wall(t.Truncate(time.Second), where), nil // time.Parse takes fractions, too
	}
	return time.Time{}, fmt.Errorf("%q is not a time; write it as 2027-03-28T15:04, or with its zone as 2027-03-28T15:04:00+01:00", text)
}

// wall is the first moment at which the clocks of a zone show at least t, whole seconds.
func wall(t time.Time, where *time.Location) time.Time {
	shows := func(u time.Time) time.Time {
		_, offset := u.In(where).Zone()
		return u.Add(time.Duration(offset) * time.Second)
	}
	// No clock is further from UTC than 16 hours, and zones change by minutes: the
	// first candidate that fits is one of the two offsets around t.
	_, before := t.Add(-16 * time.Hour).In(where).Zone()
	_, after := t.Add(16 * time.Hour).In(where).Zone()
	early := t.Add(-time.Duration(max(before, after)) * time.Second)
	late := t.Add(-time.Duration(min(before, after)) * time.Second)
	switch {
	case shows(early).Equal(t):
		return early
	case shows(late).Equal(t):
		return late
	}
	// t is skipped: the change lies between the two.
	for late.Sub(early) > time.Second {
		mid := early.Add(late.Sub(early) / 2).Truncate(time.Second)
		if shows(mid).Before(t) {
			early = mid
		} else {
			late = mid
		}
	}
	return late
}
