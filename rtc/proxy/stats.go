package proxy

// Stats are counters since start.
type Stats struct {
	Requests  uint64 // forwarded, ACK included
	Branches  uint64 // client transactions begun for them
	Failovers uint64 // branches sent to another address after a failure
	Cancelled uint64 // INVITEs cancelled by the caller
	Loops     uint64 // requests refused 482
	Denied    uint64 // requests refused for relaying
	Strays    uint64 // responses that belong to nothing
}

// What is counted, in the order of Stats.
const (
	countedRequests = iota
	countedBranches
	countedFailovers
	countedCancelled
	countedLoops
	countedDenied
	countedStrays
)

// count counts where this core does: a core is given the same work again and again.
func (p *Proxy) count(kind int) {
	w := getWork()
	p.stats.Row(w.stripe).Add(kind)
	w.put()
}

// Stats reads the counters.
func (p *Proxy) Stats() Stats {
	b := &p.stats
	return Stats{Requests: b.Sum(countedRequests), Branches: b.Sum(countedBranches), Failovers: b.Sum(countedFailovers),
		Cancelled: b.Sum(countedCancelled), Loops: b.Sum(countedLoops), Denied: b.Sum(countedDenied), Strays: b.Sum(countedStrays)}
}
