package relay

import (
	"encoding/binary"
	"time"
)

// How far numbers may move before a stream counts as restarted (RFC 3550 Appendix A.1
// has the first two).
const (
	maxDropout  = 3000
	maxMisorder = 100
	maxStretch  = 5 * time.Second       // of timestamps against real time
	takeover    = 30 * time.Millisecond // silence of the old stream before an unannounced new one is believed
	dropsKept   = 16
)

// DropType in a Types table means that packets of a payload type are dropped.
const DropType = 0xff

// Types maps incoming payload types to outgoing ones.
type Types [128]uint8

// sameTypes maps every payload type to itself.
func sameTypes() (t Types) {
	for i := range t {
		t[i] = uint8(i)
	}
	return t
}

// Rewrite makes one continuous outgoing stream from successive sources: it sets SSRC,
// sequence number, timestamp and payload type of packets in place. The first source
// keeps its numbers. After a change of the source the next packet follows the last one
// sent, with a timestamp later by the time that has passed. Within a source, gaps stay
// gaps and reordered packets keep their positions; packets dropped by payload type
// leave no gap.
//
// Switch announces a change. An unannounced change, another SSRC or a jump of the
// numbers, is believed at its second packet in sequence if the old stream has been
// silent for 30 ms, so that stray packets do not disturb the stream.
//
// It has no lock: only one goroutine at a time may use it.
type Rewrite struct {
	SSRC  uint32 // of the outgoing stream
	Clock uint32 // of the current source, Hz; 0 = unknown, timestamps then advance by a frame at a change
	Mark  bool   // set the marker on the first packet of a new source (audio)

	begun, switching bool
	in               uint32 // SSRC of the source
	first, high      uint16 // its first and highest sequence number
	highTS, step     uint32 // timestamp with high; ticks from one packet to the next
	at               time.Time
	tsAt             time.Time // when highTS was first seen
	seqBy            uint16    // added to incoming numbers
	tsBy             uint32
	dropped          int
	stray            stray
	drops            [dropsKept]uint16 // sequence numbers of dropped packets, for reordered ones

	Types Types
}

// stray is a stream that may become the source.
type stray struct {
	since time.Time
	ssrc  uint32
	next  uint16
	seen  bool
}

// NewRewrite makes one that sends with ssrc and keeps payload types.
func NewRewrite(ssrc uint32) *Rewrite {
	return &Rewrite{SSRC: ssrc, Types: sameTypes()}
}

// Switch announces that the next packet comes from a new source (an announcement, the
// converter, the other party after a transfer) with the given clock.
func (w *Rewrite) Switch(clock uint32) {
	w.Clock = clock
	w.switching = w.begun
}

// Apply rewrites the RTP packet b in place. It returns false when b must not be sent.
// now is when b arrived.
func (w *Rewrite) Apply(b []byte, now time.Time) bool {
	if len(b) < rtpHeader || b[0]>>6 != 2 {
		return false
	}
	seq, ts := binary.BigEndian.Uint16(b[2:]), binary.BigEndian.Uint32(b[4:])
	ssrc := binary.BigEndian.Uint32(b[8:])
	pt := w.Types[b[1]&0x7f]
	by := w.seqBy
	ahead := int(int16(seq - w.high))
	switch {
	case !w.begun || w.switching:
		if pt == DropType {
			return false
		}
		by = w.anchor(b, ssrc, seq, ts, now)
	case ssrc != w.in || ahead > maxDropout || ahead < -maxMisorder:
		if pt == DropType || !w.believe(ssrc, seq, now) {
			return false
		}
		by = w.anchor(b, ssrc, seq, ts, now)
	case ahead <= 0:
		// It is late, or a duplicate. A packet older than the source's first one has no
		// position in the outgoing stream.
		after, known := w.droppedAfter(seq)
		if pt == DropType || int16(seq-w.first) < 0 || !known {
			return false
		}
		by += after
	case pt == DropType:
		w.leaveOut(seq)
		w.advance(seq, ts, now)
		return false
	default:
		w.advance(seq, ts, now)
	}
	b[1] = b[1]&0x80 | pt
	binary.BigEndian.PutUint16(b[2:], seq+by)
	binary.BigEndian.PutUint32(b[4:], ts+w.tsBy)
	binary.BigEndian.PutUint32(b[8:], w.SSRC)
	return true
}

