package sound

import (
	"math"
	"time"
)

// Step is a part of a cadence: up to three frequencies at once, or silence
// when the first is 0.
type Step struct {
	Freqs  [3]float64 // Hz
	Length time.Duration
}

// Cadence is a row of steps. It starts again at its end when Repeat is set.
type Cadence struct {
	Steps  []Step
	Repeat bool
}

// Source plays c at a rate. level, in dBFS, is that of all frequencies of a step
// together. The source ends after limit; with 0 it ends with the cadence, or never if
// that repeats.
func (c Cadence) Source(rate int, level float64, limit time.Duration) *CadenceSource {
	s := &CadenceSource{cadence: c, rate: rate, level: level, left: math.MaxInt64}
	if limit > 0 {
		s.left = int64(samplesAt(limit, rate))
	}
	s.enter(0)
	return s
}

// CadenceSource is a cadence being played. It is not safe for several
// goroutines.
type CadenceSource struct {
	cadence Cadence
	rate    int
	level   float64
	left    int64 // until the limit
	played  int64

	step     int
	at, size int
	partials [3]partial
	count    int
	over     bool
}

// partial is one sine as a turning vector.
type partial struct{ sin, cos, ds, dc float64 }

// enter begins a step, or ends the cadence.
func (s *CadenceSource) enter(step int) {
	if step >= len(s.cadence.Steps) {
		step = 0
		// Steps that last no time at all must not turn forever.
		if !s.cadence.Repeat || s.cadence.period() < time.Millisecond {
			s.over = true
			return
		}
	}
	v := s.cadence.Steps[step]
	s.step, s.at, s.size, s.count = step, 0, samplesAt(v.Length, s.rate), 0
	for _, f := range v.Freqs {
		if f > 0 {
			s.count++
		}
	}
	amplitude := 32767 * math.Pow(10, s.level/20) / math.Sqrt(float64(max(s.count, 1)))
	n := 0
	for _, f := range v.Freqs {
		if f > 0 {
			ds, dc := math.Sincos(2 * math.Pi * f / float64(s.rate))
			s.partials[n] = partial{0, amplitude, ds, dc}
			n++
		}
	}
	if s.size == 0 {
		s.enter(step + 1)
	}
}

func (c Cadence) period() (d time.Duration) {
	for _, s := range c.Steps {
		d += s.Length
	}
	return d
}

// Read implements Source.
func (s *CadenceSource) Read(pcm []int16) int {
	edge := samplesAt(fade, s.rate)
	whole := s.cadence.Repeat && len(s.cadence.Steps) == 1 // a tone without end has no edges
	for i := range pcm {
		if s.over || s.left == 0 {
			s.over = true
			return i
		}
		v := 0.0
		for k := range s.count {
			p := &s.partials[k]
			v += p.sin
			p.sin, p.cos = p.sin*p.dc+p.cos*p.ds, p.cos*p.dc-p.sin*p.ds
		}
		begun, rest := int64(s.at), int64(s.size-1-s.at)
		if whole {
			begun, rest = s.played, math.MaxInt64
		}
		near := min(begun, rest, s.left-1)
		if near < int64(edge) {
			v *= float64(near) / float64(edge)
		}
		pcm[i] = int16(math.Round(min(max(v, -32768), 32767)))
		s.left--
		s.played++
		if s.at++; s.at == s.size {
			if whole {
				s.at = 0
			} else {
				s.enter(s.step + 1)
			}
		}
	}
	return len(pcm)
}

// Played returns how long the cadence has been played.
func (s *CadenceSource) Played() time.Duration { return lasting(s.played, s.rate) }
