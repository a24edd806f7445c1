package quality

import "time"

// Silence notices that nothing comes from a side though it should: one-way
// audio. It tells once when it begins and once when it ends.
type Silence struct {
	Limit time.Duration // 0: 3 s

	since    time.Time // of the last packet, or since when some are due
	expected bool
	told     bool
}

const silenceLimit = 3 * time.Second

// Expect says whether something should come from now on. A side on hold, or
// one that has not answered, owes nothing.
func (s *Silence) Expect(on bool, now time.Time) {
	if on != s.expected {
		s.expected, s.since, s.told = on, now, false
	}
}

// Heard notes a packet. When silence was told it ends here: ended is true and
// lasted how long it was.
func (s *Silence) Heard(now time.Time) (lasted time.Duration, ended bool) {
	lasted, ended = now.Sub(s.since), s.told
	s.since, s.told = now, false
	return lasted, ended
}

// Check is called now and then. begun is true once when nothing came for
// Limit, and quiet says for how long nothing came.
func (s *Silence) Check(now time.Time) (quiet time.Duration, begun bool) {
	if !s.expected {
		return 0, false
	}
	limit := s.Limit
	if limit <= 0 {
		limit = silenceLimit
	}
	quiet = now.Sub(s.since)
	if s.told || quiet < limit {
		return quiet, false
	}
	s.told = true
	return quiet, true
}
