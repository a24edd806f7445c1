package relay

import (
	"encoding/binary"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"tandem/media/rewrite"
)

// pause is a silence after which numbers may need an adjustment; it ends a series.
const pause = time.Second

// rtpHeader is the size of an RTP header, without what may follow it.
const rtpHeader = 12

// series is a Series in progress. Fields that each packet touches stand together.
type series struct {
	on      atomic.Bool
	mu      sync.Mutex // nearly always free
	in, to  uint8      // payload types
	next    uint16     // the next sequence number
	stamp   uint32     // the next timestamp
	step    uint32
	offsets rewrite.Offsets
	out     *Socket
	last    time.Time
	frame   time.Duration // a step
	jitter  time.Duration // 16 times
	packets uint64
	octets  uint64
	open    Opener
	seal    Sealer
	from    sockaddr
	peer    netip.AddrPort
	refused uint64
}

// Follow makes the worker forward a series from now on. Call it from Receive.
func (s *Socket) Follow(f Series) {
	r := &s.series
	r.mu.Lock()
	defer r.mu.Unlock()
	if f.Clock == 0 || f.Step == 0 || !r.from.put(f.From, s.v6) {
		return
	}
	r.in, r.to = f.Type, f.TypeOut
	r.next, r.stamp, r.step = f.Sequence+1, f.Timestamp+f.Step, f.Step
	r.offsets, r.out, r.peer = f.Offsets, f.Out, f.To
	r.last, r.frame = f.At, time.Duration(f.Step)*time.Second/time.Duration(f.Clock)
	r.jitter = 16 * f.Jitter
	r.open, r.seal = f.Open, f.Seal
	r.packets, r.octets, r.refused = 0, 0, 0
	r.on.Store(true)
}

// Followed returns the progress of the series. With end the series is over: none of its
// packets is sent after Followed returns.
func (s *Socket) Followed(end bool) Progress {
	r := &s.series
	r.mu.Lock()
	defer r.mu.Unlock()
	p := Progress{Packets: r.packets, Octets: r.octets, Sequence: r.next - 1, Timestamp: r.stamp - r.step, At: r.last, Jitter: r.jitter / 16, Refused: r.refused}
	r.packets, r.octets, r.refused = 0, 0, 0
	if end {
		r.on.Store(false)
		r.open, r.seal = nil, nil
	}
	return p
}

// forward sends a packet on if it is the next one of the series.
func (r *series) forward(b []byte, from *sockaddr, now time.Time) bool {
	if !r.on.Load() {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.fits(b, from, now) {
		return false
	}
	if r.open != nil {
		opened, err := r.open.Unprotect(b)
		if err != nil { // forged or damaged: the real one may still come
			r.refused++
			return true
		}
		b = opened
	}
	r.count(len(b), now)
	b[1] = b[1]&0x80 | r.to
	binary.BigEndian.PutUint16(b[2:], r.next+r.offsets.Sequence)
	binary.BigEndian.PutUint32(b[4:], r.stamp+r.offsets.Timestamp)
	binary.BigEndian.PutUint32(b[8:], r.offsets.Out)
	r.next++
	r.stamp += r.step
	if r.seal != nil {
		sealed, err := r.seal.Protect(b)
		if err != nil {
			r.refused++
			return true
		}
		b = sealed
	}
	_ = r.out.Send(b, r.peer) // the socket counts errors
	return true
}

// count counts a packet of n octets.
func (r *series) count(n int, now time.Time) {
	// RFC 3550 §6.4.1; from one packet to the next the timestamps differ by a step.
	d := now.Sub(r.last) - r.frame
	if d < 0 {
		d = -d
	}
	r.jitter += d - r.jitter/16
	r.last = now
	r.packets++
	r.octets += uint64(n)
}

func (r *series) fits(b []byte, from *sockaddr, now time.Time) bool {
	return r.on.Load() && len(b) >= rtpHeader && b[0]>>6 == 2 && b[1]&0x7f == r.in &&
		binary.BigEndian.Uint16(b[2:]) == r.next && binary.BigEndian.Uint32(b[4:]) == r.stamp &&
		binary.BigEndian.Uint32(b[8:]) == r.offsets.In && from.same(&r.from) && now.Sub(r.last) < pause
}
