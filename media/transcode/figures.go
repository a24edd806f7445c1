package transcode

import (
	"sync/atomic"
	"time"
)

// figures are read while the path is being served.
type figures struct {
	packetsIn, full                 atomic.Uint64
	lateTicks                       atomic.Uint64
	skipped                         atomic.Int64
	concealed, recovered            atomic.Int64
	delay, target                   atomic.Int64
	late, overflow, decodeErrors    atomic.Uint64
	packetsOut, encodeErrors, keyed atomic.Uint64
}

// publish makes the figures of the stages readable.
func (p *Path) publish(now time.Duration) {
	f := &p.figure
	if h := p.hear; h != nil {
		s := h.buffer.Stats(now)
		f.concealed.Store(int64(s.Concealed + h.spoilt))
		f.recovered.Store(int64(s.Repeated))
		f.delay.Store(int64(s.Delay))
		f.target.Store(int64(s.Target))
		f.late.Store(s.Late)
		f.overflow.Store(s.Overflow)
		f.decodeErrors.Store(h.errors)
	}
	if s := p.speak; s != nil {
		f.packetsOut.Store(s.sent)
		f.encodeErrors.Store(s.errors)
	}
	f.keyed.Store(p.keys.dropped)
}

// Stats returns the figures since the start. It may be called at any time, by
// any goroutine, and takes no lock.
func (p *Path) Stats() Stats {
	f := &p.figure
	return Stats{
		Concealed: time.Duration(f.concealed.Load()), Recovered: time.Duration(f.recovered.Load()), BufferDelay: time.Duration(f.delay.Load()),
		BufferTarget: time.Duration(f.target.Load()),
		Late:         f.late.Load(), Overflow: f.overflow.Load() + f.full.Load(), DecodeErrors: f.decodeErrors.Load(),
		PacketsIn: f.packetsIn.Load(), PacketsOut: f.packetsOut.Load(), EncodeErrors: f.encodeErrors.Load(),
		KeysDropped: f.keyed.Load(), LateTicks: f.lateTicks.Load(), Skipped: time.Duration(f.skipped.Load()),
	}
}
