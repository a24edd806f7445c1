package quality

import "time"

// ntpEpoch is 1 January 1900 in Unix seconds.
const ntpEpoch = -2208988800

// ntp returns t in the format of RFC 3550 §4: 32.32 bits of seconds.
func ntp(t time.Time) uint64 {
	s := uint64(t.Unix() - ntpEpoch)
	return s<<32 | uint64(t.Nanosecond())<<32/uint64(time.Second)
}

// heard is a time of theirs that we answer: its middle 32 bits, and when it arrived.
type heard struct {
	middle uint32
	at     time.Time
}

// since is how long ago, in 1/65536 s.
func (h heard) since(now time.Time) uint32 {
	if h.middle == 0 {
		return 0
	}
	return uint32(max(min(now.Sub(h.at), 18*time.Hour), 0) * 65536 / time.Second)
}

// sent holds our last times, which they may answer. A round trip is only measured from
// one of them: so a far side can neither invent one nor make us use its clock.
type sent struct {
	times [8]heard
	next  int
}

func (s *sent) note(now time.Time) {
	s.times[s.next%len(s.times)] = heard{uint32(ntp(now) >> 16), now}
	s.next++
}

// roundTrip returns how long our time middle took to come back, minus the delay (in
// 1/65536 s) for which they kept it (RFC 3550 §6.4.1).
func (s *sent) roundTrip(middle, delay uint32, now time.Time) (time.Duration, bool) {
	if middle == 0 {
		return 0, false
	}
	for _, t := range s.times {
		if t.middle == middle {
			d := now.Sub(t.at) - time.Duration(delay)*time.Second/65536
			// Rounding can make a short one negative; more than that is their mistake.
			return max(d, time.Microsecond), d > -5*time.Millisecond && d < time.Minute
		}
	}
	return 0, false
}
