package media

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// longest delay told apart, in µs.
const longest = 200_000

// window is what was counted while calls went on.
type window struct {
	calls   int
	length  time.Duration
	cpu     time.Duration // of the relay
	sent    int
	arrived int      // within the window's time
	told    int      // of those sent, what can be told when it arrives
	marked  int      // what arrived of it, whenever
	delays  []uint32 // of these, by µs
	late    time.Duration
}

func (w *window) delay(ns int64) {
	w.delays[min(max(ns/1000, 0), longest-1)]++
}

// quantile of the delays.
func (w *window) quantile(q float64) time.Duration {
	left := int(q * float64(w.marked))
	for us, n := range w.delays {
		if left -= int(n); left < 0 {
			return time.Duration(us) * time.Microsecond
		}
	}
	return longest * time.Microsecond
}

// figures are what is told of a window.
type figures struct {
	cpu      float64 // µs a packet
	best     float64 // of several windows
	core     float64 // of one core, 0 to 1
	loss     float64
	p50, p99 time.Duration
	late     time.Duration // how far the phones fell behind
}

func (w *window) figures() figures {
	f := figures{core: w.cpu.Seconds() / w.length.Seconds(), late: w.late}
	f.cpu = float64(w.cpu.Nanoseconds()) / 1e3 / float64(max(w.arrived, 1))
	if w.told == 0 { // counted by time: exact to a packet of each stream
		f.loss = max(0, 1-float64(w.arrived)/float64(max(w.sent, 1)))
		return f
	}
	f.loss = 1 - float64(w.marked)/float64(w.told)
	f.p50, f.p99 = w.quantile(0.5), w.quantile(0.99)
	return f
}

func (f figures) String() string {
	return fmt.Sprintf("%6.2f µs/packet %5.1f %% of a core  loss %.3f %%  p50 %4d p99 %5d µs  (phones late by %d µs at most)",
		f.cpu, 100*f.core, 100*f.loss, f.p50.Microseconds(), f.p99.Microseconds(), f.late.Microseconds())
}

// middle is the median of each figure of several windows, of which there are
// some.
func middle(all []figures) figures {
	least := slices.MinFunc(all, func(a, b figures) int { return cmp.Compare(a.cpu, b.cpu) })
	return figures{
		best: least.cpu,
		cpu:  median(all, func(f figures) float64 { return f.cpu }),
		core: median(all, func(f figures) float64 { return f.core }),
		loss: median(all, func(f figures) float64 { return f.loss }),
		p50:  median(all, func(f figures) time.Duration { return f.p50 }),
		p99:  median(all, func(f figures) time.Duration { return f.p99 }),
		late: median(all, func(f figures) time.Duration { return f.late }),
	}
}

func median[T cmp.Ordered](all []figures, of func(figures) T) T {
	var zero T
	if len(all) == 0 {
		return zero
	}
	v := make([]T, 0, len(all))
	for _, f := range all {
		v = append(v, of(f))
	}
	slices.Sort(v)
	return v[len(v)/2]
}
