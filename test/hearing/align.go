package hearing

import (
	"math"

	"tandem/media/sound"
)

// Align returns what of got lies beside ref: for each block of ref that part of
// got that is most like it, at most most samples earlier or later than the
// block before would have it. Audio that
// was stretched on its way can so be compared with SNR and Intelligibility; as
// long as ref, silent where got has nothing.
func Align(ref, got []int16, block, most int) []int16 {
	out := make([]int16, len(ref))
	last := 0
	for at := 0; at < len(ref); at += block {
		r := ref[at:min(at+block, len(ref))]
		lag, alike := last, 0.0
		if sound.Level(r) > sound.Quiet { // silence is like anything
			const coarse = 2 // first every other place by every other sample, then those around the best
			for l := last - most; l <= last+most; l += coarse {
				if a := likeness(r, got, at+l, coarse); a > alike {
					lag, alike = l, a
				}
			}
			alike = 0
			for l, best := lag-coarse, lag; l <= best+coarse; l++ {
				if a := likeness(r, got, at+l, 1); a > alike {
					lag, alike = l, a
				}
			}
		}
		last = lag
		for i := range r {
			if k := at + lag + i; k >= 0 && k < len(got) {
				out[at+i] = got[k]
			}
		}
	}
	return out
}

// likeness of r and got from a place on, by one in step samples; 0 where got
// has not all of it.
func likeness(r, got []int16, from, step int) float64 {
	if from < 0 || from+len(r) > len(got) {
		return 0
	}
	var cross, a, b float64
	for i := 0; i < len(r); i += step {
		x, y := float64(r[i]), float64(got[from+i])
		cross, a, b = cross+x*y, a+x*x, b+y*y
	}
	if a == 0 || b == 0 {
		return 0
	}
	return cross / math.Sqrt(a*b)
}
