package conceal

import "math"

// noise makes background noise of a level and a spectrum.
type noise struct {
	model  model
	power  float64 // of the sound, as a mean square
	random random
	past   [maxOrder]float32
	buffer [maxOrder + slice]float32
}

// slice is how many samples of extrapolation are made at a time: 10 ms at 48 kHz.
const slice = 480

// random is a fast generator, good enough for noise.
type random uint32

// next is uniform in ±1.
func (r *random) next() float32 {
	*r = *r*1664525 + 1013904223
	return float32(int32(*r)) / (1 << 31)
}

// silence makes no noise.
func (n *noise) silence() { n.power = 0 }

// like makes noise that sounds like pcm.
func (n *noise) like(pcm []int16, order int) {
	var r [maxOrder + 1]float64
	correlate(r[:order+1], pcm)
	n.model.solve(r[:order+1])
	n.power = meanSquare(pcm)
}

// set makes the noise a packet describes.
func (n *noise) set(c *ComfortNoise) {
	n.model.setReflection(c.Reflection[:c.Order])
	n.power = 32768 * 32768 * math.Pow(10, float64(c.Level)/10)
	if c.Level <= -127 {
		n.power = 0
	}
}

// next gives n samples, at most slice, valid until the next call.
func (n *noise) next(count int) []float32 {
	order := n.model.order
	out := n.buffer[:order+count]
	if n.power == 0 {
		clear(out)
		clear(n.past[:])
		return out[order:]
	}
	copy(out, n.past[maxOrder-order:])
	scale := float32(math.Sqrt(3 * n.power * n.model.gain)) // uniform noise has a third of its peak's power
	for i := range count {
		out[order+i] = n.random.next() * scale
	}
	n.model.synthesize(out)
	keep(&n.past, out[order:])
	return out[order:]
}

// keep remembers the end of what was made, the past of what comes next.
func keep(past *[maxOrder]float32, made []float32) {
	if len(made) >= maxOrder {
		copy(past[:], made[len(made)-maxOrder:])
		return
	}
	copy(past[:], past[len(made):])
	copy(past[maxOrder-len(made):], made)
}
