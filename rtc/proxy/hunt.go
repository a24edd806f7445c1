package proxy

import "tandem/rtc/reach"

// Hunt is how one of several servers is found that does what a request asks for: they
// are tried one after the other.
type Hunt struct {
	Ways []reach.Way // in the order of trying
	// Next reports whether another one is tried after an answer of 300 or more.
	Next func(code int) bool
}

// huntTargets are the servers of a service of ours.
func (p *Proxy) huntTargets(f *forward, h *Hunt) {
	for i, w := range h.Ways {
		w.Spare, w.Q = i > 0, 0
		f.add(target{Way: w, by: device, hunt: h})
	}
}
