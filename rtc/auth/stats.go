package auth

// Stats counts the decisions since the start.
type Stats struct {
	Challenged uint64 // asked for credentials, since there were none
	Stale      uint64 // asked again, since the nonce was used up or too old
	Accepted   uint64 // identity proved
	Failed     uint64 // wrong credentials
	Blocked    uint64 // not verified because of a back-off
	Mismatched uint64 // the proved user is not the claimed one
	Refused    uint64 // foreign, disabled or malformed
	Trusted    uint64 // over a trusted flow
	Foreign    uint64 // let in from another domain
}

// The counters, in the order of the fields of Stats.
const (
	countedChallenged = iota
	countedStale
	countedAccepted
	countedFailed
	countedBlocked
	countedMismatched
	countedRefused
	countedTrusted
	countedForeign
)

// Stats returns the counters.
func (g *Gate) Stats() Stats {
	b := &g.counts
	return Stats{Challenged: b.Sum(countedChallenged), Stale: b.Sum(countedStale), Accepted: b.Sum(countedAccepted),
		Failed: b.Sum(countedFailed), Blocked: b.Sum(countedBlocked), Mismatched: b.Sum(countedMismatched),
		Refused: b.Sum(countedRefused), Trusted: b.Sum(countedTrusted), Foreign: b.Sum(countedForeign)}
}
