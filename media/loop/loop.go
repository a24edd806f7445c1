// Package loop keeps media from running in a circle through ports of our own.
package loop

import (
	"net"
	"net/netip"
	"sync"
)

// Guard knows our ports and which sides name them. A description may name a port of our
// own: that of a call that comes through here twice. But when sides name each other's
// ports so that what leaves one comes back to it, packets circulate as fast as the
// machine can send them, forever, and every further packet joins them.
//
// Which side named the other does not matter, since a port answers to those it hears:
// two sides are joined if they belong to one session, or if one names a port of the
// other.
type Guard struct {
	mu    sync.Mutex
	ours  map[netip.AddrPort]*Port // our ports as bound and as advertised; nil for one shared by many
	named map[naming]*Port         // the port's owner, by who named it
}

// Port holds the ports of one transport: for RTP and RTCP, each as bound and as
// advertised.
type Port struct {
	end   End
	addrs [4]netip.AddrPort // invalid where it has none
}

// End is the side of a session to which a transport belongs. Session is its serial
// number.
type End struct {
	Session uint64
	B       bool
}

// opposite is the other side of the same session.
func (e End) opposite() End { return End{e.Session, !e.B} }

// naming records that a far side named an address, for RTP or for RTCP.
type naming struct {
	by   *Port
	rtcp bool
}

// New makes a guard that knows no ports.
func New() *Guard {
	return &Guard{ours: make(map[netip.AddrPort]*Port), named: make(map[naming]*Port)}
}

// Open notes the ports of a side.
func (g *Guard) Open(of End, addrs [4]netip.AddrPort) *Port {
	g.mu.Lock()
	defer g.mu.Unlock()
	p := &Port{end: of, addrs: addrs}
	for _, a := range addrs {
		if a.IsValid() {
			g.ours[a] = p
		}
	}
	return p
}

// Share notes ports that many sides share: naming one is refused. It must be called
// before other ports are opened.
func (g *Guard) Share(addrs ...netip.AddrPort) {
	for _, a := range addrs {
		g.ours[a] = nil
	}
}

// Move notes that ports belong to another side now.
func (g *Guard) Move(p *Port, to End) {
	g.mu.Lock()
	defer g.mu.Unlock()
	p.end = to
}

// Close forgets the ports of a side.
func (g *Guard) Close(p *Port) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, a := range p.addrs {
		if g.ours[a] == p { // it may belong to another port now
			delete(g.ours, a)
		}
	}
	delete(g.named, naming{p, false})
	delete(g.named, naming{p, true})
}

// Count returns the number of ports that belong to one transport, plus the number of
// namings.
func (g *Guard) Count() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := len(g.named)
	for a, p := range g.ours {
		if p != nil && (a == p.addrs[0] || a == p.addrs[2]) {
			n++
		}
	}
	return n
}

// Admit notes that the far side of a transport names an address. It returns false when
// that would close a circle. An address to which nothing is sent changes nothing.
func (g *Guard) Admit(p *Port, rtcp bool, to netip.AddrPort) bool {
	if !to.IsValid() || to.Port() == 0 || to.Addr().IsUnspecified() {
		return true
	}
	to = netip.AddrPortFrom(to.Addr().Unmap(), to.Port())
	g.mu.Lock()
	defer g.mu.Unlock()
	by := naming{p, rtcp}
	there, ok := g.find(to)
	if !ok {
		delete(g.named, by)
		return true
	}
	if there == nil {
		return false
	}
	if g.joined(p.end, there.end, by) {
		return false
	}
	g.named[by] = there
	return true
}

// find returns the owner of a port.
func (g *Guard) find(to netip.AddrPort) (*Port, bool) {
	if p, ok := g.ours[to]; ok {
		return p, true
	}
	every := netip.IPv6Unspecified()
	if to.Addr().Is4() {
		every = netip.IPv4Unspecified()
	}
	p, ok := g.ours[netip.AddrPortFrom(every, to.Port())]
	return p, ok && (to.Addr().IsLoopback() || machines(to.Addr()))
}

// machines reports whether an address belongs to this machine.
func machines(addr netip.Addr) bool {
	all, _ := net.InterfaceAddrs()
	for _, a := range all {
		if n, ok := a.(*net.IPNet); ok && n.IP.Equal(addr.AsSlice()) {
			return true
		}
	}
	return false
}

// joined reports whether two sides are connected, not counting what they name of each
// other nor what by named before.
func (g *Guard) joined(from, to End, by naming) bool {
	next := make(map[End][]End)
	for n, there := range g.named {
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
