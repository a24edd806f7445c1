package relay

import (
	"encoding/binary"
	"time"
)

// How far numbers may move before a stream counts as begun anew
// (RFC 3550 Appendix A.1 names the first two).
const (
	maxDropout  = 3000
	maxMisorder = 100
	maxStretch  = 5 * time.Second       // of timestamps against the clock on the wall
	takeover    = 30 * time.Millisecond // silence of the old stream before an unannounced one is believed
	dropsKept   = 16
)

// DropType in a Types table says that packets of a payload type go nowhere.
const DropType = 0xff

// Types maps payload types coming in to those going out.
type Types [128]uint8

// sameTypes maps every payload type to itself.
func sameTypes() (t Types) {
	for i := range t {
		t[i] = uint8(i)
	}
	return t
}

// Rewrite makes one continuous outgoing stream of whatever sources follow each
// other: it sets SSRC, sequence number, timestamp and payload type of packets
// in place. The first source keeps its numbers. On a change of source the next
// packet follows the last one sent, its timestamp moved by the time that
// passed. Within a source gaps stay gaps and reordered packets keep their
// places; packets dropped by payload type leave no gap.
//
// A change is told by Switch, or seen: another SSRC or a jump of the numbers is
// believed with its second packet in sequence once the old stream was silent
// for 30 ms, so that stray packets do not tear up the stream.
//
// It has no lock: use it by one goroutine at a time.
type Rewrite struct {
	SSRC  uint32 // going out
	Clock uint32 // Hz, of the source now; 0: unknown, timestamps jump by a frame
	Mark  bool   // set the marker on the first packet of a new source (audio)

	begun, switching bool
	in               uint32 // SSRC of the source
	first, high      uint16 // its first and highest sequence number
	highTS, step     uint32 // timestamp with high; ticks from one packet to the next
	at               time.Time
	tsAt             time.Time // when highTS was first seen
	seqBy            uint16    // added to what comes in
	tsBy             uint32
	dropped          int
	stray            stray
	drops            [dropsKept]uint16 // sequence numbers of packets left out, for reordered ones

	Types Types
}

// stray is a stream that may be about to take over.
type stray struct {
	since time.Time
	ssrc  uint32
	next  uint16
	seen  bool
}

// NewRewrite makes one that sends as ssrc and leaves payload types alone.
func NewRewrite(ssrc uint32) *Rewrite {
	return &Rewrite{SSRC: ssrc, Types: sameTypes()}
}

// Switch announces that the next packet is of a new source (an announcement,
// the converter, the other party after a transfer) with the given clock.
func (w *Rewrite) Switch(clock uint32) {
	w.Clock = clock
	w.switching = w.begun
}

// Apply rewrites the RTP packet b in place. False: do not send it. now is when
// it came.
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
		// Late or twice. What is older than the source's first packet has no
		// place among those sent.
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

// advance notes the next packet of the source.
func (w *Rewrite) advance(seq uint16, ts uint32, now time.Time) {
	if ts != w.highTS {
		// An event's packets share one timestamp, so time is counted from its
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
		w.dropped = 0 // nothing so late is mapped any more
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

// believe reports whether an unannounced stream takes over.
func (w *Rewrite) believe(ssrc uint32, seq uint16, now time.Time) bool {
	s := &w.stray
	if !s.seen || s.ssrc != ssrc || s.next != seq {
		*s = stray{since: now, ssrc: ssrc, next: seq + 1, seen: true}
		return false
	}
	s.next++
	return now.Sub(w.at) >= takeover
}

// leaveOut closes the gap a dropped packet would make.
func (w *Rewrite) leaveOut(seq uint16) {
	w.drops[w.dropped%dropsKept] = seq
	w.dropped++
	w.seqBy--
}

// droppedAfter is how many packets above seq were left out, by which the offset
// for seq was higher; false when that is forgotten or seq was itself left out.
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

// Source is the SSRC coming in, false before the first packet.
func (w *Rewrite) Source() (ssrc uint32, ok bool) { return w.in, w.begun }

// Timestamp maps a timestamp of the source to the outgoing stream, for sender
// reports passed on.
func (w *Rewrite) Timestamp(ts uint32) uint32 { return ts + w.tsBy }

// Back maps an extended sequence number of the outgoing stream to the source's
// numbers, for receiver reports passed back. Its cycles are the receiver's.
func (w *Rewrite) Back(extended uint32) uint32 {
	return extended&0xffff0000 | uint32(uint16(extended)-w.seqBy)
}

// Offsets is what Apply adds while nothing changes; all packets of SSRC In.
type Offsets struct {
	In, Out   uint32 // SSRC
	Sequence  uint16
	Timestamp uint32
}

// Offsets tells the constant offsets of the running source, for forwarding in
// the kernel; false when the next packet may change them.
func (w *Rewrite) Offsets() (Offsets, bool) {
	return Offsets{In: w.in, Out: w.SSRC, Sequence: w.seqBy, Timestamp: w.tsBy}, w.begun && !w.switching
}

// Series fills in what a series needs to go on from here; false when the next
// packet may change the offsets, or what a packet lasts is not known.
func (w *Rewrite) Series(s *Series) bool {
	o, ok := w.Offsets()
	s.Offsets, s.Sequence, s.Timestamp, s.At = o, w.high, w.highTS, w.at
	s.Step, s.Clock = w.step, w.Clock
	return ok && w.step > 0 && w.Clock > 0 && w.dropped == 0
}

// Resume tells of the last packet forwarded elsewhere with Offsets, in the
// source's numbers, so that what follows joins on to it.
func (w *Rewrite) Resume(seq uint16, ts uint32, at time.Time) {
	if !w.begun || int16(seq-w.high) <= 0 {
		return
	}
	w.high, w.at, w.dropped = seq, at, 0
	if ts != w.highTS {
		w.highTS, w.tsAt = ts, at
	}
}