// advance handles the next packet of the source.
func (w *Rewrite) advance(seq uint16, ts uint32, now time.Time) {
	if ts != w.highTS {
		// The packets of an event share one timestamp, so time is counted from its
		// first use.
		moved := ts - w.highTS
		if w.Clock > 0 {
			off := int64(int32(moved)) - w.ticks(now.Sub(w.tsAt))
			if limit := w.ticks(maxStretch); off > limit || off < -limit {
				expect := max(uint32(w.ticks(now.Sub(w.tsAt))), w.frame())
				w.tsBy += expect - moved
			} else if seq == w.high+1 && int32(moved) > 0 && moved <= w.Clock/8 {
				w.step = moved
			}
		} else if seq == w.high+1 && int32(moved) > 0 {
			w.step = moved
		}
		w.highTS, w.tsAt = ts, now
	}
	if w.dropped > 0 && seq-w.drops[(w.dropped-1)%dropsKept] > 2*maxMisorder {
		w.dropped = 0 // no packet so late is mapped any more
	}
	w.high, w.at = seq, now
	w.stray.seen = false
}

// anchor joins a new source to what was sent so far.
func (w *Rewrite) anchor(b []byte, ssrc uint32, seq uint16, ts uint32, now time.Time) uint16 {
	if w.begun {
		passed := uint32(w.ticks(now.Sub(w.at)))
		out := w.highTS + w.tsBy + max(passed, w.frame())
		w.seqBy, w.tsBy = w.high+w.seqBy+1-seq, out-ts
		if w.Mark {
			b[1] |= 0x80 // RFC 3551 §4.1: a talkspurt begins
		}
	}
	w.begun, w.switching, w.stray.seen, w.dropped = true, false, false, 0
	w.in, w.first, w.high, w.highTS = ssrc, seq, seq, ts
	w.at, w.tsAt = now, now
	return w.seqBy
}

// believe reports whether an unannounced stream becomes the source.
func (w *Rewrite) believe(ssrc uint32, seq uint16, now time.Time) bool {
	s := &w.stray
	if !s.seen || s.ssrc != ssrc || s.next != seq {
		*s = stray{since: now, ssrc: ssrc, next: seq + 1, seen: true}
		return false
	}
	s.next++
	return now.Sub(w.at) >= takeover
}

// leaveOut closes the gap of a dropped packet.
func (w *Rewrite) leaveOut(seq uint16) {
	w.drops[w.dropped%dropsKept] = seq
	w.dropped++
	w.seqBy--
}

// droppedAfter returns how many packets after seq were dropped, by which the offset for
// seq was higher; false when that is unknown, or seq itself was dropped.
func (w *Rewrite) droppedAfter(seq uint16) (n uint16, known bool) {
	kept := min(w.dropped, dropsKept)
	for i := range kept {
		switch d := int16(w.drops[i] - seq); {
		case d == 0:
			return 0, false
		case d > 0:
			n++
		}
	}
	return n, w.dropped <= dropsKept || int(n) < dropsKept
}

func (w *Rewrite) ticks(d time.Duration) int64 {
	return int64(d) / 1000 * int64(w.Clock) / 1e6
}

func (w *Rewrite) frame() uint32 {
	if w.step > 0 {
		return w.step
	}
	return max(w.Clock/50, 1)
}

// Timestamp maps a timestamp of the source to the outgoing stream, for sender reports
// that are passed on.
func (w *Rewrite) Timestamp(ts uint32) uint32 { return ts + w.tsBy }

// Offsets is what Apply adds to all packets of SSRC In while nothing changes.
type Offsets struct {
	In, Out   uint32 // SSRC
	Sequence  uint16
	Timestamp uint32
}

// Offsets returns the constant offsets of the current source, for forwarding in the
// kernel; false when the next packet may change them.
func (w *Rewrite) Offsets() (Offsets, bool) {
	return Offsets{In: w.in, Out: w.SSRC, Sequence: w.seqBy, Timestamp: w.tsBy}, w.begun && !w.switching
}

// Series fills in what a series needs to continue from here; false when the next packet
// may change the offsets, or the duration of a packet is unknown.
func (w *Rewrite) Series(s *Series) bool {
	o, ok := w.Offsets()
	s.Offsets, s.Sequence, s.Timestamp, s.At = o, w.high, w.highTS, w.at
	s.Step, s.Clock = w.step, w.Clock
	return ok && w.step > 0 && w.Clock > 0 && w.dropped == 0
}

// Resume sets the last packet that was forwarded elsewhere with Offsets, in the
// source's numbers, so that the following packets continue from it.
func (w *Rewrite) Resume(seq uint16, ts uint32, at time.Time) {
	if !w.begun || int16(seq-w.high) <= 0 {
		return
	}
	w.high, w.at, w.dropped = seq, at, 0
	if ts != w.highTS {
		w.highTS, w.tsAt = ts, at
	}
}
