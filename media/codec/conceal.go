package codec

import "math"

// concealer fills the time for which no audio came.
//
// Like G.711 Appendix I it repeats the last pitch period, fades out from 10 to 130 ms,
// and overlaps with the first received audio. But it repeats the excitation of an
// all-pole model of the last sound, so that the fill continues without a step and
// without delaying received audio; and it fades into the background noise of the line,
// not into silence.
type concealer struct {
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

func newConcealer(rate int) *concealer {
	c := &concealer{rate: rate, order: map[int]int{8000: 12, 16000: 16, 48000: 24}[rate]}
	c.past = make([]int16, pastTime*rate/1000)
	c.excitation = make([]float32, 0, rate*15/1000+16)
	c.background = newBackground(rate)
	c.random, c.noise.random = 1, 2
	return c
}

// good takes received audio, and joins it to the fill before it.
func (c *concealer) good(pcm []int16) {
	joined := 0
	switch {
	case c.gap != nil && c.filling && !c.quiet && len(pcm) >= len(c.past)/3:
		c.between(pcm)
	case c.filling:
		joined = c.join(pcm)
	}
	c.gap = nil
	c.background.hear(pcm[joined:])
	c.missing, c.filling, c.quiet = 0, false, false
	c.remember(pcm)
}

// remember keeps what was played.
func (c *concealer) remember(pcm []int16) {
	if len(pcm) >= len(c.past) {
		copy(c.past, pcm[len(pcm)-len(c.past):])
		return
	}
	copy(c.past, c.past[len(pcm):])
	copy(c.past[len(c.past)-len(pcm):], pcm)
}

// join overlaps the fill with received audio and returns the length.
func (c *concealer) join(pcm []int16) int {
	overlap := min(overlapTime*c.rate/1000, len(pcm))
	for at := 0; at < overlap; {
		n := min(overlap-at, slice)
		for i, v := range c.extend(n) {
			w := (float32(at+i) + 0.5) / float32(overlap)
			pcm[at+i] = clip(v*(1-w) + float32(pcm[at+i])*w)
		}
		at += n
	}
	return overlap
}

// between fills the gap from both sides: it fades from the continuation of the sound
// before the gap into a backward continuation of the sound after it.
func (c *concealer) between(after []int16) {
	var before [pastTime * 48]int16
	n := copy(before[:], c.past)
	clear(c.past)
	for i, v := range after[:min(len(after), n)] {
		c.past[n-1-i] = v
	}
	c.look()
	size := len(c.gap)
	for at := 0; at < size; {
		k := min(size-at, slice)
		for i, v := range c.repeat(k) {
			w := 1 - (float32(at+i)+0.5)/float32(size)
			s := &c.gap[size-1-at-i]
			*s = clip(float32(*s)*(1-w) + v*w)
		}
		at += k
	}
	copy(c.past, before[:n])
	copy(c.past[n-min(n, size):], c.gap[size-min(n, size):])
}

// lost fills pcm.
func (c *concealer) lost(pcm []int16) {
	if !c.filling {
		c.begin()
	}
	whole := pcm
	for len(pcm) > 0 {
		n := min(len(pcm), slice)
		for i, v := range c.extend(n) {
			pcm[i] = clip(v)
		}
		pcm = pcm[n:]
	}
	c.remember(whole)
	c.background.pass(len(whole))
}

// comfort starts a silence of the far side with this noise, until audio is received
// again.
func (c *concealer) comfort(n *ComfortNoise) {
	if !c.filling {
		c.begin()
	}
	c.noise.set(n)
	c.hush()
}

// settle starts a silence whose noise the far side did not describe: the sound before
// it is used, which is usually the noise.
func (c *concealer) settle() {
	if c.quiet {
		return
	}
	if !c.filling {
		c.begin()
		last := c.past[len(c.past)-40*c.rate/1000:]
		// It is never loud: the first packet of a call may start a silence, or a sender
		// may lie.
		if p := meanSquare(last); p < maxBackground {
			c.noise.like(last, c.order)
		}
	}
	c.hush()
}

func (c *concealer) hush() {
	if !c.quiet {
		c.quiet, c.began = true, c.missing
	}
}

// extend returns the next n samples of the fill, at most slice, valid until the next
// call.
func (c *concealer) extend(n int) []float32 {
	if !c.quiet && c.missing+n <= holdTime*c.rate/1000 {
		c.missing += n
		return c.repeat(n)
	}
	noise := c.noise.next(n)
	end := endTime * c.rate / 1000
	if c.quiet {
		end = min(end, c.began+quietTime*c.rate/1000)
	}
	if c.missing >= end {
		c.missing += n
		return noise
	}
	out := c.repeat(n)
	for i := range out {
		g := c.level(c.missing + i)
		out[i] = out[i]*g + noise[i]*(1-g)
	}
	c.missing += n
	return out
}

// level returns the level of the repeated sound after a number of samples.
func (c *concealer) level(missing int) float32 {
	at := float32(missing) * 1000 / float32(c.rate)
	g := softLevel * max(0, endTime-at) / (endTime - softTime)
	if at < softTime {
		g = min(1, 1-(1-softLevel)*(at-holdTime)/(softTime-holdTime))
	}
	if c.quiet {
		g = min(g, max(0, 1-float32(missing-c.began)/float32(quietTime*c.rate/1000)))
	}
	return g
}

// repeat returns the next n samples of the continued sound.
func (c *concealer) repeat(n int) []float32 {
	order := c.model.order
	out := c.buffer[:order+n]
	copy(out, c.memory[maxOrder-order:])
	for i := range n {
		out[order+i] = c.excitation[c.at]*c.voiced + c.random.next()*c.unvoiced
		if c.at++; c.at == len(c.excitation) {
			c.at = 0
		}
	}
	c.model.synthesize(out)
	keep(&c.memory, out[order:])
	out = out[order:]
	for i, v := range out {
		out[i] = min(max(v, -c.peak), c.peak)
	}
	return out
}

// begin prepares the fill at the first loss.
func (c *concealer) begin() {
	c.filling = true
	c.background.sound(&c.noise, c.order)
	c.look()
}

// look analyses the past for what is to be repeated.
func (c *concealer) look() {
	var r [maxOrder + 1]float64
	correlate(r[:c.order+1], c.past[len(c.past)-24*c.rate/1000:])
	c.model.solve(r[:c.order+1])
	lag, likeness := c.pitch()
	c.excitation = c.excitation[:lag]
	c.model.residual(c.excitation, c.past)
	c.at = 0
	power := 0.0
	for _, v := range c.excitation {
		power += float64(v) * float64(v) / float64(lag)
	}
	// Voiced sound is repeated; much of unvoiced sound becomes noise, since the
	// repetition would be heard as a tone.
	c.voiced, c.unvoiced = 1, 0
	if likeness < 0.5 {
		v := max(likeness/0.5, 0.3)
		c.voiced = float32(v)
		c.unvoiced = float32(math.Sqrt(3 * power * (1 - v*v)))
	}
	for i := range maxOrder {
		c.memory[i] = float32(c.past[len(c.past)-maxOrder+i])
	}
	c.peak = 0
	for _, v := range c.past {
		c.peak = max(c.peak, float32(v), -float32(v))
	}
}

// pitch returns the period of the last sound, 5 to 15 ms as in G.711 Appendix I, and
// how similar neighbouring periods are (1: the same).
func (c *concealer) pitch() (lag int, likeness float64) {
	ratio := c.rate / 8000
	for i := range c.small {
		sum := int32(0)
		for _, v := range c.past[i*ratio : (i+1)*ratio] {
			sum += int32(v)
		}
		c.small[i] = float32(sum) / float32(ratio)
	}
	const window, shortest, longest = 120, 40, 120
	lag, likeness = best(c.small[:], window, shortest, longest)
	if ratio == 1 {
		return lag, likeness
	}
	return c.refine(lag*ratio, ratio)
}

// best returns the lag within bounds at which the last window of x is most similar to
// what was before it.
func best(x []float32, window, from, to int) (lag int, likeness float64) {
	tail := x[len(x)-window:]
	power := float64(dot(tail, tail)) + 1
	lag, likeness = from, -1
	for l := from; l <= to; l++ {
		before := x[len(x)-window-l : len(x)-l]
		cross := float64(dot(tail, before))
		v := cross / math.Sqrt(power*(float64(dot(before, before))+1))
		if v > likeness {
			lag, likeness = l, v
		}
	}
	return lag, likeness
}

// refine searches around a lag at the full rate.
func (c *concealer) refine(lag, around int) (int, float64) {
	window := c.rate / 100
	tail := c.past[len(c.past)-window:]
	chosen, likeness := lag, -1.0
	longest := 15 * c.rate / 1000
	for l := max(lag-around, 5*c.rate/1000); l <= min(lag+around, longest); l++ {
		before := c.past[len(c.past)-window-l : len(c.past)-l]
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
