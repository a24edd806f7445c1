package jitter

import "time"

// slots is how many packets are held: 200 ms of even the shortest in use.
const slots = 64

// What counts as a jump of the sequence and not as loss or reordering (RFC 3550
// Appendix A.1).
const (
	maxDropout  = 3000
	maxMisorder = 100
)

// Times after which the buffer resets its view of a stream.
const (
	// maxShift is the largest difference between timestamps and arrivals; beyond it the
	// sender's clock was reset.
	maxShift = 2 * time.Second
	// formerTime is how long packets of a replaced stream are ignored.
	formerTime = 500 * time.Millisecond
	// stopTime without packets ends the audio of a sender that did not announce
	// silence.
	stopTime = time.Second
	// silenceTime ends that of a sender that did.
	silenceTime = time.Minute
	// repeatTime is how long after a loss the delay stays large enough to recover the
	// next loss from the packet after it.
	repeatTime = 10 * time.Second
	// spare is how long before it is needed that packet should arrive.
	spare = 5 * time.Millisecond
)

// Kind says what a packet means to the buffer.
type Kind uint8

const (
	// Voice has audio.
	Voice Kind = iota
	// Quiet announces silence (comfort noise, discontinuous transmission); Span may be
	// 0.
	Quiet
	// Other uses a sequence number and has no audio, like key events.
	Other
)

// Packet is one received packet.
type Packet struct {
	SSRC    uint32
	Seq     uint16
	Time    uint32 // RTP timestamp
	Span    int    // duration of its audio, in units of the RTP clock
	Kind    Kind
	Payload []byte // copied by Put
}

// Fate is the result of Put.
type Fate uint8

const (
	Taken Fate = iota
	Late       // its time had passed
	Duplicate
	Stray // of a replaced stream, or far out of sequence
)

// Config of a buffer.
type Config struct {
	Clock    int           // of RTP, Hz
	Min, Max time.Duration // limits of the delay; 0 = 20 ms and 200 ms
	Size     int           // usual octets of a payload; longer ones are accepted, too
	// Repeats returns how much audio of the previous packet a payload contains, in
	// units of the clock. nil = none ever does.
	Repeats func(payload []byte) int
	// Bridges says that a loss is filled better when the packet after it is known.
	Bridges bool
}

// slot is a place for one packet.
type slot struct {
	used    bool
	kind    Kind
	seq     int64
	at      int64 // timestamp, extended
	span    int
	payload []byte
}

// Buffer is the adaptive jitter buffer of one stream.
type Buffer struct {
	clock    int64
	min, max time.Duration
	repeats  func([]byte) int
	bridges  bool
	ring     [slots]slot
	spread   spread
	counts   counts

	// What was received.
	begun    bool
	ssrc     uint32
	former   uint32 // the previous stream
	switched time.Duration
	newest   int64  // extended sequence number
	number   uint16 // as it came
	seen     uint64 // bit n: newest-n came
	strange  uint16 // a number far out of sequence; if the next one follows it, both are believed
	odd      bool
	latest   int64 // extended timestamp of the newest audio packet
	stamp    uint32
	length   int
	arrived  time.Duration

	// What is played.
	playing bool
	ever    bool          // something was played
	quiet   bool          // the sender said that it is silent
	next    int64         // timestamp to be played next
	played  int64         // last sequence number that was played or given up
	waited  int64         // units that were filled without progress
	pending int64         // part of them that may not be lost
	heard   time.Duration // when audio last was there
	level   level
	// After a loss: the duration of the packet that may recover the next loss, and
	// until when to wait for it.
	repeat     int64
	repeatTill time.Duration
}

// New makes a buffer.
func New(c Config) *Buffer {
	if c.Min <= 0 {
		c.Min = 20 * time.Millisecond
	}
	if c.Max <= 0 {
		c.Max = 200 * time.Millisecond
	}
	c.Max = min(max(c.Max, c.Min), 2*time.Second)
	c.Min = min(c.Min, c.Max)
	b := &Buffer{clock: int64(max(c.Clock, 1)), min: c.Min, max: c.Max, repeats: c.Repeats, bridges: c.Bridges}
	b.spread.width = max(c.Max/(bins-1), time.Millisecond)
	size := max(c.Size, 64)
	slab := make([]byte, slots*size)
	for i := range b.ring {
		b.ring[i].payload = slab[i*size : i*size : (i+1)*size]
	}
	return b
}

// media returns the time of an extended timestamp.
func (b *Buffer) media(at int64) time.Duration {
	s := at / b.clock
	return time.Duration(s)*time.Second + time.Duration(at-s*b.clock)*time.Second/time.Duration(b.clock)
}

// units of the clock in d.
func (b *Buffer) units(d time.Duration) int64 {
	s := int64(d / time.Second)
	return s*b.clock + int64(d%time.Second)*b.clock/int64(time.Second)
}

