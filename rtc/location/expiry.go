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

// Run sweeps bindings that have ended until ctx ends.
func (l *Location) Run(ctx context.Context) error {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-tick.C:
			l.sweep(now)
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
			if len(s.due) == 0 || s.due[0].due > ms {
				s.mu.Unlock()
				break
			}
			r := s.due[0]
			first := ends(r.list)
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
// record; the sweep does when it comes by.
type dueHeap []*record

// place puts r at the time due, whether it is in the heap or not.
func (h *dueHeap) place(r *record, due int64) {
	if r.at < 0 {
		r.at = len(*h)
		*h = append(*h, r)
	}
	r.due = due
	h.fix(r.at)
}

func (h *dueHeap) remove(r *record) {
	if r.at < 0 {
		return
	}
	last := len(*h) - 1
	hole := r.at
	h.swap(hole, last)
	(*h)[last] = nil
	*h = (*h)[:last]
	r.at = -1
	if hole < last {
		h.fix(hole)
	}
}

func (h *dueHeap) swap(i, j int) {
	a := *h
	a[i], a[j] = a[j], a[i]
	a[i].at, a[j].at = i, j
}

// fix restores the order around i.
func (h *dueHeap) fix(i int) {
	a := *h
	for i > 0 && a[i].due < a[(i-1)/2].due {
		h.swap(i, (i-1)/2)
		i = (i - 1) / 2
	}
	for {
		child := 2*i + 1
		if child+1 < len(a) && a[child+1].due < a[child].due {
			child++
		}
		if child >= len(a) || a[i].due <= a[child].due {
			return
		}
		h.swap(i, child)
		i = child
	}
}
