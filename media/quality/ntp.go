package quality

import "time"

// ntpEpoch is 1 January 1900 in Unix seconds.
const ntpEpoch = -2208988800

// ntp is t as RFC 3550 §4 writes it: 32.32 bits of seconds.
func ntp(t time.Time) uint64 {
	s := uint64(t.Unix() - ntpEpoch)
	return s<<32 | uint64(t.Nanosecond())<<32/uint64(time.Second)
}

// heard is a time of theirs that we answer: the middle 32 bits of it, and when
// it came.
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

// sent are the last times of ours that they may answer. A round trip counts
// only from one of them: a far side can neither make it up nor lend us its
// clock.
type sent struct {
	times [8]heard
	next  int
}

func (s *sent) note(now time.Time) {
	s.times[s.next%len(s.times)] = heard{uint32(ntp(now) >> 16), now}
	s.next++
}

// roundTrip is how long our time middle took to come back, less the delay (in
// 1/65536 s) it was kept there (RFC 3550 §6.4.1).
func (s *sent) roundTrip(middle, delay uint32, now time.Time) (time.Duration, bool) {
	if middle == 0 {
		return 0, false
	}
	for _, t := range s.times {
		if t.middle == middle {
			d := now.Sub(t.at) - time.Duration(delay)*time.Second/65536
			// Rounding takes a near one below nothing; more is an error of theirs.
			return max(d, time.Microsecond), d > -5*time.Millisecond && d < time.Minute
		}
	}
	return 0, false
}
