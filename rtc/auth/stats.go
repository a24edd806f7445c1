package auth

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

// What is counted, in the order of Stats.
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

// Stats reports the counters.
func (g *Gate) Stats() Stats {
	b := &g.counts
	return Stats{Challenged: b.Sum(countedChallenged), Stale: b.Sum(countedStale), Accepted: b.Sum(countedAccepted),
		Failed: b.Sum(countedFailed), Blocked: b.Sum(countedBlocked), Mismatched: b.Sum(countedMismatched),
		Refused: b.Sum(countedRefused), Trusted: b.Sum(countedTrusted), Foreign: b.Sum(countedForeign)}
}
