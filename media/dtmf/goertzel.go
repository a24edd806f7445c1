package dtmf

import "math"

// sumSquares and sum of the window's taper.
const (
	sum        = window * 0.5
	sumSquares = window * 0.375
)

// goertzel measures one frequency in a window.
type goertzel struct{ sin, cos float64 }

func tuned(freq float64) goertzel {
	s, c := math.Sincos(2 * math.Pi * freq / base)
	return goertzel{s, c}
}

// of returns the amplitude and final phase of the frequency in x; a full-scale sine has
// 1.
func (g goertzel) of(x *[window]float64) complex128 {
	var a, b float64
	twice := 2 * g.cos
	for _, v := range x {
		a, b = v+twice*a-b, a
	}
	return complex((a-b*g.cos)*2/sum, b*g.sin*2/sum)
}

// turned returns how far from freq, in hertz, the frequency of a tone is whose phase
// turned by t between two looks. Its range is ±100 Hz.
func turned(t complex128, freq float64) float64 {
	if t == 0 {
		return math.Inf(1)
	}
	d := math.Atan2(imag(t), real(t)) - 2*math.Pi*freq*hop/base
	d -= 2 * math.Pi * math.Round(d/(2*math.Pi))
	return d / (2 * math.Pi) * base / hop
}

// response returns how much of a tone's amplitude passes the window when the tone is
// off hertz away.
func response(off float64) float64 {
	x := math.Abs(off) * window / base
	if x < 1e-6 {
		return 1
	}
	if math.Abs(x-1) < 1e-6 {
		return 0.5
	}
	return math.Sin(math.Pi*x) / (math.Pi * x * (1 - x*x))
}

func norm(v complex128) float64 { return real(v)*real(v) + imag(v)*imag(v) }

func conj(v complex128) complex128 { return complex(real(v), -imag(v)) }

// decimator lowers the rate by an integer factor and removes what is above 3.6 kHz.
type decimator struct {
	factor int
	taps   []float64
	pcm    []float64 // twice the last samples, so that they lie in a row
	at     int
	count  int
}

func newDecimator(factor int) *decimator {
	n := 24 * factor
	d := &decimator{factor: factor, taps: make([]float64, n), pcm: make([]float64, 2*n)}
	total := 0.0
	for i := range d.taps {
		t := float64(i) - float64(n-1)/2
		x := 2 * math.Pi * 3600 / float64(base*factor) * t
		w := 0.54 - 0.46*math.Cos(2*math.Pi*float64(i)/float64(n-1))
		d.taps[i] = w
		if x != 0 {
			d.taps[i] *= math.Sin(x) / x
		}
		total += d.taps[i]
	}
	for i := range d.taps {
		d.taps[i] /= total
	}
	return d
}

// next takes a sample and gives one whenever factor of them have come.
func (d *decimator) next(x float64) (y float64, ok bool) {
	n := len(d.taps)
	d.pcm[d.at], d.pcm[d.at+n] = x, x
	d.at = (d.at + 1) % n
	if d.count++; d.count < d.factor {
		return 0, false
	}
	d.count = 0
	for i, v := range d.pcm[d.at : d.at+n] {
		y += v * d.taps[i]
	}
	return y, true
}
