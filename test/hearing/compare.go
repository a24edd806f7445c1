package hearing

import (
	"math"

	"tandem/media/sound"
)

// SNR of got against ref in dB: the power of ref over the power of their
// difference. They have one rate and are aligned (see Lag). +Inf when they are
// the same.
func SNR(ref, got []int16) float64 {
	var signal, noise float64
	for i := range min(len(ref), len(got)) {
		signal += float64(ref[i]) * float64(ref[i])
		d := float64(got[i]) - float64(ref[i])
		noise += d * d
	}
	return 10 * math.Log10(signal/noise)
}

// SegmentalSNR is the mean over 20 ms segments of the SNR of each, held to -10
// to 35 dB, of those segments in which ref is louder than silence (sound.Quiet). It weighs
// soft speech like loud, as the ear does more than SNR.
func SegmentalSNR(ref, got []int16, rate int) float64 {
	size, sum, count := rate/50, 0.0, 0
	for at := 0; at+size <= min(len(ref), len(got)); at += size {
		r, g := ref[at:at+size], got[at:at+size]
		if sound.Level(r) < sound.Quiet {
			continue
		}
		sum += min(max(SNR(r, g), -10), 35)
		count++
	}
	if count == 0 {
		return math.NaN()
	}
	return sum / float64(count)
}

// LogSpectralDistance is how far apart the spectra of ref and got lie, in dB:
// over 32 ms frames in which ref is louder than silence (sound.Quiet), the mean of the root mean
// square difference of their logarithmic power from 100 Hz to upTo. What is more
// than 30 dB below a frame's loudest bin of ref counts as that loud, so that
// silence is not punished for what is masked. It does not care for phase, which concealment cannot get right.
func LogSpectralDistance(ref, got []int16, rate int, upTo float64) float64 {
	n := 1
	for n < rate*32/1000 {
		n *= 2
	}
	first, last := 100*n/rate+1, int(upTo*float64(n)/float64(rate))
	window := hann(n)
	sum, count := 0.0, 0
	for at := 0; at+n <= min(len(ref), len(got)); at += n / 2 {
		if sound.Level(ref[at:at+n]) < sound.Quiet {
			continue
		}
		r, g := powers(ref[at:at+n], got[at:at+n], window, n)
		floor := 0.0
		for _, p := range r[first : last+1] {
			floor = max(floor, p*1e-3)
		}
		d := 0.0
		for i := first; i <= last; i++ {
			x := 10 * math.Log10(max(r[i], floor)/max(g[i], floor))
			d += x * x
		}
		sum += math.Sqrt(d / float64(last-first+1))
		count++
	}
	if count == 0 {
		return math.NaN()
	}
	return sum / float64(count)
}

// hann is the window of that name for size samples, over a period.
func hann(size int) []float64 {
	w := make([]float64, size)
	for i := range w {
		w[i] = 0.5 - 0.5*math.Cos(2*math.Pi*float64(i)/float64(size))
	}
	return w
}

// powers are the powers in each bin of two pieces of sound under a window, filled
// up with silence to n samples, a power of two. One transform serves both: of
// real signals it is symmetric, of imaginary ones antisymmetric.
func powers(r, g []int16, window []float64, n int) (pr, pg []float64) {
	x := make([]complex128, n)
	for i, w := range window {
		x[i] = complex(math.Trunc(float64(r[i])*w), math.Trunc(float64(g[i])*w))
	}
	sound.Transform(x)
	pr, pg = make([]float64, n/2), make([]float64, n/2)
	for i := range pr {
		a, b := x[i], x[(n-i)%n]
		b = complex(real(b), -imag(b))
		sum, difference := (a+b)/2, (a-b)/2
		pr[i] = real(sum)*real(sum) + imag(sum)*imag(sum)
		pg[i] = real(difference)*real(difference) + imag(difference)*imag(difference)
	}
	return pr, pg
}

// Lag is by how many samples, 0 to most, got comes later than ref, and how
// alike the two are then (1: the same but for loudness).
func Lag(ref, got []int16, most int) (lag int, likeness float64) {
	for l := 0; l <= most && l < len(got); l++ {
		n := min(len(ref), len(got)-most)
		if n <= 0 {
			return 0, 0
		}
		var cross, a, b float64
		for i := range n {
			x, y := float64(ref[i]), float64(got[i+l])
			cross, a, b = cross+x*y, a+x*x, b+y*y
		}
		if a == 0 || b == 0 {
			continue
		}
		if v := cross / math.Sqrt(a*b); v > likeness {
			lag, likeness = l, v
		}
	}
	return lag, likeness
}

