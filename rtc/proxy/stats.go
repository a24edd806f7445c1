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

const stripes = 8

// counters exist several times over, so that cores do not contend for one.
type counters struct {
	requests, branches, failovers, cancelled, loops, denied, strays atomic.Uint64
	_                                                               [72]byte
}

// count is where this core counts: a core is given the same work again and again.
func (p *Proxy) count() *counters {
	w := getWork()
	c := &p.stats[w.stripe]
	w.put()
	return c
}

// Stats reads the counters.
func (p *Proxy) Stats() (s Stats) {
	for i := range p.stats {
		c := &p.stats[i]
		s.Requests += c.requests.Load()
		s.Branches += c.branches.Load()
		s.Failovers += c.failovers.Load()
		s.Cancelled += c.cancelled.Load()
		s.Loops += c.loops.Load()
		s.Denied += c.denied.Load()
		s.Strays += c.strays.Load()
	}
	return s
}
