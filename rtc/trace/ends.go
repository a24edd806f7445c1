package trace

import (
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"tandem/rtc/transport"
)

// listeners numbers the listeners whose messages are kept: a record holds the
// number, and the address is written out only when somebody looks. There are
// few, and they live as long as the process.
type listeners struct {
	mu    sync.Mutex
	known atomic.Pointer[[]*transport.Listener]
}

func (s *listeners) number(l *transport.Listener) uint16 {
	if known := s.known.Load(); known != nil {
		if i := slices.Index(*known, l); i >= 0 {
			return uint16(i)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var known []*transport.Listener
	if p := s.known.Load(); p != nil {
		known = slices.Clone(*p)
	}
	if i := slices.Index(known, l); i >= 0 {
		return uint16(i)
	}
	known = append(known, l)
	s.known.Store(&known)
	return uint16(len(known) - 1)
}

// ends writes out the flow of a record as transport.Flow.String does, and its
// two addresses.
func (r *Ring) ends(n *note, name string) (flow, local, remote string) {
	if n.flags&isNamed != 0 {
		local, remote = split(name)
		return name, local, remote
	}
	l := (*r.listeners.known.Load())[n.listener]
	if l == nil {
		return transport.Flow{}.String(), "", transport.Flow{}.String()
	}
	addr := netip.AddrFrom16(n.addr)
	if n.flags&isIPv4 != 0 {
		addr = addr.Unmap()
	}
	local, remote = l.Addr().String(), netip.AddrPortFrom(addr, n.port).String()
	return transport.Proto(n.proto).Param() + " " + local + " " + remote, local, remote
}

// reason takes "udp local remote why it did not leave" apart.
func reason(name string) (flow, why string) {
	parts := strings.SplitN(name, " ", 4)
	if len(parts) < 4 {
		return name, "unknown"
	}
	return strings.Join(parts[:3], " "), parts[3]
}

// split takes "udp local remote" apart.
func split(flow string) (local, remote string) {
	parts := strings.Fields(flow)
	if len(parts) < 3 {
		return "", flow
	}
	return parts[1], parts[2]
}
