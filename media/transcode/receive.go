package transcode

import (
	"time"

	"tandem/media/codec"
	"tandem/media/jitter"
)

// presence is the kind of audio in one step.
type presence uint8

const (
	absent presence = iota // nothing arrives
	quiet                  // the far side announced silence; its noise continues
	voice
)

// receiver turns packets into continuous audio.
type receiver struct {
	in      *Input
	rate    int
	step    int // samples of PCM per step
	clock   int
	buffer  *jitter.Buffer
	decoder codec.Decoder
	mender  codec.Recoverer // the decoder, if it implements it
	bridger codec.Bridger   // likewise
	opus    bool
	errors  uint64
	spoilt  time.Duration // duration of audio that could not be decoded

	decoded []int16 // decoded[at:end] was decoded and not read yet
	at, end int
	gap     int // number of the last samples decoded that fill a loss, when the next packet is there
	stretch stretcher

	comfort  [64]byte // the last comfort noise payload
	comforts int      // its length
	news     bool     // it was just received, or another packet that announces silence
}

// minDelay is what the buffer keeps when packets arrive evenly.
const minDelay = 10 * time.Millisecond

// lasting is the longest audio of one packet, as codec.Decoder has it.
const lasting = 120 * time.Millisecond

func newReceiver(in *Input, rate, step int) (*receiver, error) {
	d, err := in.Format.NewDecoder(rate)
	if err != nil {
		return nil, err
	}
	r := &receiver{in: in, rate: rate, step: step, clock: in.Format.Clock, decoder: d, opus: in.Format.Name == "opus"}
	c := jitter.Config{Clock: r.clock, Min: in.MinDelay, Max: in.MaxDelay, Size: usual - header}
	if c.Min == 0 {
		c.Min = minDelay
	}
	if m, ok := d.(codec.Recoverer); ok {
		r.mender = m
		c.Repeats = func(payload []byte) int { return m.Recovers(payload) * r.clock / rate }
	}
	r.bridger, c.Bridges = d.(codec.Bridger)
	r.buffer = jitter.New(c)
	r.decoded = make([]int16, 3*int(lasting*time.Duration(rate)/time.Second))
	r.stretch.rate = rate
	return r, nil
}

// put gives a packet to the buffer.
func (r *receiver) put(v *packet, at time.Duration) {
	p := jitter.Packet{SSRC: v.ssrc, Seq: v.seq, Time: v.time, Payload: v.payload, Kind: jitter.Other}
	switch {
	case v.kind == r.in.PayloadType:
		n := r.decoder.Samples(v.payload)
		if n == 0 {
			r.errors++
			break
		}
		p.Kind, p.Span = jitter.Voice, n*r.clock/r.rate
		if r.opus && len(v.payload) <= 2 { // RFC 7587 §3.1.3: silence follows
			p.Kind = jitter.Quiet
		}
	case v.kind == r.in.CN && r.in.CN != none:
		p.Kind = jitter.Quiet
	}
	r.buffer.Put(p, at)
}

// read fills pcm with what is heard from now on.
func (r *receiver) read(pcm []int16, now time.Duration) presence {
	state := absent
	if r.end > r.at {
		state = voice
	}
	for range 4 * len(pcm) { // each turn returns at least one sample; the limit is for safety
		short := len(pcm) - (r.end - r.at)
		if short <= 0 {
			break
		}
		got, some := r.more(now, short)
		state = max(state, got)
		if !some {
			break
		}
	}
	n := copy(pcm, r.decoded[r.at:r.end])
	clear(pcm[n:])
	if r.at += n; r.at == r.end {
		r.at, r.end = 0, 0
	}
	return state
}

