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

type counts struct {
	challenged, stale, accepted, failed, blocked, mismatched, refused, trusted, foreign atomic.Uint64
}

// Stats reports the counters.
func (g *Gate) Stats() Stats {
	c := &g.counts
	return Stats{
		Challenged: c.challenged.Load(), Stale: c.stale.Load(), Accepted: c.accepted.Load(),
		Failed: c.failed.Load(), Blocked: c.blocked.Load(), Mismatched: c.mismatched.Load(),
		Refused: c.refused.Load(), Trusted: c.trusted.Load(), Foreign: c.foreign.Load(),
	}
}
