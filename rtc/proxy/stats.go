package proxy

import "sync/atomic"

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

type counters struct {
	requests, branches, failovers, cancelled, loops, denied, strays atomic.Uint64
}

// Stats reads the counters.
func (p *Proxy) Stats() Stats {
	c := &p.stats
	return Stats{
		Requests:  c.requests.Load(),
		Branches:  c.branches.Load(),
		Failovers: c.failovers.Load(),
		Cancelled: c.cancelled.Load(),
		Loops:     c.loops.Load(),
		Denied:    c.denied.Load(),
		Strays:    c.strays.Load(),
	}
}
