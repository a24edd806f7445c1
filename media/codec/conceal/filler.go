// Package conceal fills the time for which no audio came: what was lost, and what the
// far side did not send because it was silent. It knows samples alone, no codecs and no
// packets but those of comfort noise.
package conceal

import (
	"math"

	"tandem/media/codec/internal/sample"
)

// Filler fills the gaps of one stream.
//
// Like G.711 Appendix I it repeats the last pitch period, fades out from 10 to 130 ms,
// and overlaps with the first received audio. But it repeats the excitation of an
// all-pole model of the last sound, so that the fill continues without a step and
// without delaying received audio; and it fades into the background noise of the line,
// not into silence.
type Filler struct {
	rate, order int
	past        []int16 // the last 48 ms that were played

	model      model
	excitation []float32 // one pitch period, which is repeated
	at         int
	voiced     float32 // periodic share of the excitation
	unvoiced   float32 // scale of the noise in the rest
	peak       float32 // of the past; the fill does not exceed it
	memory     [maxOrder]float32
	buffer     [maxOrder + slice]float32
	small      [384]float32 // the past at 8 kHz, for the pitch search
	random     random

	gap     []int16 // the last fill, which is filled again when the next audio is known
	filling bool    // something was or is to be filled since the last received audio
	missing int     // samples filled since the last received audio
	quiet   bool    // nothing is lost: the far side announced silence
	began   int     // value of missing when quiet began

	noise      noise
	background background
}

// The times of concealment, in ms.
const (
	pastTime    = 48
	holdTime    = 10  // at full level
	softTime    = 20  // to softLevel, since a lost packet usually ends by then
	endTime     = 130 // until only noise is left, so that a word does not break
	quietTime   = 20  // from sound to noise when the far side falls silent
	overlapTime = 4   // with the first received audio

	softLevel = 0.8
)

// New makes a filler of a stream at 8000, 16000 or 48000 Hz.
func New(rate int) *Filler {
	f := &Filler{rate: rate, order: map[int]int{8000: 12, 16000: 16, 48000: 24}[rate]}
	f.past = make([]int16, pastTime*rate/1000)
	f.excitation = make([]float32, 0, rate*15/1000+16)
	f.background = newBackground(rate)
	f.random, f.noise.random = 1, 2
	return f
}

// Good takes received audio, and joins it to the fill before it.
func (f *Filler) Good(pcm []int16) {
	joined := 0
	switch {
	case f.gap != nil && f.filling && !f.quiet && len(pcm) >= len(f.past)/3:
		f.between(pcm)
	case f.filling:
		joined = f.join(pcm)
	}
	f.gap = nil
	f.background.hear(pcm[joined:])
	f.missing, f.filling, f.quiet = 0, false, false
	f.remember(pcm)
}

// Refill has gap filled again, from both sides, when the next audio is received. It is
// the last that Lost made, and nobody has heard it yet; nil fills nothing again.
func (f *Filler) Refill(gap []int16) { f.gap = gap }

// Missing returns how many samples were filled since the last received audio.
func (f *Filler) Missing() int { return f.missing }

// Quiet reports whether the far side is silent, and nothing lost.
func (f *Filler) Quiet() bool { return f.quiet }

// remember keeps what was played.
func (f *Filler) remember(pcm []int16) {
	if len(pcm) >= len(f.past) {
		copy(f.past, pcm[len(pcm)-len(f.past):])
		return
	}
	copy(f.past, f.past[len(pcm):])
	copy(f.past[len(f.past)-len(pcm):], pcm)
}

// join overlaps the fill with received audio and returns the length.
func (f *Filler) join(pcm []int16) int {
	overlap := min(overlapTime*f.rate/1000, len(pcm))
	for at := 0; at < overlap; {
		n := min(overlap-at, slice)
		for i, v := range f.extend(n) {
			w := (float32(at+i) + 0.5) / float32(overlap)
			pcm[at+i] = sample.Clip(v*(1-w) + float32(pcm[at+i])*w)
		}
		at += n
	}
	return overlap
}

// between fills the gap from both sides: it fades from the continuation of the sound
// before the gap into a backward continuation of the sound after it.
func (f *Filler) between(after []int16) {
	var before [pastTime * 48]int16
	n := copy(before[:], f.past)
	clear(f.past)
	for i, v := range after[:min(len(after), n)] {
		f.past[n-1-i] = v
	}
	f.look()
	size := len(f.gap)
	for at := 0; at < size; {
		k := min(size-at, slice)
		for i, v := range f.repeat(k) {
			w := 1 - (float32(at+i)+0.5)/float32(size)
			s := &f.gap[size-1-at-i]
			*s = sample.Clip(float32(*s)*(1-w) + v*w)
		}
		at += k
	}
	copy(f.past, before[:n])
	copy(f.past[n-min(n, size):], f.gap[size-min(n, size):])
}

// Lost fills pcm.
func (f *Filler) Lost(pcm []int16) {
	if !f.filling {
		f.begin()
	}
	whole := pcm
	for len(pcm) > 0 {
		n := min(len(pcm), slice)
		for i, v := range f.extend(n) {
			pcm[i] = sample.Clip(v)
		}
		pcm = pcm[n:]
	}
	f.remember(whole)
	f.background.pass(len(whole))
}

// Comfort starts a silence of the far side with this noise, until audio is received
// again.
func (f *Filler) Comfort(n *ComfortNoise) {
	if !f.filling {
		f.begin()
	}
	f.noise.set(n)
	f.hush()
}