// Intelligibility of got against ref by the extended short-time objective
// measure (Jensen and Taal, 2016): 1 when nothing was harmed, near 0 for noise.
// It correlates how the levels in fifteen third-octave bands from 150 Hz move
// over 384 ms, in time and across the bands, and skips what is silent in ref.
// It was made for 10 kHz; here the frames have its lengths in time at any rate
// from 8 kHz.
func Intelligibility(ref, got []int16, rate int) float64 {
	r, g := envelopes(ref, got, rate)
	sum, count := 0.0, 0
	for end := intelligibilityFrames; end <= len(r); end++ {
		a, b := normalized(r[end-intelligibilityFrames:end]), normalized(g[end-intelligibilityFrames:end])
		for m := range a {
			for j := range a[m] {
				sum += a[m][j] * b[m][j]
			}
		}
		count += intelligibilityFrames
	}
	if count == 0 {
		return math.NaN()
	}
	return sum / float64(count)
}

const (
	intelligibilityBands  = 15
	intelligibilityFrames = 30
)

type bands [intelligibilityBands]float64

// envelopes are the levels in each band, by frames of 25.6 ms every 12.8 ms that
// are within 40 dB of the loudest of ref.
func envelopes(ref, got []int16, rate int) (r, g []bands) {
	size := rate * 256 / 10000
	n := 1
	for n < 2*size {
		n *= 2
	}
	loudest := math.Inf(-1)
	frames := func(do func(at int)) {
		for at := 0; at+size <= min(len(ref), len(got)); at += size / 2 {
			do(at)
		}
	}
	frames(func(at int) { loudest = max(loudest, sound.Level(ref[at:at+size])) })
	window := hann(size + 1)[1:]
	levels := func(p []float64) (b bands) {
		for j := range b {
			centre := 150 * math.Pow(2, float64(j)/3)
			from := int(math.Round(centre * math.Pow(2, -1./6) * float64(n) / float64(rate)))
			to := int(math.Round(centre * math.Pow(2, 1./6) * float64(n) / float64(rate)))
			for k := from; k < min(to, len(p)); k++ {
				b[j] += p[k]
			}
			b[j] = math.Sqrt(b[j])
		}
		return b
	}
	frames(func(at int) {
		if sound.Level(ref[at:at+size]) > loudest-40 {
			pr, pg := powers(ref[at:at+size], got[at:at+size], window, n)
			r, g = append(r, levels(pr)), append(g, levels(pg))
		}
	})
	return r, g
}

// normalized takes mean and size from each band over time, then from each
// frame over the bands.
func normalized(segment []bands) []bands {
	out := make([]bands, len(segment))
	row := make([]float64, len(segment))
	for j := range intelligibilityBands {
		for m := range segment {
			row[m] = segment[m][j]
		}
		standardize(row)
		for m := range segment {
			out[m][j] = row[m]
		}
	}
	for m := range out {
		standardize(out[m][:])
	}
	return out
}

// standardize makes the mean of x zero and the sum of its squares one.
func standardize(x []float64) {
	mean, square := 0.0, 0.0
	for _, v := range x {
		mean += v / float64(len(x))
	}
	for _, v := range x {
		square += (v - mean) * (v - mean)
	}
	for i := range x {
		x[i] = (x[i] - mean) / math.Sqrt(square+1e-20)
	}
}

// SineSNR is the power of the sine of freq hertz that fits s best over that of
// the rest, in dB; at most 200. Measure codecs with a frequency that shares no
// large divisor with the rate, as the 1004 Hz of telephony: of a tone that repeats
// with their packets they make the same error every time.
func SineSNR(rate int, s []int16, freq float64) float64 {
	var ss, cc, sc, xs, xc, xx float64
	for i, v := range s {
		sin, cos := math.Sincos(2 * math.Pi * freq * float64(i) / float64(rate))
		x := float64(v)
		ss, cc, sc, xs, xc, xx = ss+sin*sin, cc+cos*cos, sc+sin*cos, xs+x*sin, xc+x*cos, xx+x*x
	}
	det := ss*cc - sc*sc
	a, b := (xs*cc-xc*sc)/det, (xc*ss-xs*sc)/det
	fit := a*xs + b*xc
	return 10 * math.Log10(fit/max(xx-fit, fit*1e-20))
}
