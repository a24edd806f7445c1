package proxy

// Stats are counters since the start.
type Stats struct {
	Requests  uint64 // forwarded requests, ACK included
	Branches  uint64 // client transactions started for them
	Failovers uint64 // branches sent to another address after a failure
	Cancelled uint64 // INVITEs cancelled by the caller
	Loops     uint64 // requests refused with 482
	Denied    uint64 // requests refused because relaying is not allowed
	Strays    uint64 // responses that match no branch
}

// The counters, in the order of the fields of Stats.
const (
	countedRequests = iota
	countedBranches
	countedFailovers
	countedCancelled
	countedLoops
	countedDenied
	countedStrays
)

// count adds one to a counter. Each core writes its own copy of the counters.
func (p *Proxy) count(kind int) {
	w := getWork()
	p.stats.Row(w.stripe).Add(kind)
	w.put()
}

// Stats returns the counters.
func (p *Proxy) Stats() Stats {
	b := &p.stats
	return Stats{Requests: b.Sum(countedRequests), Branches: b.Sum(countedBranches), Failovers: b.Sum(countedFailovers),
		Cancelled: b.Sum(countedCancelled), Loops: b.Sum(countedLoops), Denied: b.Sum(countedDenied), Strays: b.Sum(countedStrays)}
}
