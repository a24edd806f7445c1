package auth

import "sync/atomic"

// Stats count decisions since start.
type Stats struct {
	Challenged uint64 // asked for credentials, none were there
	Stale      uint64 // asked again for a nonce that was used up or too old
	Accepted   uint64 // identity proved
	Failed     uint64 // wrong credentials
	Blocked    uint64 // not looked at, in a back-off
	Mismatched uint64 // proved to be somebody else than claimed
	Refused    uint64 // foreign, disabled, malformed
	Trusted    uint64 // over a trusted flow
	Foreign    uint64 // let in from other domains
}

// counts are kept several times, for each core to have its own.
type counts struct {
	_                                                                                   [64]byte
	challenged, stale, accepted, failed, blocked, mismatched, refused, trusted, foreign atomic.Uint64
}

// Stats reports the counters.
func (g *Gate) Stats() (s Stats) {
	for i := range g.counts {
		c := &g.counts[i]
		s.Challenged += c.challenged.Load()
		s.Stale += c.stale.Load()
		s.Accepted += c.accepted.Load()
		s.Failed += c.failed.Load()
		s.Blocked += c.blocked.Load()
		s.Mismatched += c.mismatched.Load()
		s.Refused += c.refused.Load()
		s.Trusted += c.trusted.Load()
		s.Foreign += c.foreign.Load()
	}
	return s
}
