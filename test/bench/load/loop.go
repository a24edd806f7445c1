package load

import (
	"fmt"
	"time"
)

// Result is what one scenario on one server came to.
type Result struct {
	Ops    int
	Lost   int           // operations that never ended
	Failed int           // operations that ended with an unexpected answer
	CPU    time.Duration // of the server, all operations
	Wall   time.Duration
	Drops  int     // datagrams the kernel dropped in front of the server
	Memory float64 // MiB afterwards
	// Settled is the same some seconds later, 0 when it was not looked at.
	Settled float64
	// Anonymous is the part of Settled that is not pages of files.
	Anonymous float64
	// Of the run at 0.9 of saturation: operations, those that were lost or
	// failed, and datagrams dropped in front of the server.
	Paced, PacedLost, PacedDrops int
}

// PerOp is the server's CPU time of one operation, in µs.
func (r Result) PerOp() float64 {
	if r.Ops == 0 {
		return 0
	}
	return float64(r.CPU.Nanoseconds()) / 1e3 / float64(r.Ops)
}

func (r Result) String() string {
	s := fmt.Sprintf("%7.1f µs/op %8.0f op/s  lost %d failed %d dropped %d  %.0f MiB",
		r.PerOp(), float64(r.Ops)/r.Wall.Seconds(), r.Lost, r.Failed, r.Drops, r.Memory)
	if r.Settled > 0 {
		s += fmt.Sprintf(", %.0f MiB later (%.0f anonymous)", r.Settled, r.Anonymous)
	}
	return s
}

// Scenario is a kind of operation under way in a window of slots.
type Scenario interface {
	// Begin starts an operation in a slot.
	Begin(slot int)
	// Poll moves what has arrived, tells done for each ended operation, and
	// returns how many datagrams there were; sends go out before it returns.
	Poll(done func(slot int, ok bool)) int
	// wait sleeps until something may have arrived, 100 ms at most.
	wait()
	Close()
}

// Drive keeps window operations under way until total have been begun, waits
// for the rest, and counts. An operation that has not ended after 2 s without any progress is
// lost and its slot is used anew. rate 0 saturates; else operations begin at
// that pace (per second).
func Drive(sc Scenario, window, total int, rate float64) (r Result) {
	start := time.Now()
	free := make([]int, 0, window)
	for i := range window {
		free = append(free, window-1-i)
	}
	begun, ended := 0, 0
	last := start
	done := func(slot int, ok bool) {
		ended++
		if !ok {
			r.Failed++
		}
		free = append(free, slot)
	}
	for ended < total {
		due := total
		if rate > 0 {
			due = min(total, 1+int(time.Since(start).Seconds()*rate))
		}
		for len(free) > 0 && begun < due {
			slot := free[len(free)-1]
			free = free[:len(free)-1]
			sc.Begin(slot)
			begun++
		}
		if sc.Poll(done) > 0 {
			last = time.Now()
			continue
		}
		if begun > ended || begun == total {
			if begun > ended && time.Since(last) > 2*time.Second {
				r.Lost += begun - ended
				total -= begun - ended
				begun = ended
				free = free[:0]
				for i := range window {
					free = append(free, i)
				}
				last = time.Now()
				if r.Lost > 20*window {
					break // the server is gone
				}
			}
		}
		if rate == 0 || begun > ended && len(free) == 0 {
			sc.wait()
		}
	}
	r.Ops, r.Wall = ended, time.Since(start)
	return r
}
