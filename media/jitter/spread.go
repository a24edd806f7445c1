package jitter

import "time"

const (
	// bins of the histogram; the last is for all that is longer.
	bins = 101
	// memory is how many packets the histogram remembers: six seconds of 20 ms.
	memory = 300
	// quantile of packets that should arrive in time.
	quantile = 0.98
	// window is half the time over which the fastest packet is remembered.
	window = 5 * time.Second
	// calm is how much of a surprise is forgotten per second.
	calm = 20 * time.Millisecond
)

// spread measures the jitter: how much slower each packet is than the fastest recent
// one. A packet's transit is its arrival minus its media time, so only differences of
// it have a meaning.
type spread struct {
	known  bool
	base   time.Duration // transit of the fastest
	young  time.Duration // of the fastest since the last turn
	turned time.Duration

	width  time.Duration // of a bin
	bin    [bins]float64
	weight float64 // of the next packet; it grows, so that older ones count less
	total  float64
	steady time.Duration // the quantile

	peak   time.Duration // the last surprise
	peaked time.Duration
}

// note takes a packet's transit and returns how much slower than the fastest it is.
func (s *spread) note(at, transit time.Duration) time.Duration {
	switch {
	case !s.known:
		s.known, s.weight = true, 1
		s.base, s.young, s.turned = transit, transit, at
	case transit < s.base:
		// In the first second the fastest packet is not known yet: earlier measurements
		// against a slower one were too small by the difference.
		if s.weight < 1.1 {
			s.shift(int((s.base - transit) / s.width))
		}
		s.base, s.young = transit, transit
	case transit < s.young:
		s.young = transit
	}
	if at-s.turned > window {
		s.base, s.young, s.turned = s.young, transit, at
		s.base = min(s.base, transit)
	}
	d := transit - s.base
	i := min(int(d/s.width), bins-1)
	s.bin[i] += s.weight
	s.total += s.weight
	s.weight *= 1 + 1.0/memory
	if s.weight > 1e9 {
		s.normalize()
	}
	s.steady = s.find(quantile)
	return d
}

func (s *spread) normalize() {
	for i := range s.bin {
		s.bin[i] /= s.weight
	}
	s.total /= s.weight
	s.weight = 1.2 // larger than at the start, which is over
}

// shift moves the histogram n bins up.
func (s *spread) shift(n int) {
	for n = min(n, bins); n > 0; n-- {
		s.bin[bins-1] += s.bin[bins-2]
		copy(s.bin[1:bins-1], s.bin[:bins-2])
		s.bin[0] = 0
	}
}

// find returns the delay within which a share of packets arrived: the upper edge of its
// bin, or 0 for the lowest bin.
func (s *spread) find(share float64) time.Duration {
	rest := s.total * (1 - share)
	for i := bins - 1; i > 0; i-- {
		if rest -= s.bin[i]; rest < 0 {
			return time.Duration(i+1) * s.width
		}
	}
	return 0
}

// surprise reports that a packet slower by d was too late.
func (s *spread) surprise(at, d time.Duration) {
	if d > s.high(at) {
		s.peak, s.peaked = d, at
	}
}

// high returns what is left of the last surprise.
func (s *spread) high(at time.Duration) time.Duration {
	return s.peak - time.Duration(float64(calm)*(at-s.peaked).Seconds())
}

// want returns the delay to keep.
func (s *spread) want(at time.Duration) time.Duration { return max(s.steady, s.high(at)) }

// level is the recent delay: the least of the last packets, since it varies with the
// lengths of packets and steps.
type level struct {
	now, before time.Duration
	count       int
	mean        time.Duration
}

// each is how many packets half of the level's memory is.
const each = 6

func (l *level) set(d time.Duration) { l.now, l.before, l.count, l.mean = d, d, 0, d }

func (l *level) note(d time.Duration) {
	l.mean += (d - l.mean) / 16
	l.now = min(l.now, d)
	if l.count++; l.count == each {
		l.before, l.now, l.count = l.now, d, 0
	}
}

func (l *level) move(d time.Duration) {
	l.now, l.before, l.mean = l.now+d, l.before+d, l.mean+d
}

func (l *level) least() time.Duration { return min(l.now, l.before) }