// Settle starts a silence whose noise the far side did not describe: the sound before
// it is used, which is usually the noise.
func (f *Filler) Settle() {
	if f.quiet {
		return
	}
	if !f.filling {
		f.begin()
		last := f.past[len(f.past)-40*f.rate/1000:]
		// It is never loud: the first packet of a call may start a silence, or a sender
		// may lie.
		if p := meanSquare(last); p < maxBackground {
			f.noise.like(last, f.order)
		}
	}
	f.hush()
}

func (f *Filler) hush() {
	if !f.quiet {
		f.quiet, f.began = true, f.missing
	}
}

// extend returns the next n samples of the fill, at most slice, valid until the next
// call.
func (f *Filler) extend(n int) []float32 {
	if !f.quiet && f.missing+n <= holdTime*f.rate/1000 {
		f.missing += n
		return f.repeat(n)
	}
	noise := f.noise.next(n)
	end := endTime * f.rate / 1000
	if f.quiet {
		end = min(end, f.began+quietTime*f.rate/1000)
	}
	if f.missing >= end {
		f.missing += n
		return noise
	}
	out := f.repeat(n)
	for i := range out {
		g := f.level(f.missing + i)
		out[i] = out[i]*g + noise[i]*(1-g)
	}
	f.missing += n
	return out
}

// level returns the level of the repeated sound after a number of samples.
func (f *Filler) level(missing int) float32 {
	at := float32(missing) * 1000 / float32(f.rate)
	g := softLevel * max(0, endTime-at) / (endTime - softTime)
	if at < softTime {
		g = min(1, 1-(1-softLevel)*(at-holdTime)/(softTime-holdTime))
	}
	if f.quiet {
		g = min(g, max(0, 1-float32(missing-f.began)/float32(quietTime*f.rate/1000)))
	}
	return g
}

// repeat returns the next n samples of the continued sound.
func (f *Filler) repeat(n int) []float32 {
	order := f.model.order
	out := f.buffer[:order+n]
	copy(out, f.memory[maxOrder-order:])
	for i := range n {
		out[order+i] = f.excitation[f.at]*f.voiced + f.random.next()*f.unvoiced
		if f.at++; f.at == len(f.excitation) {
			f.at = 0
		}
	}
	f.model.synthesize(out)
	keep(&f.memory, out[order:])
	out = out[order:]
	for i, v := range out {
		out[i] = min(max(v, -f.peak), f.peak)
	}
	return out
}

// begin prepares the fill at the first loss.
func (f *Filler) begin() {
	f.filling = true
	f.background.sound(&f.noise, f.order)
	f.look()
}

// look analyses the past for what is to be repeated.
func (f *Filler) look() {
	var r [maxOrder + 1]float64
	correlate(r[:f.order+1], f.past[len(f.past)-24*f.rate/1000:])
	f.model.solve(r[:f.order+1])
	lag, likeness := f.pitch()
	f.excitation = f.excitation[:lag]
	f.model.residual(f.excitation, f.past)
	f.at = 0
	power := 0.0
	for _, v := range f.excitation {
		power += float64(v) * float64(v) / float64(lag)
	}
	// Voiced sound is repeated; much of unvoiced sound becomes noise, since the
	// repetition would be heard as a tone.
	f.voiced, f.unvoiced = 1, 0
	if likeness < 0.5 {
		v := max(likeness/0.5, 0.3)
		f.voiced = float32(v)
		f.unvoiced = float32(math.Sqrt(3 * power * (1 - v*v)))
	}
	for i := range maxOrder {
		f.memory[i] = float32(f.past[len(f.past)-maxOrder+i])
	}
	f.peak = 0
	for _, v := range f.past {
		f.peak = max(f.peak, float32(v), -float32(v))
	}
}

// pitch returns the period of the last sound, 5 to 15 ms as in G.711 Appendix I, and
// how similar neighbouring periods are (1: the same).
func (f *Filler) pitch() (lag int, likeness float64) {
	ratio := f.rate / 8000
	for i := range f.small {
		sum := int32(0)
		for _, v := range f.past[i*ratio : (i+1)*ratio] {
			sum += int32(v)
		}
		f.small[i] = float32(sum) / float32(ratio)
	}
	const window, shortest, longest = 120, 40, 120
	lag, likeness = best(f.small[:], window, shortest, longest)
	if ratio == 1 {
		return lag, likeness
	}
	return f.refine(lag*ratio, ratio)
}

// best returns the lag within bounds at which the last window of x is most similar to
// what was before it.
func best(x []float32, window, from, to int) (lag int, likeness float64) {
	tail := x[len(x)-window:]
	power := float64(sample.Dot(tail, tail)) + 1
	lag, likeness = from, -1
	for l := from; l <= to; l++ {
		before := x[len(x)-window-l : len(x)-l]
		cross := float64(sample.Dot(tail, before))
		v := cross / math.Sqrt(power*(float64(sample.Dot(before, before))+1))
		if v > likeness {
			lag, likeness = l, v
		}
	}
	return lag, likeness
}

// refine searches around a lag at the full rate.
func (f *Filler) refine(lag, around int) (int, float64) {
	window := f.rate / 100
	tail := f.past[len(f.past)-window:]
	chosen, likeness := lag, -1.0
	longest := 15 * f.rate / 1000
	for l := max(lag-around, 5*f.rate/1000); l <= min(lag+around, longest); l++ {
		before := f.past[len(f.past)-window-l : len(f.past)-l]
		var cross, a, b int64
		for i, v := range tail {
			w := int64(before[i])
			cross += int64(v) * w
			a += int64(v) * int64(v)
			b += w * w
		}
		if v := float64(cross) / math.Sqrt(float64(a+1)*float64(b+1)); v > likeness {
			chosen, likeness = l, v
		}
	}
	return chosen, likeness
}
