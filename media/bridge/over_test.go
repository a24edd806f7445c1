package bridge

import (
	"math"
	"slices"
	"testing"

	"tandem/media/transcode"
)

// steady says the same for so many samples.
type steady struct {
	value int16
	left  int
}

func (s *steady) Read(pcm []int16) int {
	n := min(s.left, len(pcm))
	s.left -= n
	for i := range pcm[:n] {
		pcm[i] = s.value
	}
	return n
}

// TestLayers: what is over another source is added to it, as loud as a sample can be,
// until it ends; the lower one is as long as without.
func TestLayers(t *testing.T) {
	s := &layers{Source: &steady{30_000, 5}}
	read := func(want ...int16) {
		t.Helper()
		pcm := make([]int16, 2)
		if n := s.Read(pcm); !slices.Equal(pcm[:n], want) {
			t.Errorf("%v, want %v", pcm[:n], want)
		}
	}
	read(30_000, 30_000)
	var top transcode.Source = &steady{3_000, 1}
	s.top.Store(&top)
	read(math.MaxInt16, 30_000)
	if s.top.Load() != nil {
		t.Error("what has ended is still there")
	}
	read(30_000)
}
