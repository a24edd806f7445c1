package media

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
	ours  map[netip.AddrPort]*transport // our ports as bound and as shown; nil for one shared by many
	named map[naming]*transport         // whose port is named
}

type end struct {
	session *Session
	which   Which
}

type naming struct {
	by   *transport
	rtcp bool
}

// end is the side a transport belongs to. Called with the rings' mu held.
func (w *transport) end() end { return end{w.session(), w.which} }

// move notes that a transport belongs to another side now. Called with mu of the
// session it leaves held.
func (r *rings) move(w *transport, to *Session, as Which) {
	r.mu.Lock()
	defer r.mu.Unlock()
	w.which = as
	w.home.Store(to)
}

func newRings() *rings {
	return &rings{ours: make(map[netip.AddrPort]*transport), named: make(map[naming]*transport)}
}

// ports of a transport that are its own; those it has not are invalid.
func (w *transport) ports() (list [4]netip.AddrPort) {
	if w.rtp != nil {
		list[0], list[1] = w.rtp.Local(), w.rtp.Advertised()
	}
	if w.rtcp != nil {
		list[2], list[3] = w.rtcp.Local(), w.rtcp.Advertised()
	}
	return list
}

func (r *rings) open(w *transport) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range w.ports() {
		if p.IsValid() {
			r.ours[p] = w
		}
	}
}

func (r *rings) close(w *transport) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range w.ports() {
		if r.ours[p] == w { // it may be another's by now
			delete(r.ours, p)
		}
	}
	delete(r.named, naming{w, false})
	delete(r.named, naming{w, true})
}

// admit notes that a transport's far side names an address, unless that closed a
// circle. An address nothing is sent to changes nothing.
func (r *rings) admit(w *transport, rtcp bool, to netip.AddrPort) bool {
	if !to.IsValid() || to.Port() == 0 || to.Addr().IsUnspecified() {
		return true
	}
	to = netip.AddrPortFrom(to.Addr().Unmap(), to.Port())
	r.mu.Lock()
	defer r.mu.Unlock()
	by := naming{w, rtcp}
	there, ok := r.find(to)
	if !ok {
		delete(r.named, by)
		return true
	}
	if there == nil {
		return false
	}
	if r.joined(w.end(), there.end(), by) {
		return false
	}
	r.named[by] = there
	return true
}

// find returns whose port an address is.
func (r *rings) find(to netip.AddrPort) (*transport, bool) {
	if w, ok := r.ours[to]; ok {
		return w, true
	}
	every := netip.IPv6Unspecified()
	if to.Addr().Is4() {
		every = netip.IPv4Unspecified()
	}
	w, ok := r.ours[netip.AddrPortFrom(every, to.Port())]
	return w, ok && (to.Addr().IsLoopback() || machines(to.Addr()))
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
func (r *rings) joined(from, to end, by naming) bool {
	next := make(map[end][]end)
	for n, there := range r.named {
		near, far := n.by.end(), there.end()
		if n != by && !(near == from && far == to) && !(near == to && far == from) {
			next[near] = append(next[near], far)
			next[far] = append(next[far], near)
		}
	}
	seen := make(map[end]bool)
	for todo := []end{from}; len(todo) > 0; {
		at := todo[0]
		todo = todo[1:]
		if at == to {
			return true
		}
		if !seen[at] {
			seen[at] = true
			todo = append(append(todo, next[at]...), end{at.session, at.which.Other()})
		}
	}
	return false
}