// more decodes or makes more audio: short samples of it, if nothing else determines the
// length.
func (r *receiver) more(now time.Duration, short int) (state presence, some bool) {
	want := (short*r.clock + r.rate - 1) / r.rate
	item := r.buffer.Get(now, want)
	switch item.Verdict {
	case jitter.Audio:
		return r.decode(&item, now), true
	case jitter.Repeated:
		r.mend(&item)
		return voice, true
	case jitter.Lost, jitter.Silence:
		n := max((item.Span*r.rate+r.clock/2)/r.clock, 1)
		if !item.Last {
			n = min(n, short)
		}
		r.decoder.Conceal(r.room(n)[:n])
		r.end += n
		if item.Verdict == jitter.Silence {
			return quiet, true
		}
		if item.Last && r.bridger != nil && r.gap == 0 {
			r.bridge(n, now+r.length(floor(n-short, r.step)*r.step+r.step))
		}
		return voice, true
	}
	return absent, false
}

// bridge decodes the packet after a loss, which is needed at a given time, before the
// last n samples of the fill are heard, so that both fit each other.
func (r *receiver) bridge(n int, needed time.Duration) {
	r.gap = n
	r.more(needed, r.step)
	r.gap = 0
}

// room returns space for n more samples.
func (r *receiver) room(n int) []int16 {
	if r.end+n > len(r.decoded) {
		r.end = copy(r.decoded, r.decoded[r.at:r.end])
		r.at = 0
	}
	return r.decoded[r.end:]
}

// decode appends the audio of a packet, shortened or lengthened if another delay is
// wanted.
func (r *receiver) decode(item *jitter.Item, now time.Duration) presence {
	n := item.Span * r.rate / r.clock
	if item.Kind == jitter.Quiet {
		r.news = true
		if item.Span == 0 {
			r.comforts = copy(r.comfort[:], item.Payload)
			if r.decoder.Comfort(item.Payload) != nil {
				r.errors++
			}
			return quiet
		}
		r.comforts = 0
	}
	most := int(lasting * time.Duration(r.rate) / time.Second)
	got, err := r.sound(r.room(most)[:most], item.Payload)
	if err != nil {
		r.errors++
		r.spoilt += time.Duration(n) * time.Second / time.Duration(r.rate)
		r.decoder.Conceal(r.room(n)[:n])
		got = n
	}
	r.end += got
	if item.Kind == jitter.Quiet {
		return quiet
	}
	r.fit(got, now)
	return voice
}

// sound decodes a payload, and joins it to the fill before it.
func (r *receiver) sound(pcm []int16, payload []byte) (int, error) {
	if r.gap > 0 {
		return r.bridger.Bridge(r.decoded[r.end-r.gap:r.end], pcm, payload)
	}
	return r.decoder.Decode(pcm, payload)
}

// mend appends the audio of a lost packet, taken from the packet after it.
func (r *receiver) mend(item *jitter.Item) {
	n := r.mender.Recovers(item.Payload)
	pcm := r.room(n)[:n]
	if r.mender.Recover(pcm, item.Payload) != nil {
		r.errors++
		r.spoilt += r.length(n)
		r.decoder.Conceal(pcm)
	}
	r.end += n
}

// fit changes the delay toward the wanted one, after a packet of n samples. Packets are
// needed at the beginnings of steps, so the delay changes only in common divisors of
// both lengths; otherwise decoded audio would only wait.
func (r *receiver) fit(n int, now time.Duration) {
	unit := divisor(n, r.step)
	before := r.end - r.at - r.step // after this step
	whole := floor(before, unit)
	change := before - whole*unit
	excess := r.samples(r.buffer.Excess(now))
	if excess < -r.samples(missed) || excess > unit+r.samples(swing) {
		change += floor(excess, unit) * unit
	}
	if change >= 0 && r.length(change) < least {
		return
	}
	grown := r.stretch.fit(r.decoded[r.at:], r.end-r.at, change, now)
	r.end += grown
	r.buffer.Shorten(r.length((whole - floor(before+grown, unit)) * unit))
}

// floor returns how often unit fits into n.
func floor(n, unit int) int {
	if n < 0 {
		n -= unit - 1
	}
	return n / unit
}

// divisor returns the greatest common divisor.
func divisor(a, b int) int {
	for b > 0 {
		a, b = b, a%b
	}
	return a
}

func (r *receiver) samples(d time.Duration) int {
	return int(d * time.Duration(r.rate) / time.Second)
}

func (r *receiver) length(n int) time.Duration {
	return time.Duration(n) * time.Second / time.Duration(r.rate)
}
