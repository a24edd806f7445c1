package transport

import "sync/atomic"

// Stats are counters since the start.
type Stats struct {
	In, Out, Malformed, Dropped, KeepAlives map[Proto]uint64
	Shed                                    uint64 // requests of unknown senders that were dropped unread under overload
	Conns                                   int    // open now
	Refused                                 uint64 // connections over a limit
	Panics                                  uint64 // panics of the handler
}

// counters belong to one loop or protocol; the padding keeps those of different cores
// in different cache lines.
type counters struct {
	in, out, malformed, dropped, keepAlives, shed atomic.Uint64
	_                                             [80]byte
}

// Stats returns the sums of the counters.
func (t *Transport) Stats() Stats {
	s := Stats{In: map[Proto]uint64{}, Out: map[Proto]uint64{}, Malformed: map[Proto]uint64{},
		Dropped: map[Proto]uint64{}, KeepAlives: map[Proto]uint64{}}
	add := func(p Proto, c *counters) {
		s.In[p] += c.in.Load()
		s.Out[p] += c.out.Load()
		s.Malformed[p] += c.malformed.Load()
		s.Dropped[p] += c.dropped.Load()
		s.KeepAlives[p] += c.keepAlives.Load()
		s.Shed += c.shed.Load()
	}
	for _, u := range t.loops {
		add(UDP, &u.count)
	}
	for p := UDP; p < protos; p++ {
		add(p, &t.count[p])
	}
	s.Conns = t.conns.len()
	s.Refused = t.conns.refused.Load()
	s.Panics = t.panics.count.Load()
	return s
}
