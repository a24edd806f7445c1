package transport

import (
	"net"
	"net/netip"
	"sync"
)

// rings keeps media from running in a circle. A description may name a port of
// our own: a call that comes through here twice does. But when sides name each
// other's ports so that what leaves one comes back to it, packets go round as
// fast as the machine can, for ever, and every further one joins them.
//
// A port answers to whom it hears, so it does not matter who named whom: sides
// are joined that are of one session, or of which one names a port of the other.
type rings struct {
	mu    sync.Mutex
	ours  map[netip.AddrPort]*port // our ports as bound and as shown; nil for one shared by many
	named map[naming]*port         // whose port is named
}

// port is the ports of one transport: two, RTP's and RTCP's, each as bound and as shown.
type port struct {
	end   End
	addrs [4]netip.AddrPort // those it has not are invalid
}

// End is the side of a session that a transport belongs to. Sessions are told apart by
// number.
type End struct {
	Session uint64
	B       bool
}

// opposite is the other side of the same session.
func (e End) opposite() End { return End{e.Session, !e.B} }

type naming struct {
	by   *port
	rtcp bool
}

func newRings() *rings {
	return &rings{ours: make(map[netip.AddrPort]*port), named: make(map[naming]*port)}
}

// open notes the ports of a side.
func (r *rings) open(of End, addrs [4]netip.AddrPort) *port {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := &port{end: of, addrs: addrs}
	for _, a := range addrs {
		if a.IsValid() {
			r.ours[a] = p
		}
	}
	return p
}

// share notes ports that many sides share.
func (r *rings) share(addrs ...netip.AddrPort) {
	for _, a := range addrs {
		r.ours[a] = nil
	}
}

// move notes that ports belong to another side now.
func (r *rings) move(p *port, to End) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p.end = to
}

// close forgets ports.
func (r *rings) close(p *port) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, a := range p.addrs {
		if r.ours[a] == p { // it may be another's by now
			delete(r.ours, a)
		}
	}
	delete(r.named, naming{p, false})
	delete(r.named, naming{p, true})
}

// count is how many ports belong to one transport each, and who names them.
func (r *rings) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := len(r.named)
	for a, p := range r.ours {
		if p != nil && (a == p.addrs[0] || a == p.addrs[2]) {
			n++
		}
	}
	return n
}

// admit notes that the far side of a transport names an address, unless that closed a
// circle. An address nothing is sent to changes nothing.
func (r *rings) admit(p *port, rtcp bool, to netip.AddrPort) bool {
	if !to.IsValid() || to.Port() == 0 || to.Addr().IsUnspecified() {
		return true
	}
	to = netip.AddrPortFrom(to.Addr().Unmap(), to.Port())
	r.mu.Lock()
	defer r.mu.Unlock()
	by := naming{p, rtcp}
	there, ok := r.find(to)
	if !ok {
		delete(r.named, by)
		return true
	}
	if there == nil {
		return false
	}
	if r.joined(p.end, there.end, by) {
		return false
	}
	r.named[by] = there
	return true
}

// find returns whose port an address is.
func (r *rings) find(to netip.AddrPort) (*port, bool) {
	if p, ok := r.ours[to]; ok {
		return p, true
	}
	every := netip.IPv6Unspecified()
	if to.Addr().Is4() {
		every = netip.IPv4Unspecified()
	}
	p, ok := r.ours[netip.AddrPortFrom(every, to.Port())]
	return p, ok && (to.Addr().IsLoopback() || machines(to.Addr()))
}

// machines reports whether an address is this machine's.
func machines(addr netip.Addr) bool {
	all, _ := net.InterfaceAddrs()
	for _, a := range all {
		if n, ok := a.(*net.IPNet); ok && n.IP.Equal(addr.AsSlice()) {
			return true
		}
	}
	return false
}

// joined reports whether two sides are, but for what they name of each other and
// what by named before.
func (r *rings) joined(from, to End, by naming) bool {
	next := make(map[End][]End)
	for n, there := range r.named {
		near, far := n.by.end, there.end
		if n != by && !(near == from && far == to) && !(near == to && far == from) {
			next[near] = append(next[near], far)
			next[far] = append(next[far], near)
		}
	}
	seen := make(map[End]bool)
	for todo := []End{from}; len(todo) > 0; {
		at := todo[0]
		todo = todo[1:]
		if at == to {
			return true
		}
		if !seen[at] {
			seen[at] = true
			todo = append(append(todo, next[at]...), at.opposite())
		}
	}
	return false
}
