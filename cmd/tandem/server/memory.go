package server

import (
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	// gcPercent lets a small heap grow to three times what is in use before it
	// is collected, a large one to twice as much: marking it costs more.
	gcPercent = 200
	heapRoom  = 96 << 20 // where the one becomes the other
	// A server that allocates less than quietRate octets a second returns
	// what it does not use, once that is worth the work.
	quietRate  = 1 << 20
	worthwhile = 12 << 20
	memoryTick = 3 * time.Second
)

// tuneMemory trades memory for processor time, unless a limit is set.
func tuneMemory(cfg *Config) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	if cfg.Limits.Memory > 0 {
		debug.SetMemoryLimit(cfg.Limits.Memory)
	}
}

// keepMemory bounds the room the heap has to grow, and gives back after a burst
// what the burst needed. The runtime would do the latter on its own after some
// minutes: it collects an idle heap every two.
func keepMemory(ctx context.Context) error {
	t := time.NewTicker(memoryTick)
	defer t.Stop()
	m := newMeasure()
	percent := gcPercent
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
		m.read()
		if p := percentFor(m.live); p != percent && os.Getenv("GOGC") == "" {
			percent = p
			debug.SetGCPercent(p)
		}
		if m.fresh < quietRate*uint64(memoryTick/time.Second) && m.spare > worthwhile && m.used {
			debug.FreeOSMemory()
			m.used = false
			m.read()
		}
	}
}

// percentFor is the GC percentage for a live heap.
func percentFor(live uint64) int {
	if live == 0 {
		return gcPercent
	}
	return int(min(gcPercent, max(100, heapRoom*100/live)))
}

// measure is what the runtime tells about the heap, in octets.
type measure struct {
	samples []metrics.Sample
	allocs  uint64
	fresh   uint64 // allocated since the last reading
	live    uint64 // found by the last collection
	spare   uint64 // held, and garbage or empty
	used    bool   // since memory was given back
}

func newMeasure() *measure {
	m := &measure{samples: []metrics.Sample{
		{Name: "/gc/heap/allocs:bytes"}, {Name: "/gc/heap/live:bytes"},
		{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/free:bytes"},
	}, used: true}
	m.read()
	return m
}

func (m *measure) read() {
	metrics.Read(m.samples)
	v := func(i int) uint64 { return m.samples[i].Value.Uint64() }
	m.fresh, m.allocs = v(0)-m.allocs, v(0)
	m.live = v(1)
	m.spare = v(3)
	if v(2) > m.live {
		m.spare += v(2) - m.live
	}
	if m.fresh > worthwhile {
		m.used = true
	}
}
