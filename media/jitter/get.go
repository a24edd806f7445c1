package jitter

import "time"

// Verdict is what there is to play.
type Verdict uint8

const (
	// Empty: nothing is being played; there is no stream, or it is just beginning.
	Empty Verdict = iota
	// Audio: a packet is there.
	Audio
	// Lost: audio was sent and is missing; it should be concealed.
	Lost
	// Silence: no audio was sent; the background noise should continue.
	Silence
	// Repeated: audio was sent and is missing, but the packet after it, which is the
	// item's Payload, contains it as well.
	Repeated
)

// Item is the next stretch of audio.
type Item struct {
	Verdict Verdict
	Kind    Kind   // of Audio: Voice or Quiet
	Payload []byte // for Audio and Repeated; valid until the next Put
	// Span is in units of the clock. For Lost and Silence it is at most what was asked
	// for; for Lost with Last at most twice that, if Config.Bridges is set.
	Span int
	Last bool // for Lost: the audio after it is there, and Get returns it next
}

// Get takes the next piece. now is the time at which it is needed; want is how much is
// needed, in units of the RTP clock.
func (b *Buffer) Get(now time.Duration, want int) Item {
	b.drop(now)
	s, missing := b.head()
	switch {
	case !b.playing:
		if s == nil || now < b.due(s, now) {
			return Item{}
		}
		b.begin(s, now)
	case s == nil:
		return b.dry(now, missing, want)
	case b.quiet, missing == 0 && s.at-b.next > b.slack():
		if now < b.due(s, now) {
			return b.pause(s, want)
		}
		b.begin(s, now)
	case s.at-b.next > b.slack():
		if i, lost := b.gap(s, now, want); lost {
			return i
		}
	}
	return b.take(s, now)
}

// slack is the longest gap that is ignored: 2 ms, since some senders round.
func (b *Buffer) slack() int64 { return b.clock / 500 }

// Target is the delay to keep.
func (b *Buffer) target(now time.Duration) time.Duration {
	d := b.spread.want(now)
	if now < b.repeatTill {
		d += b.media(b.repeat) + spare
	}
	return min(max(d, b.min), b.max)
}

// due returns when a packet should be played.
func (b *Buffer) due(s *slot, now time.Duration) time.Duration {
	return b.spread.base + b.media(s.at) + b.target(now)
}

// delay returns the delay with which the audio at a timestamp would be played now.
func (b *Buffer) delay(at int64, now time.Duration) time.Duration {
	return now - b.spread.base - b.media(at)
}

// begin starts the audio with s, after nothing or after silence.
func (b *Buffer) begin(s *slot, now time.Duration) {
	b.playing, b.ever, b.quiet = true, true, false
	b.waited, b.pending = 0, 0
	b.next, b.heard = s.at, now
	b.level.set(b.delay(s.at, now))
}

// drop discards what would be heard with more than the greatest delay.
func (b *Buffer) drop(now time.Duration) {
	for {
		s, _ := b.head()
		if s == nil || b.delay(s.at, now) <= b.max+max(b.media(int64(s.span)), b.spread.width) {
			return
		}
		after := s.at + int64(s.span)
		b.release(s)
		b.counts.late++
		if b.playing && !b.quiet {
			b.counts.concealed += max(0, after-b.next)
			b.next = max(b.next, after)
			b.waited, b.pending = 0, 0
			b.level.set(b.delay(b.next, now))
		}
	}
}

// release frees a slot whose packet was used, and all before it.
func (b *Buffer) release(s *slot) {
	s.used = false
	b.played = s.seq
}

// dry handles the case that no audio waits to be played.
func (b *Buffer) dry(now time.Duration, missing, want int) Item {
	limit := stopTime
	if b.quiet {
		limit = silenceTime
	}
	if now-b.heard > limit {
		b.playing, b.quiet = false, false
		b.waited, b.pending = 0, 0
		return Item{}
	}
	if b.quiet {
		b.next += int64(want)
		return Item{Verdict: Silence, Span: want}
	}
	b.waited += int64(want)
	if b.newest > b.played && missing == 0 { // the sender sends something else
		b.heard = max(b.heard, b.arrived)
		return Item{Verdict: Silence, Span: want}
	}
	b.pending += int64(want)
	return Item{Verdict: Lost, Span: want}
}

