package sound

import "math"

// Align returns what of got lies beside ref: for each block of ref that part of
// got, at most most samples earlier or later, that is most like it. Audio that
// was stretched on its way can so be compared with SNR and Intelligibility; as
// long as ref, silent where got has nothing.
func Align(ref, got []int16, block, most int) []int16 {
	out := make([]int16, len(ref))
	last := 0
	for at := 0; at < len(ref); at += block {
		r := ref[at:min(at+block, len(ref))]
		lag, alike := last, 0.0
		if Level(r) > Quiet { // silence is like anything
			for l := -most; l <= most; l++ {
				if a := likeness(r, got, at+l); a > alike {
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

// likeness of r and got from a place on, that may reach beyond it.
func likeness(r, got []int16, from int) float64 {
	if from < 0 || from+len(r) > len(got) {
		return 0
	}
	var cross, a, b float64
	for i, v := range r {
		x, y := float64(v), float64(got[from+i])
		cross, a, b = cross+x*y, a+x*x, b+y*y
	}
	if a == 0 || b == 0 {
		return 0
	}
	return cross / math.Sqrt(a*b)
}
