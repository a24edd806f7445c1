package sound

import (
	"sync/atomic"
	"time"
)

const (
	// pieces limits the pushes that a track can hold: 2 s in steps of 10 ms and more.
	pieces = 256
	// slack is by how much sound may come early or late before it is moved. It is more
	// than clocks and workers vary, and less than what anybody notices between two
	// people.
	slack = 40 * time.Millisecond
	// fastest is the highest rate of taps.
	fastest = 48000
)

// piece is what one push added.
type piece struct {
	begin   int64 // its position: samples of the recording since its start
	samples int
	rate    int
	at      time.Duration // when it came, since the start
}

// track is one side of a recording. push runs on the side's goroutine, everything else
// on the writer's.
type track struct {
	rate  int
	start time.Time

	ring     *ring
	queue    [pieces]piece
	head     atomic.Uint64 // pieces ever pushed
	tail     atomic.Uint64 // pieces ever collected
	overflow atomic.Int64  // nanoseconds
	moved    atomic.Int64  // samples

	in       []int16
	convert  *Resampler
	pcm      []int16 // converted, contiguous sound of waiting
	waiting  []piece
	position int64 // samples written
	begun    bool  // a part of the first waiting piece was written
	gap      bool  // silence is being written: what follows goes exactly to its position
}

func newTrack(rate int, start time.Time) *track {
	return &track{rate: rate, start: start, ring: newRing(samplesAt(hot, fastest)), in: make([]int16, 4096)}
}

// push queues sound.
func (t *track) push(pcm []int16, rate int, now time.Time) {
	if len(pcm) == 0 || rate < 1000 || rate > maxRate {
		return
	}
	head := t.head.Load()
	if head-t.tail.Load() == pieces || t.ring.room() < len(pcm) {
		t.overflow.Add(int64(lasting(int64(len(pcm)), rate)))
		return
	}
	t.queue[head%pieces] = piece{samples: len(pcm), rate: rate, at: now.Sub(t.start)}
	t.ring.put(pcm)
	t.head.Store(head + 1)
}

// collect takes what was pushed and converts it to the rate of the recording.
func (t *track) collect() {
	for tail := t.tail.Load(); tail < t.head.Load(); tail++ {
		p := t.queue[tail%pieces]
		if t.convert == nil || t.convert.from != p.rate {
			t.convert = NewResampler(p.rate, t.rate)
		}
		before := len(t.pcm)
		for left := p.samples; left > 0; {
			n := t.ring.take(t.in[:min(left, len(t.in))])
			t.pcm = t.convert.Append(t.pcm, t.in[:n])
			left -= n
		}
		t.tail.Store(tail + 1)
		// Sound is pushed after its last sample has been heard.
		length := lasting(int64(p.samples), p.rate)
		p.begin = int64(samplesAt(max(p.at-length, 0), t.rate))
		p.samples = len(t.pcm) - before
		t.waiting = append(t.waiting, p)
	}
}

// lay writes the next n samples into one channel of a stereo row.
func (t *track) lay(mix []int16, channel, n int) {
	for i := 0; i < n; {
		quiet := int64(n - i)
		if len(t.waiting) > 0 {
			quiet = t.settle()
		}
		if quiet > 0 {
			k := int(min(quiet, int64(n-i)))
			silence(mix, channel, i, i+k)
			t.position += int64(k)
			t.gap = true
			i += k
			continue
		}
		if len(t.waiting) == 0 {
			continue // all of it was cut
		}
		t.begun, t.gap = true, false
		k := min(n-i, t.waiting[0].samples)
		for j, v := range t.pcm[:k] {
			mix[2*(i+j)+channel] = v
		}
		t.position += int64(k)
		t.use(k)
		i += k
	}
}

// settle decides, before a piece, how much silence comes first, or cuts sound that is
// too far behind.
func (t *track) settle() (quiet int64) {
	if t.begun {
		return 0
	}
	off, limit := t.astray(), int64(samplesAt(slack, t.rate))
	switch {
	case off > limit, off > 0 && t.gap:
		return off
	case off < -limit:
		t.drop(-off)
	}
	return 0
}

// astray returns how far behind its position the waiting sound would be written now:
// above 0 there is a gap to fill, below 0 it came too late or too fast. One late piece
// whose followers catch up does not matter, so the piece nearest to its position
// counts.
func (t *track) astray() int64 {
	at, least, most := t.position, int64(1)<<62, int64(-1)<<62
	for _, p := range t.waiting {
		off := p.begin - at
		least, most = min(least, off), max(most, off)
		at += int64(p.samples)
	}
	switch {
	case least > 0:
		return least
	case most < 0:
		return most
	}
	return 0
}

// use removes k samples from the first piece.
func (t *track) use(k int) {
	t.pcm = t.pcm[:copy(t.pcm, t.pcm[k:])]
	if t.waiting[0].samples -= k; t.waiting[0].samples == 0 {
		t.waiting = t.waiting[:copy(t.waiting, t.waiting[1:])]
		t.begun = false
	}
}

// drop cuts samples from the first piece.
func (t *track) drop(samples int64) {
	k := int(min(samples, int64(t.waiting[0].samples)))
	t.moved.Add(int64(k))
	t.use(k)
}

// silence fills a channel from one frame to another.
func silence(mix []int16, channel, from, to int) {
	for i := from; i < to; i++ {
		mix[2*i+channel] = 0
	}
}
