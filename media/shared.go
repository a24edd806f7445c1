package media

import (
	"fmt"
	"net/netip"
	"slices"
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
		s.rings.ours[socket.Local()], s.rings.ours[socket.Advertised()] = nil, nil
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

// maxNames is how many names of one side count: a restart leaves the one before
// good until the new one is used (RFC 8445 §9).
const maxNames = 2

// expect binds a name to a side.
func (p *sharedPort) expect(ufrag string, w *transport) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(w.names) == maxNames {
		delete(p.names, w.names[0])
		w.names = slices.Delete(w.names, 0, 1)
	}
	p.names[ufrag] = w
	w.names = append(w.names, ufrag)
}

// place binds an address to a side, after an authenticated check; false when it
// cannot be. An address another side is using stays that side's: a check says
// nothing of its own source, and who forged it would cut off somebody else.
func (p *sharedPort) place(from netip.AddrPort, w *transport, at time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if old := p.places[from]; old != nil {
		if old != w && at.UnixNano()-old.consented.Load() < int64(consentTimeout) {
			return false
		}
		i := slices.Index(old.places, from)
		old.places = slices.Delete(old.places, i, i+1)
	}
	p.bind(from, w)
	return true
}

// bind has a side hold an address; of too many it gives up the one longest not
// used.
func (p *sharedPort) bind(from netip.AddrPort, w *transport) {
	if len(w.places) == maxPlaces {
		delete(p.places, w.places[0])
		w.places = slices.Delete(w.places, 0, 1)
	}
	p.places[from] = w
	w.places = append(w.places, from)
}

// lend binds a signalled address nobody proved, if it is free: that of a side
// that makes no checks.
func (p *sharedPort) lend(from netip.AddrPort, w *transport) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if from.IsValid() && p.places[from] == nil {
		p.bind(from, w)
	}
}

// forget takes from a side all it has on the port.
func (p *sharedPort) forget(w *transport) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, ufrag := range w.names {
		delete(p.names, ufrag)
	}
	for _, addr := range w.places {
		delete(p.places, addr)
	}
	w.names, w.places = nil, nil
}
