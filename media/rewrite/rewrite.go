// Package rewrite makes one RTP stream of the packets of sources that follow each other.
package rewrite

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
	header      = 12 // of RTP
)

// Drop in a Types table means that packets of a payload type are dropped.
const Drop = 0xff

// Types maps incoming payload types to outgoing ones.
type Types [128]uint8

// Same maps every payload type to itself.
func Same() (t Types) {
	for i := range t {
		t[i] = uint8(i)
	}
	return t
}

// Stream makes one continuous outgoing stream from successive sources: it sets SSRC,
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
type Stream struct {
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

// New makes one that sends with ssrc and keeps payload types.
func New(ssrc uint32) *Stream {
	return &Stream{SSRC: ssrc, Types: Same()}
}

// Switch announces that the next packet comes from a new source (an announcement, the
// converter, the other party after a transfer) with the given clock.
func (w *Stream) Switch(clock uint32) {
	w.Clock = clock
	w.switching = w.begun
}

// Apply rewrites the RTP packet b in place. It returns false when b must not be sent.
// now is when b arrived.
func (w *Stream) Apply(b []byte, now time.Time) bool {
	if len(b) < header || b[0]>>6 != 2 {
		return false
	}
	seq, ts := binary.BigEndian.Uint16(b[2:]), binary.BigEndian.Uint32(b[4:])
	ssrc := binary.BigEndian.Uint32(b[8:])
	pt := w.Types[b[1]&0x7f]
	by := w.seqBy
	ahead := int(int16(seq - w.high))
	switch {
	case !w.begun || w.switching:
		if pt == Drop {
			return false
		}
		by = w.anchor(b, ssrc, seq, ts, now)
	case ssrc != w.in || ahead > maxDropout || ahead < -maxMisorder:
		if pt == Drop || !w.believe(ssrc, seq, now) {
			return false
		}
		by = w.anchor(b, ssrc, seq, ts, now)
	case ahead <= 0:
		// It is late, or a duplicate. A packet older than the source's first one has no
		// position in the outgoing stream.
		after, known := w.droppedAfter(seq)
		if pt == Drop || int16(seq-w.first) < 0 || !known {
			return false
		}
		by += after
	case pt == Drop:
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
func (w *Stream) advance(seq uint16, ts uint32, now time.Time) {
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
func (w *Stream) anchor(b []byte, ssrc uint32, seq uint16, ts uint32, now time.Time) uint16 {
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
func (w *Stream) believe(ssrc uint32, seq uint16, now time.Time) bool {
	s := &w.stray
	if !s.seen || s.ssrc != ssrc || s.next != seq {
		*s = stray{since: now, ssrc: ssrc, next: seq + 1, seen: true}
		return false
	}
	s.next++
	return now.Sub(w.at) >= takeover
}

// leaveOut closes the gap of a dropped packet.
func (w *Stream) leaveOut(seq uint16) {
	w.drops[w.dropped%dropsKept] = seq
	w.dropped++
	w.seqBy--
}

// droppedAfter returns how many packets after seq were dropped, by which the offset for
// seq was higher; false when that is unknown, or seq itself was dropped.
func (w *Stream) droppedAfter(seq uint16) (n uint16, known bool) {
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

func (w *Stream) ticks(d time.Duration) int64 {
	return int64(d) / 1000 * int64(w.Clock) / 1e6
}

func (w *Stream) frame() uint32 {
	if w.step > 0 {
		return w.step
	}
	return max(w.Clock/50, 1)
}

// Timestamp maps a timestamp of the source to the outgoing stream, for sender reports
// that are passed on.
func (w *Stream) Timestamp(ts uint32) uint32 { return ts + w.tsBy }

// Offsets is what Apply adds to all packets of SSRC In while nothing changes.
type Offsets struct {
	In, Out   uint32 // SSRC
	Sequence  uint16
	Timestamp uint32
}

// Offsets returns the constant offsets of the current source, for forwarding in the
// kernel; false when the next packet may change them.
func (w *Stream) Offsets() (Offsets, bool) {
	return Offsets{In: w.in, Out: w.SSRC, Sequence: w.seqBy, Timestamp: w.tsBy}, w.begun && !w.switching
}

// Place is where a stream stands: what is needed to continue it elsewhere.
type Place struct {
	Offsets   Offsets
	Sequence  uint16 // of the last packet, as received, like the next two fields
	Timestamp uint32
	At        time.Time
	Step      uint32 // timestamp units from packet to packet
	Clock     uint32 // Hz
}

// Place returns where the stream stands; false when the next packet may change the
// offsets, or the duration of a packet is unknown.
func (w *Stream) Place() (Place, bool) {
	o, ok := w.Offsets()
	return Place{Offsets: o, Sequence: w.high, Timestamp: w.highTS, At: w.at, Step: w.step, Clock: w.Clock},
		ok && w.step > 0 && w.Clock > 0 && w.dropped == 0
}

// Resume sets the last packet that was forwarded elsewhere with Offsets, in the
// source's numbers, so that the following packets continue from it.
func (w *Stream) Resume(seq uint16, ts uint32, at time.Time) {
	if !w.begun || int16(seq-w.high) <= 0 {
		return
	}
	w.high, w.at, w.dropped = seq, at, 0
	if ts != w.highTS {
		w.highTS, w.tsAt = ts, at
	}
}
