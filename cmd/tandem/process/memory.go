package process

import (
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"

	"tandem/cmd/tandem/config"
)

const (
	// gcPercent holds until the heap was measured. Then a heap may grow by heapRoom,
	// a small one by maxPercent, a large one to twice as much, before it is collected.
	gcPercent  = 200
	maxPercent = 600
	heapRoom   = 96 << 20
	// A heap that fills this room in less than a second may grow by what is allocated in
	// one, up to burstRoom: to collect it more often costs a tenth of a led call.
	// In steps, since each change stops the server for a moment.
	burstRoom = 256 << 20
	burstStep = 32 << 20
	// That is for what comes and goes. Users and bindings stay, and take of that
	// room down to leastRoom: they leave nothing behind to be collected.
	leastRoom   = 24 << 20
	bindingSize = 300
	// A server that allocates less than quietRate octets a second for quietTicks
	// returns what it does not use, of the heap if that is worth the work; and again after
	// lateTicks, when transactions and dialogs that have ended are forgotten.
	quietRate  = 1 << 20
	quietTicks = 12
	lateTicks  = 140
	worthwhile = 8 << 20
	memoryTick = 250 * time.Millisecond // a burst fills a hundred MiB in a second
)

// TuneMemory trades memory for processor time, unless a limit is set.
func TuneMemory(cfg *config.Config) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	if cfg.Limits.Memory > 0 {
		debug.SetMemoryLimit(cfg.Limits.Memory)
	}
}

// Release gives back what is garbage. A large table that is made afterwards takes no
// memory before it is used: made of garbage, it would have to be cleared.
func Release() { debug.FreeOSMemory() }

// KeepMemory bounds the room the heap has to grow, and gives back after a burst
// what the burst needed. The runtime would do the latter on its own after some
// minutes: it collects an idle heap every two. bindings is how many there are now:
// they stay. settle is called when all is quiet, to make what is kept smaller.
func KeepMemory(ctx context.Context, bindings func() int, settle func()) error {
	Release() // reading all bindings leaves more behind than they take
	m := newMeasure()
	begun, count := m.live, bindings()
	percent, quiet, used := gcPercent, 0, true // the start is a burst
	t := time.NewTicker(memoryTick)
	defer t.Stop()
	for {
		stays := begun + bindingSize*uint64(max(0, bindings()-count))
		if p := percentFor(m.live, stays, m.fresh*uint64(time.Second/memoryTick)); p != percent && os.Getenv("GOGC") == "" {
			percent = p
			debug.SetGCPercent(p)
		}
		if quiet++; m.fresh >= quietRate*uint64(memoryTick)/uint64(time.Second) {
			quiet, used = 0, true
		}
		late := quiet == lateTicks
		if used && (quiet == quietTicks || late) {
			if late {
				settle()
			}
			if late || m.spare > worthwhile {
				Release()
			}
			releaseProgram()
			used = !late
		}
		select {
		case <-ctx.Done():
			// What the end of a server leaves behind costs less than to collect it.
			if os.Getenv("GOGC") == "" {
				debug.SetGCPercent(max(percent, gcPercent))
			}
			return nil
		case <-t.C:
		}
		m.read()
	}
}

// percentFor is the GC percentage for a live heap of which a part stays, and what is
// allocated in a second.
func percentFor(live, stays, perSecond uint64) int {
	if live == 0 {
		return gcPercent
	}
	stays = min(stays, live)
	burst := min(perSecond, burstRoom) / burstStep * burstStep
	room := max(leastRoom, heapRoom-min(stays, heapRoom), live-stays, burst)
	return int(min(maxPercent, room*100/live))
}

// measure is what the runtime tells about the heap, in octets.
type measure struct {
	samples []metrics.Sample
	allocs  uint64
	fresh   uint64 // allocated since the last reading
	live    uint64 // found by the last collection
	spare   uint64 // held, and garbage or empty
}

func newMeasure() *measure {
	m := &measure{samples: []metrics.Sample{
		{Name: "/gc/heap/allocs:bytes"}, {Name: "/gc/heap/live:bytes"},
		{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/free:bytes"},
	}}
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
}
