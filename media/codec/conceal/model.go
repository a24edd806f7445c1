package conceal

import (
	"math"

	"tandem/media/codec/internal/sample"
)

// maxOrder of the all-pole models here: 24 for 48 kHz.
const maxOrder = 24

// model is the short-term spectrum of audio as an all-pole filter: the sample
// is excitation minus the inner product of the predictor and the samples before,
// both oldest first.
type model struct {
	order      int
	predictor  [maxOrder]float32
	reflection [maxOrder]float64
	gain       float64 // power of the excitation over power of the sound, 0 to 1
}

// correlate writes the autocorrelation of pcm, under a Hann window, to r.
func correlate(r []float64, pcm []int16) {
	var w [48 * 40]float32
	if len(pcm) > len(w) {
		pcm = pcm[len(pcm)-len(w):]
	}
	// The window is a rotating pointer: one sine and cosine for all samples.
	step := 2 * math.Pi / float64(len(pcm)+1)
	c, s := math.Cos(step), math.Sin(step)
	x, y := c, s
	for i, v := range pcm {
		w[i] = float32(v) * float32(0.5-0.5*x)
		x, y = x*c-y*s, x*s+y*c
	}
	for k := range r {
		if k >= len(pcm) {
			r[k] = 0
			continue
		}
		r[k] = float64(sample.Dot(w[:len(pcm)-k], w[k:len(pcm)]))
	}
}

// solve fits a model of order len(r)-1 to an autocorrelation, by the recursion
// of Levinson and Durbin.
func (m *model) solve(r []float64) {
	m.order = len(r) - 1
	m.gain = 1
	if r[0] <= 0 {
		m.setReflection(nil)
		return
	}
	// A little white noise under all, and a slight blur of the spectrum, keep
	// the filter well inside the stable.
	power := r[0] * 1.0001
	var a, b [maxOrder]float64
	e := power
	for i := range m.order {
		acc := r[i+1]
		for j := range i {
			acc += a[j] * r[i-j]
		}
		k := -acc / e
		k = min(max(k, -0.998), 0.998)
		b = a
		for j := range i {
			a[j] = b[j] + k*b[i-1-j]
		}
		a[i] = k
		m.reflection[i] = k
		e *= 1 - k*k
	}
	m.setPredictor(a[:m.order])
	m.gain = e / power
}

// leastGain bounds what others may ask for: no background noise can be foretold
// better than by 30 dB, and filters that ring longer lose their level to rounding.
const leastGain = 1e-3

// setReflection makes the model of reflection coefficients, as far as they are
// plausible.
func (m *model) setReflection(k []float64) {
	m.order, m.gain = 0, 1
	var a, b [maxOrder]float64
	for i, v := range k[:min(len(k), maxOrder)] {
		if m.gain*(1-v*v) < leastGain {
			break
		}
		m.order++
		b = a
		for j := range i {
			a[j] = b[j] + v*b[i-1-j]
		}
		a[i] = v
		m.reflection[i] = v
		m.gain *= 1 - v*v
	}
	m.setPredictor(a[:m.order])
}

// setPredictor keeps coefficients, that of the newest sample first.
func (m *model) setPredictor(a []float64) {
	for i, v := range a {
		m.predictor[len(a)-1-i] = float32(v)
	}
}

// synthesize runs excitation in out[order:] through the filter in place;
// out[:order] is the sound just before.
func (m *model) synthesize(out []float32) {
	predictor := m.predictor[:m.order]
	for i := m.order; i < len(out); i++ {
		out[i] -= sample.Dot(predictor, out[i-m.order:i])
	}
}

// residual writes to out what is left of the end of pcm when the filter has
// predicted what it can; pcm is longer than out by at least the order.
func (m *model) residual(out []float32, pcm []int16) {
	for i := range out {
		at := len(pcm) - len(out) + i
		v := float32(pcm[at])
		for j, a := range m.predictor[:m.order] {
			v += a * float32(pcm[at-m.order+j])
		}
		out[i] = v
	}
}
