package transcode

import (
	"context"
	"sync/atomic"
	"time"
)

const (
	// grain of the clock. Paths are spread over the grains of a round, so that the
	// frames of many calls are not due at the same moment.
	grain = 5 * time.Millisecond
	// phases of a round of 20 ms.
	phases = 4
	// crowd is how many paths more than another one a phase may have.
	crowd = 16
)

// worker serves paths in one goroutine.
type worker struct {
	pool   *Pool
	wake   chan struct{}
	roused atomic.Pointer[Path] // a stack of paths that have something to do again
	active atomic.Int32
	paths  int // guarded by pool.mu

	// Only the worker uses these.
	at    int64 // grains since the epoch that were served
	lists [phases][]*Path
}

// run serves until ctx ends.
func (w *worker) run(ctx context.Context) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for ctx.Err() == nil {
		start := time.Now()
		now := start.Sub(w.pool.epoch)
		w.serve(now)
		end := time.Now()
		w.pool.busy.Add(int64(end.Sub(start)))
		if next, some := w.next(); some {
			timer.Reset(next - end.Sub(w.pool.epoch))
		} else {
			timer.Stop()
		}
		select {
		case <-ctx.Done():
		case <-w.wake:
		case <-timer.C:
		}
	}
}

// rouse gives a path that was at rest to the worker. Any goroutine may call it.
func (w *worker) rouse(p *Path) {
	for {
		first := w.roused.Load()
		p.behind = first
		if w.roused.CompareAndSwap(first, p) {
			break
		}
	}
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// serve gives each path that is due its turn.
func (w *worker) serve(now time.Duration) {
	last := int64(now / grain)
	w.admit(last)
	// After a stall each phase is served once; the paths notice what they missed.
	w.at = max(w.at, last-phases)
	for w.at < last {
		w.at++
		n := w.at % phases
		list := w.lists[n]
		for i := 0; i < len(list); {
			if list[i].phase&(1<<n) != 0 && list[i].tick(now) {
				i++
				continue
			}
			list[i] = list[len(list)-1]
			list[len(list)-1] = nil
			list = list[:len(list)-1]
		}
		w.lists[n] = list
	}
}

// admit assigns phases to roused paths.
func (w *worker) admit(now int64) {
	p := w.roused.Swap(nil)
	for p != nil {
		next := p.behind
		p.behind = nil
		turns := int(p.step / grain) // 2 or 4
		p.phase = 0
		for n := w.place(p, turns); n < phases; n += turns {
			p.phase |= 1 << n
			w.lists[n] = append(w.lists[n], p)
		}
		first := now + 1
		for p.phase&(1<<(first%phases)) == 0 {
			first++
		}
		p.due = time.Duration(first) * grain
		w.active.Add(1)
		p = next
	}
}

// place chooses the phase in which the first packet does not wait longer than the
// buffer wants. If that one is crowded, as when all calls get their packets at the same
// time, it chooses the phase with the fewest paths.
func (w *worker) place(p *Path, turns int) int {
	least := 0
	for n := 1; n < turns; n++ {
		if len(w.lists[n]) < len(w.lists[least]) {
			least = n
		}
	}
	if p.hear == nil {
		return least
	}
	e := p.in.peek()
	if e == nil {
		return least
	}
	due := e.at + p.hear.buffer.Stats(e.at).Target
	soon := int((due+grain-1)/grain) % turns
	if len(w.lists[soon]) > len(w.lists[least])+crowd {
		return least
	}
	return soon
}

// next returns when something is due, or false when all paths rest.
func (w *worker) next() (time.Duration, bool) {
	for n := w.at + 1; n <= w.at+phases; n++ {
		if len(w.lists[n%phases]) > 0 {
			return time.Duration(n) * grain, true
		}
	}
	return 0, false
}
