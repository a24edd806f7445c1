package process

import (
	"runtime"
	"testing"
)

// A server on one core has a processor to spare, unless it was told how many it has.
func TestSpareProcessor(t *testing.T) {
	before := runtime.GOMAXPROCS(0)
	defer runtime.GOMAXPROCS(before)
	for _, c := range []struct {
		env        string
		have, want int
	}{{"", 1, 2}, {"1", 1, 1}, {"", 3, 3}} {
		t.Setenv("GOMAXPROCS", c.env)
		runtime.GOMAXPROCS(c.have)
		SpareProcessor()
		if n := runtime.GOMAXPROCS(0); n != c.want {
			t.Errorf("of %d there are %d with GOMAXPROCS=%q, want %d", c.have, n, c.env, c.want)
		}
	}
}
