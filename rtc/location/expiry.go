package location

import (
	"context"
	"time"
)

// sweepEvery is how long an ended binding may stay in memory (look-ups do not
// show it) before its removal is written and watchers are told.
const sweepEvery = time.Second

// retryAfter is when the removal of ended bindings is tried again after the
// store refused it.
const retryAfter = 10 * time.Second

// Run sweeps bindings that have ended, and packs what is at rest, until ctx ends.
func (l *Location) Run(ctx context.Context) error {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for round := 0; ; round++ {
		select {
		case <-ctx.Done():
			return nil
		case now := <-tick.C:
			l.sweep(now)
			l.rest(round)
		}
	}
}

// sweep removes what ended by now.
func (l *Location) sweep(now time.Time) {
	ms := now.UnixMilli()
	for i := range l.shard {
		s := &l.shard[i]
		for {
			s.mu.Lock()
			if len(s.due) == 0 || s.due[0].at > ms {
				s.mu.Unlock()
				break
			}
			r := s.due[0].r
			first := ends(s.read(r))
			if first > ms {
				s.due.place(r, first) // refreshed since it was placed
				s.mu.Unlock()
				continue
			}
			s.due.place(r, ms+retryAfter.Milliseconds()) // in case the store refuses
			s.mu.Unlock()
			l.Update(r.aor, keep, ended)
		}
	}
}

// keep changes nothing: Update has left out what has ended.
func keep(old []Binding) ([]Binding, error) { return old, nil }

func ended([]Binding, error) {}

// dueHeap orders records by the time at which they have to be looked at, which
// is never after the end of their first binding. A refresh does not move a
// record; the sweep does when it comes by. The times stand in the heap: to look
// for each in its record would be a wait for memory.
type dueHeap []due

type due struct {
	at int64 // unix ms
	r  *record
}

// of is when r is due, for one that is in the heap.
func (h dueHeap) of(r *record) int64 { return h[r.at].at }

// place puts r at the time at, whether it is in the heap or not.
func (h *dueHeap) place(r *record, at int64) {
	if r.at < 0 {
		r.at = int32(len(*h))
		*h = append(*h, due{})
	}
	h.settle(int(r.at), due{at, r})
}

func (h *dueHeap) remove(r *record) {
	if r.at < 0 {
		return
	}
	last := len(*h) - 1
	hole, moved := int(r.at), (*h)[last]
	(*h)[last] = due{}
	*h = (*h)[:last]
	r.at = -1
	if hole < last {
		h.settle(hole, moved)
	}
}

// settle puts d where it belongs, from the hole at i.
func (h *dueHeap) settle(i int, d due) {
	a := *h
	for i > 0 && d.at < a[(i-1)/2].at {
		a.put(i, a[(i-1)/2])
		i = (i - 1) / 2
	}
	for {
		child := 2*i + 1
		if child+1 < len(a) && a[child+1].at < a[child].at {
			child++
		}
		if child >= len(a) || d.at <= a[child].at {
			a.put(i, d)
			return
		}
		a.put(i, a[child])
		i = child
	}
}

func (h dueHeap) put(i int, d due) {
	h[i] = d
	d.r.at = int32(i)
}
