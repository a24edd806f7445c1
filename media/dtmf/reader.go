package dtmf

import "time"

const (
	// remembered is how many past events and segments a Reader keeps, to tell late and
	// repeated packets from new events. It is enough for ten keys a second, with
	// packets up to a second late.
	remembered = 16
	// restart is how far back a timestamp must be, in seconds, to mean a restart of the
	// sender and not a late packet.
	restart = 5
	// waiting limits the ended events of one packet.
	waiting = 4
	// segments is how many lost segments of a long event are bridged.
	segments = 4
	// patience is the least time without packets that ends an event.
	patience = 60 * time.Millisecond
)

// moment identifies an event or one segment of a long one.
type moment struct {
	timestamp uint32
	code      uint8
}

// Reader turns the telephone-event packets of one direction into Events, each once,
// whatever is repeated, reordered or lost, including packets with the E bit. Codes
// above 16 are not keys and are ignored.
type Reader struct {
	clock int

	at      moment // the current or last event (its last segment)
	open    bool   // its end has not been reported yet
	sure    bool   // its end was received, not assumed
	begun   bool   // at is valid
	before  uint64 // units in the earlier segments of at's event
	longest uint16 // duration of the current segment so far
	volume  uint8
	step    uint16 // the smallest growth of a duration between two packets

	past  [remembered]moment // reported or superseded; a ring
	known int
	next  int

	ended [waiting]Event // ended and not reported yet
	queue int
}

// NewReader makes a reader for events on a clock (8000, 16000, 48000).
func NewReader(clock int) *Reader {
	if clock <= 0 {
		clock = 8000
	}
	return &Reader{clock: clock}
}

// Packet takes one event packet. started is true for the first packet of an event,
// ended once when its end is known (E bit, or a later event). With ended, e is the
// event that ended; with started alone, the one that began (Current returns it, too).
// If a packet ends two events, the next call of Packet or Idle returns the second.
func (r *Reader) Packet(timestamp uint32, payload []byte) (e Event, started, ended bool) {
	// RFC 4733 §2.5.1.5: each of several blocks begins where the previous one ended.
	for ; len(payload) >= size; payload = payload[size:] {
		b := readBlock(payload)
		if b.code <= Flash && r.block(moment{timestamp, b.code}, b) {
			started = true
		}
		timestamp += uint32(b.duration)
	}
	if e, ended = r.tell(); ended {
		return e, started, true
	}
	if started {
		e, _ = r.Current()
	}
	return e, started, false
}

// Idle is called while no event packets come. An event whose end was lost ends when
// none came for 3 packet times (at least 60 ms). since is the time since the last event
// packet.
func (r *Reader) Idle(since time.Duration) (e Event, ended bool) {
	if r.open && since >= max(patience, 3*span(uint64(r.step), r.clock)) {
		r.finish()
	}
	return r.tell()
}

// Missed reports that packets were lost between the last one of an event and something
// else. If its end, which is sent three times, was among them, the other lost packets
// made the event longer. Since that is uncertain, no key grows beyond the usual length
// by it.
func (r *Reader) Missed(packets int) {
	step := r.step
	if step == 0 {
		step = r.longest // only one packet was received
	}
	if !r.open || packets < ends {
		return
	}
	longer := uint64(r.longest) + uint64(packets-ends+1)*uint64(step)
	longer = min(longer, units(DefaultDuration, r.clock), longest)
	r.longest = max(r.longest, uint16(longer))
}

// Current returns the event whose end is awaited, with its duration so far.
func (r *Reader) Current() (Event, bool) {
	if !r.open {
		return Event{}, false
	}
	return r.event(), true
}

// Reset forgets everything, for a sender that began a new stream (another SSRC). An
// unfinished event is lost unless Idle was called before.
func (r *Reader) Reset() { *r = Reader{clock: r.clock} }

// block takes one block that belongs to m and reports whether it began an event.
func (r *Reader) block(m moment, b block) (started bool) {
	if r.known > 0 && r.seen(m) {
		return false
	}
	switch ahead := int32(m.timestamp - r.at.timestamp); {
	case !r.begun:
	case m == r.at:
		r.grow(b)
		return false
	case r.within(m, ahead, b):
		r.grow(b)
		return false
	case r.continues(m, ahead):
		r.remember(r.at)
		if !r.open { // it was given up and reported before
			r.at = m
			return false
		}
		r.before += uint64(ahead)
		r.at, r.longest = m, 0
		r.grow(b)
		return false
	case ahead < 0 && ahead > int32(-restart*r.clock):
		// It is late, and nothing of it came before: there will be no more.
		r.remember(m)
		r.push(Event{Code: b.code, Duration: span(uint64(b.duration), r.clock), Volume: b.volume})
		return false
	}
	r.finish() // RFC 4733 §2.5.2.2: a new event ends the previous one, whose end was lost
	if r.begun {
		r.remember(r.at)
	}
	r.at, r.begun, r.open, r.sure = m, true, true, false
	r.before, r.longest, r.volume, r.step = 0, 0, b.volume, 0
	r.grow(b)
	return true
}

// grow takes the duration of the current event from a packet.
func (r *Reader) grow(b block) {
	if !r.open {
		return // a repeated end
	}
	if b.duration > r.longest {
		if grown := b.duration - r.longest; r.longest > 0 && (r.step == 0 || grown < r.step) {
			r.step = grown
		}
		r.longest = b.duration
	}
	if b.end {
		r.sure = true
		r.finish()
	}
}

// within reports whether m is part of the current event, from a sender that advances
// the timestamp with each packet: a new event cannot begin before the last one of the
// same key has ended, nor be longer at once.
func (r *Reader) within(m moment, ahead int32, b block) bool {
	return m.code == r.at.code && ahead > 0 && ahead <= int32(r.longest) &&
		b.duration >= r.longest && r.longest < longest && (r.open || b.end)
}

// continues reports whether m is the next segment of the current long event (RFC 4733
// §2.5.1.3): it begins where a full one ended.
func (r *Reader) continues(m moment, ahead int32) bool {
	return m.code == r.at.code && ahead > 0 && ahead%longest == 0 && ahead/longest <= segments && !r.sure
}

func (r *Reader) event() Event {
	return Event{Code: r.at.code, Duration: span(r.before+uint64(r.longest), r.clock), Volume: r.volume}
}

// finish ends the current event.
func (r *Reader) finish() {
	if r.open {
		r.open = false
		r.push(r.event())
	}
}

func (r *Reader) push(e Event) {
	if r.queue < waiting {
		r.ended[r.queue] = e
		r.queue++
	}
}

func (r *Reader) tell() (Event, bool) {
	if r.queue == 0 {
		return Event{}, false
	}
	e := r.ended[0]
	r.queue--
	copy(r.ended[:], r.ended[1:])
	return e, true
}

func (r *Reader) remember(m moment) {
	r.past[r.next] = m
	r.next = (r.next + 1) % remembered
	r.known = min(r.known+1, remembered)
}

func (r *Reader) seen(m moment) bool {
	for _, p := range r.past[:r.known] {
		if p == m {
			return true
		}
	}
	return false
}
