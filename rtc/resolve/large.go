package resolve

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"tandem/rtc/transport"
)

// largest request that goes by UDP without a thought: 200 octets below an
// Ethernet's 1,500, which is the path MTU assumed when none is known.
const largest = 1300

// Patience is how long TCP has to connect before the same request goes to the same
// place by UDP (as RFC 8305 §5 has it for address families); PatienceStep is how
// often to look.
const (
	Patience     = 200 * time.Millisecond
	PatienceStep = 20 * time.Millisecond
)

// Large returns the candidates for a request of size octets. A large one is tried
// by TCP before UDP at each place, and by UDP when TCP does not connect there (RFC
// 3261 §18.1.1), but where the URI names the transport (RFC 3263 §4.1). The order
// is the other way round where UDP carried the last large request, and a place that
// failed lately stands behind. For others it returns cands itself.
func (r *Resolver) Large(cands []Candidate, size int) []Candidate {
	if size <= largest {
		return cands
	}
	out := make([]Candidate, 0, 2*len(cands))
	for _, c := range cands {
		if c.Target.Proto != transport.UDP || c.Explicit || !r.can(transport.TCP) {
			out = append(out, c)
			continue
		}
		c.large = true
		tcp := Candidate{Target: transport.Target{Proto: transport.TCP, Addr: c.Target.Addr}, Race: true, large: true}
		if r.byUDP.has(c.Target.Addr) {
			tcp.Race = false
			out = append(out, c, tcp)
		} else {
			out = append(out, tcp, c)
		}
	}
	return r.failed.order(out)
}

// habits are the places that large requests reach by UDP.
type habits struct {
	count atomic.Int32 // nearly always there is none
	mu    sync.Mutex
	m     map[netip.AddrPort]bool
}

func (h *habits) has(a netip.AddrPort) bool {
	if h.count.Load() == 0 {
		return false
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.m[a]
}

// note keeps by what transport a large request reached a place.
func (h *habits) note(t transport.Target) {
	udp := t.Proto == transport.UDP
	if !udp && h.count.Load() == 0 {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case !udp:
		delete(h.m, t.Addr)
	case h.m == nil:
		h.m = map[netip.AddrPort]bool{t.Addr: true}
	case len(h.m) < maxFailures:
		h.m[t.Addr] = true
	}
	h.count.Store(int32(len(h.m)))
}