// Put takes a packet that arrived at a given time.
func (b *Buffer) Put(p Packet, at time.Duration) Fate {
	seq, fate := b.sequence(&p, at)
	if fate != Taken {
		return fate
	}
	if p.Kind == Other {
		if seq > b.played {
			b.store(&p, seq, b.latest)
		}
		return Taken
	}
	stamp := b.latest + int64(int32(p.Time-b.stamp))
	transit := at - b.media(stamp)
	if b.spread.known {
		d := transit - b.spread.base
		inOrder := seq == b.newest
		// The clock was reset, or stood still while nothing was sent.
		if d > maxShift || d < -maxShift || inOrder && d > b.max && !b.holds() {
			stamp = b.onward(at)
			transit = at - b.media(stamp)
		}
	}
	d := b.spread.note(at, transit)
	if seq == b.newest {
		b.latest, b.stamp, b.length, b.arrived = stamp, p.Time, p.Span, at
	}
	if seq <= b.played && !b.playing && !b.ever {
		b.played = seq - 1 // the first packets may come in any order
	}
	over := b.playing && !b.quiet && p.Kind == Voice && stamp+int64(p.Span) <= b.next
	if seq <= b.played || over {
		b.counts.late++
		if b.playing && !b.quiet {
			b.surprise(at, d)
		}
		if seq > b.played { // it is no longer missing, but too late to be used
			p.Kind = Other
			b.store(&p, seq, stamp)
		}
		return Late
	}
	if b.playing && !b.quiet && b.waited > 0 {
		b.surprise(at, d)
	}
	b.store(&p, seq, stamp)
	return Taken
}

// surprise enlarges the delay at once for a packet that was too late, unless no allowed
// delay would have helped.
func (b *Buffer) surprise(at, d time.Duration) {
	if d <= b.max {
		b.spread.surprise(at, d)
	}
}

// sequence extends the sequence number of p and follows the stream. A packet that is
// not Taken needs no further handling.
func (b *Buffer) sequence(p *Packet, at time.Duration) (int64, Fate) {
	if !b.begun {
		b.begun = true
		b.ssrc, b.number, b.newest, b.seen = p.SSRC, p.Seq, 1<<16, 1
		b.played = b.newest - 1
		b.stamp, b.arrived = p.Time, at
		return b.newest, Taken
	}
	if p.SSRC != b.ssrc {
		if p.SSRC == b.former && at-b.switched < formerTime {
			b.counts.stray++
			return 0, Stray
		}
		b.former, b.ssrc, b.switched = b.ssrc, p.SSRC, at
		b.restart(p, at)
		return b.newest, Taken
	}
	step := int64(int16(p.Seq - b.number))
	if step > maxDropout || step < -maxMisorder {
		if !b.odd || p.Seq != b.strange+1 {
			b.odd, b.strange = true, p.Seq
			b.counts.stray++
			return 0, Stray
		}
		b.restart(p, at)
		return b.newest, Taken
	}
	b.odd = false
	seq := b.newest + step
	if step > 0 {
		if step < 64 {
			b.seen = b.seen<<step | 1
		} else {
			b.seen = 1
		}
		b.newest, b.number = seq, p.Seq
		return seq, Taken
	}
	if step > -64 {
		if b.seen>>-step&1 != 0 {
			b.counts.duplicate++
			return 0, Duplicate
		}
		b.seen |= 1 << -step
	}
	return seq, Taken
}

// restart continues the numbering with p.
func (b *Buffer) restart(p *Packet, at time.Duration) {
	b.odd = false
	b.newest++
	b.number = p.Seq
	b.seen = b.seen<<1 | 1
	b.stamp = p.Time - uint32(b.onward(at)-b.latest)
}

// onward returns the extended timestamp of audio that arrives now, as if the sender's
// clock had run evenly, but always after the newest.
func (b *Buffer) onward(at time.Duration) int64 {
	return max(b.units(at-b.spread.base), b.latest+max(int64(b.length), 1))
}

// store puts a packet into its slot. If it is too far ahead the oldest packets make
// room.
func (b *Buffer) store(p *Packet, seq, stamp int64) {
	for b.played < seq-slots {
		b.played++
		s := &b.ring[b.played%slots]
		if s.used && s.seq == b.played {
			s.used = false
			if s.kind != Other {
				b.counts.overflow++
			}
		}
	}
	s := &b.ring[seq%slots]
	if s.used && s.kind != Other && s.seq != seq {
		b.counts.overflow++
	}
	s.used, s.kind, s.seq, s.at, s.span = true, p.Kind, seq, stamp, max(p.Span, 0)
	s.payload = s.payload[:0]
	if p.Kind != Other {
		s.payload = append(s.payload, p.Payload...)
	}
}

// holds reports whether audio is waiting to be played.
func (b *Buffer) holds() bool {
	s, _ := b.head()
	return s != nil
}

// head returns the oldest packet of audio that was not played yet, or nil, and how many
// packets before it are missing.
func (b *Buffer) head() (s *slot, missing int) {
	for seq := max(b.played+1, b.newest-slots+1); seq <= b.newest; seq++ {
		s := &b.ring[seq%slots]
		switch {
		case !s.used || s.seq != seq:
			missing++
		case s.kind != Other:
			return s, missing
		}
	}
	return nil, missing
}
