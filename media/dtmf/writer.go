package dtmf

import (
	"slices"
	"time"
)

const (
	// queued bounds the events waiting in a Writer.
	queued = 64
	// ends is how often the last packet is sent (RFC 4733 §2.5.1.4).
	ends = 3
	// pause is the least silence between two keys (ITU-T Q.24).
	pause = 40 * time.Millisecond
	// shortest is the least length of a key that all receivers take.
	shortest = 40 * time.Millisecond
)

// Writer makes the packets of one event: one payload per packet time, of which the last
// three have the E bit and the same duration (RFC 4733 §2.5.1.4).
type Writer struct {
	clock int
	step  uint64 // timestamp units between two packets

	queue [queued]Event
	count int

	code, volume uint8
	total        uint64 // units of the current event, 0 when there is none
	sent         uint64 // units in its packets so far
	start        uint64 // where its present segment begins
	offset       uint32
	repeats      int    // end packets sent
	rest         uint64 // units until the next event may begin
}

// NewWriter makes a writer on a clock with a packet time.
func NewWriter(clock int, ptime time.Duration) *Writer {
	if clock <= 0 {
		clock = 8000
	}
	if ptime <= 0 {
		ptime = 20 * time.Millisecond
	}
	return &Writer{clock: clock, step: max(units(ptime, clock), 1)}
}

func units(d time.Duration, clock int) uint64 {
	return uint64(d) * uint64(clock) / uint64(time.Second)
}

// Start queues an event; false when the queue is full, or e is not a key. An event
// without a duration lasts DefaultDuration; the others at least 40 ms and at most a
// minute.
func (w *Writer) Start(e Event) bool {
	if w.count == queued || e.Code > Flash {
		return false
	}
	if e.Duration <= 0 {
		e.Duration = DefaultDuration
	}
	e.Duration = min(max(e.Duration, shortest), time.Minute)
	w.queue[w.count] = e
	w.count++
	return true
}

// Cut ends the current event as soon as allowed, which Next still has to send, and
// returns the events that have not begun.
func (w *Writer) Cut() []Event {
	rest := slices.Clone(w.queue[:w.count])
	w.count = 0
	w.total = min(w.total, max(w.sent, units(shortest, w.clock)))
	return rest
}

// Busy reports whether an event is being sent or waits. Next may still have nothing to
// send between two events.
func (w *Writer) Busy() bool { return w.total > 0 || w.count > 0 }

// Next writes the next payload, if an event is being sent. first is true for
// an event's first packet (marker bit, new timestamp); all its packets carry
// the timestamp of the first plus Offset. It is called once each ptime; b
// holds at least 4 octets.
func (w *Writer) Next(b []byte) (n int, first bool, ok bool) {
	if w.total == 0 {
		if w.rest > w.step {
			w.rest -= w.step
			return 0, false, false
		}
		w.rest = 0
		if w.count == 0 {
			return 0, false, false
		}
		w.begin()
		first = true
	}
	if w.sent-w.start == longest { // RFC 4733 §2.5.1.3: a new segment, no marker
		w.start = w.sent
	}
	w.sent = min(w.sent+w.step, w.start+longest, w.total)
	w.offset = uint32(w.start)
	last := w.sent == w.total
	writeBlock(b, block{code: w.code, volume: w.volume, end: last, duration: uint16(w.sent - w.start)})
	if last {
		w.repeats++
		if w.repeats == ends {
			w.total = 0
			if spent, need := (ends-1)*w.step, units(pause, w.clock); need > spent {
				w.rest = need - spent
			}
		}
	}
	return size, first, true
}

// Offset returns how far the timestamp of the last packet is after that of its event's
// first packet. It is 0, except in the later segments of a long event (over 8.2 s at
// 8000 Hz, 1.4 s at 48000).
func (w *Writer) Offset() uint32 { return w.offset }

// begin takes the next event from the queue.
func (w *Writer) begin() {
	e := w.queue[0]
	copy(w.queue[:], w.queue[1:w.count])
	w.count--
	w.code, w.volume = e.Code, e.Volume
	w.total = max(units(e.Duration, w.clock), 1)
	w.sent, w.start, w.offset, w.repeats = 0, 0, 0, 0
}
