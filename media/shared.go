package media

import (
	"fmt"
	"net/netip"
	"sync"
	"time"

	"tandem/media/ice"
	"tandem/media/relay"
)

// sharedPort is the one UDP port of an interface all ICE sides use. A packet
// belongs to the side whose name its connectivity check bears, later to the
// side that address was bound to by an authenticated check.
type sharedPort struct {
	socket *relay.Socket

	mu     sync.RWMutex
	names  map[string]*transport // by our ufrag
	places map[netip.AddrPort]*transport
}

// maxPlaces bounds the addresses one side may hold on a shared port.
const maxPlaces = 16

func (s *Server) openShared() error {
	if s.c.ICEPort == 0 {
		return nil
	}
	s.shared = map[string]*sharedPort{}
	for _, in := range s.c.Interfaces {
		p := &sharedPort{names: map[string]*transport{}, places: map[netip.AddrPort]*transport{}}
		socket, err := s.plane.Fixed(in.Name, s.c.ICEPort, p)
		if err != nil {
			return fmt.Errorf("opening the ICE port on interface %q: %w", in.Name, err)
		}
		p.socket = socket
		s.shared[in.Name] = p
	}
	return nil
}

// Receive finds the side a packet is for; strangers' are dropped.
func (p *sharedPort) Receive(socket *relay.Socket, b []byte, from netip.AddrPort, at time.Time) {
	p.mu.RLock()
	w := p.places[from]
	if ufrag, ok := ice.Username(b); ok {
		w = p.names[ufrag]
	}
	p.mu.RUnlock()
	if w != nil {
		w.Receive(socket, b, from, at)
	}
}

func (p *sharedPort) expect(ufrag string, w *transport) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.names[ufrag] = w
}

// place binds an address to a side, after an authenticated check; false when it
// cannot be. An address another side is using stays that side's: a check says
// nothing of its own source, and who forged it would cut off somebody else.
func (p *sharedPort) place(from netip.AddrPort, w *transport, at time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	old := p.places[from]
	switch {
	case old == w:
		return true
	case w.places >= maxPlaces, old != nil && at.UnixNano()-old.consented.Load() < int64(consentTimeout):
		return false
	case old != nil:
		old.places--
	}
	p.places[from] = w
	w.places++
	return true
}

// lend binds a signalled address nobody proved, if it is free: that of a side
// that makes no checks.
func (p *sharedPort) lend(from netip.AddrPort, w *transport) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if from.IsValid() && p.places[from] == nil && w.places < maxPlaces {
		p.places[from] = w
		w.places++
	}
}

func (p *sharedPort) forget(w *transport) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for ufrag, other := range p.names {
		if other == w {
			delete(p.names, ufrag)
		}
	}
	for addr, other := range p.places {
		if other == w {
			delete(p.places, addr)
		}
	}
}
