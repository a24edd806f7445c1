package transcode

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// still is silence without end.
type still struct{}

func (still) Read(pcm []int16) int {
	clear(pcm)
	return len(pcm)
}

// TestOverload gives a worker half as much again as it can do: each path gets
// its share, time is left out rather than owed, and it is told.
func TestOverload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		pool := NewPool(1)
		ended := make(chan error)
		go func() { ended <- pool.Run(ctx) }()
		pcma := find(t, "PCMA", 8000, 1)
		const many = 30
		var sent [many]atomic.Int64
		var paths []*Path
		for i := range many {
			o := ends(find(t, "PCMU", 8000, 1), pcma, 20*time.Millisecond)
			o.In = Input{CN: none, Event: none}
			o.Out.Send = func([]byte) {
				sent[i].Add(1)
				time.Sleep(time.Millisecond) // what a slow encoder would take
			}
			p, err := pool.Add(o)
			if err != nil {
				t.Fatal(err)
			}
			p.Play(func(int) Source { return still{} }, nil)
			paths = append(paths, p)
		}
		time.Sleep(20 * time.Second)
		var least, most int64 = 1 << 40, 0
		for i, p := range paths {
			n := sent[i].Load()
			least, most = min(least, n), max(most, n)
			if s := p.Stats(); s.LateTicks == 0 || s.Skipped < 4*time.Second {
				t.Errorf("%+v", s)
			}
		}
		if least < 550 || most > 800 {
			t.Errorf("%d to %d packets of 1000; 667 is a fair share", least, most)
		}
		s := pool.Stats()
		t.Logf("%d to %d packets, %+v", least, most, s)
		if s.LateTicks == 0 || s.Busy < 19*time.Second {
			t.Errorf("%+v", s)
		}
		// The bubble's clock stands still for a Close that waits for a lock, so
		// the worker ends first.
		cancel()
		<-ended
		for _, p := range paths {
			p.Close()
		}
	})
}
