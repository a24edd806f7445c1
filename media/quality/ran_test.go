package quality

import (
	"math/rand/v2"
	"testing"
	"time"
)

// Packets told of in runs give the figures they give one by one.
func TestRanIsExact(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	epoch := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for round := range 300 {
		const step = 160
		loss, late, twice := rnd.Float64()*0.1, rnd.Float64()*0.05, rnd.Float64()*0.05
		if round%3 == 0 {
			loss, late, twice = 0, 0, 0 // long runs
		}
		one, runs := Inbound{Clock: 8000, Codec: "PCMU"}, Inbound{Clock: 8000, Codec: "PCMU"}
		var waiting uint64 // packets of the run at hand
		var last time.Time
		var jitter time.Duration // of the run, 16 times
		var next uint16
		flush := func() {
			runs.Ran(waiting, waiting*172, uint32(next-1)*step, jitter/16, last)
			waiting = 0
		}
		feed := func(seq uint16, at time.Time) {
			one.Packet(7, seq, uint32(seq)*step, 172, at)
			if runs.Started() && seq == next && !last.IsZero() {
				d := at.Sub(last) - 20*time.Millisecond
				jitter += d.Abs() - jitter/16
				waiting++
			} else {
				flush()
				last = time.Time{}
				if runs.Packet(7, seq, uint32(seq)*step, 172, at) != Fresh {
					return
				}
				jitter = 16 * runs.Jitter()
			}
			next, last = seq+1, at
			if rnd.IntN(400) == 0 {
				flush()
			}
		}
		at := epoch
		for seq := uint16(1); seq < 3000; seq++ {
			at = at.Add(20*time.Millisecond + time.Duration(rnd.IntN(4000))*time.Microsecond)
			switch x := rnd.Float64(); {
			case x < loss:
			case x < loss+late:
				feed(seq+1, at)
				feed(seq, at.Add(time.Millisecond))
				seq++
			case x < loss+late+twice:
				feed(seq, at)
				feed(seq, at)
			default:
				feed(seq, at)
			}
		}
		flush()
		a, b := one.Report(at), runs.Report(at)
		if d := (a.Jitter - b.Jitter).Abs(); d > a.Jitter/50+10*time.Microsecond {
			t.Errorf("round %d: jitter %v, in runs %v", round, a.Jitter, b.Jitter)
		}
		a.Jitter, b.Jitter, a.MOS, b.MOS = 0, 0, nil, nil
		if a != b || one.now() != runs.now() {
			t.Fatalf("round %d:\none by one %+v\n   in runs %+v\n%+v\n%+v", round, a, b, one.now(), runs.now())
		}
	}
}
