package proxy

import "testing"

// Which of several final answers goes up (RFC 3261 §16.7 step 6).
func TestRank(t *testing.T) {
	for _, c := range []struct {
		codes     []int
		cancelled bool
		best      int
	}{
		{[]int{486, 404}, false, 486},
		{[]int{404, 486}, false, 486},
		{[]int{486, 603, 302}, false, 603},
		{[]int{604, 603}, false, 603},
		{[]int{486, 302, 500}, false, 302},
		{[]int{500, 486}, false, 486},
		{[]int{503, 500}, false, 500},
		{[]int{503, 408}, false, 408},
		{[]int{486, 407}, false, 407},
		{[]int{486, 401, 407}, false, 401},
		{[]int{486, 415}, false, 415},
		{[]int{415, 401}, false, 401},
		{[]int{484, 486, 420}, false, 484},
		{[]int{408, 480}, false, 480},
		{[]int{408, 486}, false, 486},
		{[]int{430, 480}, false, 480},
		{[]int{486, 487}, true, 487},
		{[]int{603, 487}, true, 487},
		{[]int{487, 486}, false, 486},
	} {
		f := new(forward)
		if c.cancelled {
			f.close(hungUp)
		}
		best := c.codes[0]
		for _, code := range c.codes[1:] {
			if f.rank(code) < f.rank(best) {
				best = code
			}
		}
		if best != c.best {
			t.Errorf("%v cancelled=%v: %d, want %d", c.codes, c.cancelled, best, c.best)
		}
	}
}
