package proxy

import "tandem/rtc/reach"

// Hunt is a search for the one of several servers that can serve a request: they are
// tried one after the other.
type Hunt struct {
	Ways []reach.Way // in the order in which they are tried
	// Next reports whether the next server is tried after a response with this code
	// (300 or more).
	Next func(code int) bool
}

// huntTargets adds the servers of a service of ours.
func (p *Proxy) huntTargets(f *forward, h *Hunt) {
	for i, w := range h.Ways {
		w.Spare, w.Q = i > 0, 0
		f.add(target{Way: w, by: device, hunt: h})
	}
}
