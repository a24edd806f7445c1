package sound

import "math"

const (
	lobes  = 20  // of the kernel on each side, at the lower of the two rates
	phases = 256 // places between two samples; what lies between is interpolated
)

// Resampler changes the rate of a stream: a windowed sinc, flat to 0.8
// of the lower rate's band and 70 dB down beyond it.
type Resampler struct {
	from, to int
	half     int         // samples on each side of a place
	kernel   [][]float32 // by phase
	past     []float32   // input not done with
	place    float64     // of the next output in past
}

// NewResampler makes one between two rates.
func NewResampler(from, to int) *Resampler {
	r := &Resampler{from: max(from, 1), to: max(to, 1)}
	if r.from == r.to {
		return r
	}
	scale := min(float64(r.to)/float64(r.from), 1) // of the cutoff, when the rate falls
	r.half = int(math.Ceil(lobes / scale))
	r.kernel = make([][]float32, phases+1)
	for p := range r.kernel {
		h := make([]float32, 2*r.half)
		sum := 0.0
		for k := range h {
			x := float64(k-r.half+1) - float64(p)/phases // from the place to sample k
			v := 0.0
			if u := x / float64(r.half); u > -1 && u < 1 {
				v = 0.42 + 0.5*math.Cos(math.Pi*u) + 0.08*math.Cos(2*math.Pi*u) // Blackman
			}
			if c := math.Pi * x * scale * 0.92; c != 0 {
				v *= math.Sin(c) / c
			}
			h[k] = float32(v)
			sum += v
		}
		for k := range h {
			h[k] /= float32(sum)
		}
		r.kernel[p] = h
	}
	r.past = make([]float32, r.half-1, 4096) // so that the first output stands at the first input
	r.place = float64(r.half - 1)
	return r
}

// Append converts pcm and appends the result to dst. The last few samples wait for
// those that follow; Flush appends them.
func (r *Resampler) Append(dst, pcm []int16) []int16 {
	if r.from == r.to {
		return append(dst, pcm...)
	}
	for _, v := range pcm {
		r.past = append(r.past, float32(v))
	}
	return r.run(dst)
}

// Flush appends the samples that wait, as if silence followed.
func (r *Resampler) Flush(dst []int16) []int16 {
	if r.from == r.to {
		return dst
	}
	for range r.half {
		r.past = append(r.past, 0)
	}
	return r.run(dst)
}

func (r *Resampler) run(dst []int16) []int16 {
	step := float64(r.from) / float64(r.to)
	for {
		at := int(r.place)
		if at+r.half >= len(r.past) {
			break
		}
		between := (r.place - float64(at)) * phases
		p := int(between)
		f := float32(between) - float32(p)
		a, b := r.kernel[p], r.kernel[p+1]
		x := r.past[at-r.half+1:][:2*r.half]
		var sum float32
		for k, v := range x {
			sum += v * (a[k] + f*(b[k]-a[k]))
		}
		dst = append(dst, int16(min(max(math.Round(float64(sum)), -32768), 32767)))
		r.place += step
	}
	if gone := int(r.place) - r.half + 1; gone > 0 {
		gone = min(gone, len(r.past))
		r.past = r.past[:copy(r.past, r.past[gone:])]
		r.place -= float64(gone)
	}
	return dst
}
