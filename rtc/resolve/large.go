package resolve

import "tandem/rtc/transport"

// largest request that goes by UDP without a thought: 200 octets below an
// Ethernet's 1,500, which is the path MTU assumed when none is known.
const largest = 1300

// Large is the function Large, but a place whose TCP failed lately is tried by
// UDP first.
func (r *Resolver) Large(cands []Candidate, size int) []Candidate {
	if size <= largest {
		return cands
	}
	return r.failed.order(Large(cands, size))
}

// Large returns the candidates for a request of size octets: a large one is
// tried by TCP before UDP at each place, and by UDP when TCP is refused there
// (RFC 3261 §18.1.1). For others it returns cands itself.
func Large(cands []Candidate, size int) []Candidate {
	if size <= largest {
		return cands
	}
	out := make([]Candidate, 0, 2*len(cands))
	for _, c := range cands {
		if c.Target.Proto == transport.UDP {
			t := transport.Target{Proto: transport.TCP, Addr: c.Target.Addr}
			out = append(out, Candidate{t})
		}
		out = append(out, c)
	}
	return out
}
