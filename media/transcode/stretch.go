package transcode

import (
	"math"
	"time"
)

const (
	// least is the smallest excess that is removed.
	least = 3 * time.Millisecond
	// missed is the shortage that is tolerated: half of the rounding of the target.
	missed = time.Millisecond
	// swing is how much more than a step the excess may be: the fastest packet, which
	// defines the delay, varies.
	swing = 5 * time.Millisecond
	// plenty is the excess up to which a quiet moment is awaited; a shortage always
	// waits.
	plenty = 10 * time.Millisecond
	// urgent is a difference that is worth an audible change.
	urgent = 40 * time.Millisecond
	// lag is the longest piece removed or inserted at once: the period of a low voice.
	lag = 15 * time.Millisecond
	// shortest is the shortest piece.
	shortest = 2500 * time.Microsecond
	// overlap of the joined ends.
	overlap = 5 * time.Millisecond
	// rest is the least time between two changes, unless urgent.
	rest = 60 * time.Millisecond
	// hushed is the power below which changes are inaudible: -46 dBFS.
	hushed = 115 * 115
)

// stretcher shortens or lengthens audio by about one period of the voice, so that its
// pitch stays the same.
type stretcher struct {
	rate int
	free time.Duration // when it may change something again
}

// fit removes up to excess samples from pcm[:n], or inserts some when excess is
// negative (pcm has room), and returns by how many the audio grew.
func (s *stretcher) fit(pcm []int16, n, excess int, now time.Duration) int {
	off := time.Duration(max(excess, -excess)) * time.Second / time.Duration(s.rate)
	if now < s.free && off < urgent {
		return 0
	}
	need := 2.0 // impossible to reach
	switch x := pcm[:n]; {
	case power(x) < hushed:
		need = -1
	case off >= urgent:
		need = 0.5
	case off >= plenty, excess < 0:
		need = 0.9
	}
	if need > 1 {
		return 0
	}
	most := s.samples(lag)
	if excess > 0 {
		most = min(most, excess)
	}
	at, likeness := s.period(pcm[:n], most)
	if at == 0 || likeness < need {
		return 0
	}
	s.free = now + rest
	v := s.samples(overlap)
	if excess > 0 {
		join(pcm[:v], pcm[:v], pcm[at:at+v])
		copy(pcm[v:], pcm[at+v:n])
		return -at
	}
	if n+at > len(pcm) {
		return 0
	}
	copy(pcm[at+v:], pcm[v:n])
	bridge(pcm, at, v)
	return at
}

// bridge fills pcm[at:at+v] so that it begins like the previous content and ends like
// pcm[:v]; the two may overlap.
func bridge(pcm []int16, at, v int) {
	for i := v - 1; i >= 0; i-- {
		w := (float32(i) + 0.5) / float32(v)
		pcm[at+i] = int16(float32(pcm[at+i])*(1-w) + float32(pcm[i])*w)
	}
}

// join cross-fades from a to b.
func join(dst, a, b []int16) {
	n := float32(len(dst))
	for i := range dst {
		w := (float32(i) + 0.5) / n
		dst[i] = int16(float32(a[i])*(1-w) + float32(b[i])*w)
	}
}

// period returns the distance up to most at which pcm is most similar to its start; 0
// when there is no room for one.
func (s *stretcher) period(pcm []int16, most int) (at int, likeness float64) {
	v := s.samples(overlap)
	most = min(most, len(pcm)-v)
	hop := s.rate / 8000 // coarse at first, as at 8 kHz
	from := s.samples(shortest)
	for d := from; d <= most; d += hop {
		if l := alike(pcm[:v], pcm[d:d+v], hop); at == 0 || l > likeness {
			at, likeness = d, l
		}
	}
	if hop == 1 || at == 0 {
		return at, likeness
	}
	likeness = -1
	for d := max(at-hop, from); d <= min(at+hop, most); d++ {
		if l := alike(pcm[:v], pcm[d:d+v], 1); l > likeness {
			at, likeness = d, l
		}
	}
	return at, likeness
}

// alike is the correlation of two pieces, using every hop-th sample.
func alike(a, b []int16, hop int) float64 {
	var cross, x, y int64
	for i := 0; i < len(a); i += hop {
		p, q := int64(a[i]), int64(b[i])
		cross, x, y = cross+p*q, x+p*p, y+q*q
	}
	if x == 0 || y == 0 {
		return 0
	}
	return float64(cross) / math.Sqrt(float64(x)*float64(y))
}

func power(pcm []int16) int64 {
	if len(pcm) == 0 {
		return 0
	}
	var sum int64
	for _, v := range pcm {
		sum += int64(v) * int64(v)
	}
	return sum / int64(len(pcm))
}

func (s *stretcher) samples(d time.Duration) int {
	return int(d * time.Duration(s.rate) / time.Second)
}
