package jitter

import "time"

// slots is how many packets are held: 200 ms of even the shortest in use.
const slots = 64

// What is taken for a jump of the sequence rather than for loss or reordering
// (RFC 3550 Appendix A.1).
const (
	maxDropout  = 3000
	maxMisorder = 100
)

// Times after which the buffer gives up on a stream as it was.
const (
	// maxShift of timestamps against arrivals; beyond it the sender's clock was
	// set anew.
	maxShift = 2 * time.Second
	// formerTime is how long packets of a stream that was replaced are stragglers.
	formerTime = 500 * time.Millisecond
	// stopTime without packets ends the audio of a sender that did not say it
	// would be silent.
	stopTime = time.Second
	// silenceTime ends that of one which did.
	silenceTime = time.Minute
	// repeatTime is how long after a loss the delay is kept so long that the next
	// one can be taken from the packet after it.
	repeatTime = 10 * time.Second
	// spare is by how much that packet should come before it is needed.
	spare = 5 * time.Millisecond
)

// Kind says what a packet means to the buffer.
type Kind uint8

const (
	// Voice has audio.
	Voice Kind = iota
	// Quiet says that silence follows (comfort noise, discontinuous
	// transmission); Span may be 0.
	Quiet
	// Other uses up a sequence number and has no audio, as key events.
	Other
)

// Packet is one packet as it came.
type Packet struct {
	SSRC    uint32
	Seq     uint16
	Time    uint32 // RTP timestamp
	Span    int    // how long its audio lasts, in units of the RTP clock
	Kind    Kind
	Payload []byte // copied by Put
}

// Fate is what Put did with a packet.
type Fate uint8

const (
	Taken Fate = iota
	Late       // its time was over
	Duplicate
	Stray // of a stream that was replaced, or far out of sequence
)

// Config of a buffer.
type Config struct {
	Clock    int           // of RTP, Hz
	Min, Max time.Duration // of the delay kept; 0: 20 ms and 200 ms
	Size     int           // usual octets of a payload; longer ones are taken too
	// Repeats says how much audio of the packet before it a payload holds, in
	// units of the clock. Nil: none ever does.
	Repeats func(payload []byte) int
	// Bridges says that a loss is filled better with the packet after it in view.
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

	// What came.
	begun    bool
	ssrc     uint32
	former   uint32 // the stream before
	switched time.Duration
	newest   int64  // sequence number, counted on from any
	number   uint16 // as it came
	seen     uint64 // bit n: newest-n came
	strange  uint16 // a number far out of sequence; the next after it is believed
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
	played  int64         // sequence number played or given up last
	waited  int64         // units filled without going on
	pending int64         // of them not known to be loss yet
	heard   time.Duration // when audio last was there
	level   level
	// After a loss: how long the packet is that may make up for the next one, and
	// till when to wait for it.
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

// media is the time of an extended timestamp.
func (b *Buffer) media(at int64) time.Duration {
	s := at / b.clock
	return time.Duration(s)*time.Second + time.Duration(at-s*b.clock)*time.Second/time.Duration(b.clock)
}

// units of the clock in d.
func (b *Buffer) units(d time.Duration) int64 {
	s := int64(d / time.Second)
	return s*b.clock + int64(d%time.Second)*b.clock/int64(time.Second)
}

// Put takes a packet that came at a moment.
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
		// A clock set anew; or one that stood still while nothing was sent.
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
		if seq > b.played { // it is not missing any more, but of no use
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

// surprise has the delay grow at once for a packet that missed its time, unless
// no delay allowed would have helped.
func (b *Buffer) surprise(at, d time.Duration) {
	if d <= b.max {
		b.spread.surprise(at, d)
	}
}

// sequence extends the number of p and follows the stream; what is not Taken
// is done with.
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

// restart lets the numbers of p follow the newest ones.
func (b *Buffer) restart(p *Packet, at time.Duration) {
	b.odd = false
	b.newest++
	b.number = p.Seq
	b.seen = b.seen<<1 | 1
	b.stamp = p.Time - uint32(b.onward(at)-b.latest)
}

// onward is the extended timestamp of audio that came now, if the sender's
// clock had gone on evenly, but in any case after the newest.
func (b *Buffer) onward(at time.Duration) int64 {
	return max(b.units(at-b.spread.base), b.latest+max(int64(b.length), 1))
}

// store puts a packet into its slot. When it is too far ahead the oldest make
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

// head is the oldest packet of audio not played yet, nil if there is none, and
// how many before it did not come.
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