// pause returns the silence before s, when nothing before it is missing.
func (b *Buffer) pause(s *slot, want int) Item {
	b.pending = 0
	b.next += min(int64(want), max(0, s.at-b.next))
	return Item{Verdict: Silence, Span: want}
}

// again returns how much of what is missing before s is contained in it. From now on
// the delay is kept so that the packet after a loss arrives before the lost audio is
// needed.
func (b *Buffer) again(s *slot, now time.Duration) int64 {
	n := int64(0)
	if b.repeats != nil {
		n = int64(b.repeats(s.payload))
	}
	switch {
	case b.bridges:
		b.repeat, b.repeatTill = int64(s.span), now+repeatTime
	case n > 0:
		b.repeat, b.repeatTill = n, now+repeatTime
	}
	return n
}

// gap returns the missing audio before s.
func (b *Buffer) gap(s *slot, now time.Duration, want int) (i Item, lost bool) {
	again := b.again(s, now)
	used := min(b.waited, s.at-b.next)
	b.next += used
	b.waited -= used
	b.counts.concealed += min(used, b.pending)
	b.pending -= min(used, b.pending)
	left := s.at - b.next
	if left <= b.slack() {
		return Item{}, false
	}
	// The delay is too small anyway: the packet may still arrive.
	if b.target(now)-b.delay(b.next, now) > b.media(int64(want))/2 {
		b.waited += int64(want)
		b.pending += int64(want)
		return Item{Verdict: Lost, Span: want}, true
	}
	switch over := left - again; {
	case again == 0 || over < -b.slack(): // part of it was filled already
	case over > b.slack():
		left = over
	default:
		b.next = s.at
		b.counts.repeated += left
		return Item{Verdict: Repeated, Payload: s.payload, Span: int(left)}, true
	}
	n := min(int64(want), left)
	if b.bridges && left <= 2*int64(want) {
		n = left // all of the gap
	}
	b.next += n
	b.counts.concealed += n
	return Item{Verdict: Lost, Span: int(n), Last: b.next == s.at && s.kind == Voice}, true
}

// take plays s.
func (b *Buffer) take(s *slot, now time.Duration) Item {
	d := b.delay(s.at, now)
	if b.waited > 0 { // it was late, and everything after it is played later by as much
		b.counts.concealed += b.pending
		b.waited, b.pending = 0, 0
		b.level.set(d)
	}
	b.level.note(d)
	b.heard = now
	b.next = s.at + int64(s.span)
	b.quiet = s.kind == Quiet
	b.release(s)
	return Item{Verdict: Audio, Kind: s.kind, Payload: s.payload, Span: s.span}
}

// Excess returns by how much the delay is larger than needed; negative when it is too
// small, and 0 when nothing is played.
func (b *Buffer) Excess(now time.Duration) time.Duration {
	if !b.playing || b.quiet || b.waited > 0 {
		return 0
	}
	return b.level.least() - b.target(now)
}

// Shorten reports that audio is played in less time than it lasts (negative: in more),
// so that what follows is needed d earlier.
func (b *Buffer) Shorten(d time.Duration) { b.level.move(-d) }

// counts holds the values for Stats, in packets except concealed.
type counts struct {
	late, duplicate, stray, overflow uint64
	concealed, repeated              int64 // units of the clock
}

// Stats is what a buffer did.
type Stats struct {
	Delay, Target    time.Duration // recent average, and wanted
	Concealed        time.Duration // audio that was Lost
	Repeated         time.Duration // audio that was Repeated
	Late             uint64        // packets whose time had passed
	Duplicate, Stray uint64
	Overflow         uint64 // packets dropped to make room
}

// Stats returns the figures at a moment.
func (b *Buffer) Stats(now time.Duration) Stats {
	return Stats{
		Delay: b.level.mean, Target: b.target(now), Concealed: b.media(b.counts.concealed), Repeated: b.media(b.counts.repeated),
		Late: b.counts.late, Duplicate: b.counts.duplicate, Stray: b.counts.stray, Overflow: b.counts.overflow,
	}
}
