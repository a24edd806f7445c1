// Package resample changes the rate of audio while it streams.
package resample

import (
	"fmt"
	"math"
	"time"

	"tandem/media/codec/internal/sample"
)

const (
	// phaseTaps is the length of the filter in samples at the lower rate: 32
	// give 76 dB against images when the passband ends at 0.425 of that rate.
	phaseTaps = 32
	// kaiserBeta of the window, for 76 dB.
	kaiserBeta = 7.4
	// maxTaps bounds the table: the odd ratios of 11.025 kHz and its multiples
	// to ours stay below it.
	maxTaps = 1 << 18
)

// Resampler changes the rate of a stream by a polyphase FIR.
//
// The passband is flat to 0.425 of the lower rate (3.4 kHz of 8), images are
// below -70 dB, and the delay is 16 samples of the lower rate.
type Resampler struct {
	from, to int
	up, down int         // to/from in lowest terms
	taps     int         // of one phase
	phases   [][]float32 // one row of taps, newest sample last, for each phase
	past     []float32   // taps-1 samples of before, then room for a block
	phase    int         // of the next output, in units of 1/up input samples; may exceed up
}

// block is how many input samples are filtered at a time.
const block = 480

// New makes one between 8000, 16000 and 48000 Hz (in either direction). Other
// rates, such as those of WAV files, work, too. It panics at a rate that is not
// positive, or a ratio that needs too large a table.
func New(from, to int) *Resampler {
	if from <= 0 || to <= 0 {
		panic(fmt.Sprintf("resample: from %d to %d Hz", from, to))
	}
	g := gcd(from, to)
	r := &Resampler{from: from, to: to, up: to / g, down: from / g}
	if from == to {
		return r
	}
	r.taps = phaseTaps
	if r.down > r.up { // the filter is as long as its lower rate's samples are
		r.taps = (phaseTaps*r.down + r.up - 1) / r.up
	}
	if r.taps*r.up > maxTaps {
		panic(fmt.Sprintf("resample: from %d to %d Hz", from, to))
	}
	r.design()
	r.past = make([]float32, r.taps-1+block)
	return r
}

// design cuts a Kaiser-windowed low-pass into phases.
func (r *Resampler) design() {
	high := float64(max(r.up, r.down)) // of the lower rate, where the filter runs
	length := r.taps * r.up
	centre := float64(phaseTaps) / 2 * high
	h := make([]float64, length)
	for i := range h {
		t := (float64(i) - centre) / high // in samples of the lower rate
		x := t / (phaseTaps / 2)
		if x <= -1 || x >= 1 {
			continue
		}
		s := 1.0
		if t != 0 {
			s = math.Sin(math.Pi*t) / (math.Pi * t)
		}
		h[i] = s * bessel(kaiserBeta*math.Sqrt(1-x*x)) / bessel(kaiserBeta)
	}
	r.phases = make([][]float32, r.up)
	for p := range r.phases {
		row := make([]float32, r.taps)
		sum := 0.0
		for k := range r.taps {
			sum += h[p+k*r.up]
		}
		for k := range r.taps { // every phase passes DC alike, so none is heard as a tone
			row[r.taps-1-k] = float32(h[p+k*r.up] / sum)
		}
		r.phases[p] = row
	}
}

// bessel is the modified Bessel function of order zero.
func bessel(x float64) float64 {
	sum, term := 1.0, 1.0
	for k := 1.0; term > 1e-12*sum; k++ {
		term *= (x / 2 / k) * (x / 2 / k)
		sum += term
	}
	return sum
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// Delay is how much later the audio comes out than it went in.
func (r *Resampler) Delay() time.Duration {
	if r.from == r.to {
		return 0
	}
	return phaseTaps / 2 * time.Second / time.Duration(min(r.from, r.to))
}

// Count is how many samples Process will make of the next n.
func (r *Resampler) Count(n int) int {
	if r.from == r.to {
		return n
	}
	left := n*r.up - r.phase
	if left <= 0 {
		return 0
	}
	return (left + r.down - 1) / r.down
}

// Process writes the resampled in to out and returns how many samples: exactly
// len(in)·to/from if that has always been an integer. It panics when out is shorter
// than Count(len(in)).
func (r *Resampler) Process(out, in []int16) int {
	if r.from == r.to {
		return copy(out[:len(in)], in)
	}
	n := 0
	for len(in) > 0 {
		size := min(len(in), block)
		n += r.filter(out[n:], in[:size])
		in = in[size:]
	}
	return n
}

// filter does one block.
func (r *Resampler) filter(out, in []int16) int {
	past := r.past[r.taps-1:]
	for i, v := range in {
		past[i] = float32(v)
	}
	n := 0
	for end := len(in) * r.up; r.phase < end; r.phase += r.down {
		at, p := r.phase/r.up, r.phase%r.up
		out[n] = sample.Clip(sample.Dot(r.phases[p], r.past[at:at+r.taps]))
		n++
	}
	r.phase -= len(in) * r.up
	copy(r.past, r.past[len(in):len(in)+r.taps-1])
	return n
}
