package transport

import (
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
	names  map[string]*Transport // by our ufrag
	places map[netip.AddrPort]*Transport
}

// maxPlaces bounds the addresses one side may hold on a shared port.
const maxPlaces = 16

func newSharedPort() *sharedPort {
	return &sharedPort{names: map[string]*Transport{}, places: map[netip.AddrPort]*Transport{}}
}

// places are what a side holds of a shared port.
type places struct {
	names []string         // bound to it
	addrs []netip.AddrPort // that used last at the end
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
		w.owner.Receive(socket, b, from, at)
	}
}

// maxNames is how many names of one side count: a restart leaves the one before
// good until the new one is used (RFC 8445 §9).
const maxNames = 2

// expect binds a name to a side.
func (p *sharedPort) expect(ufrag string, w *Transport) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(w.places.names) == maxNames {
		delete(p.names, w.places.names[0])
		w.places.names = slices.Delete(w.places.names, 0, 1)
	}
	p.names[ufrag] = w
	w.places.names = append(w.places.names, ufrag)
}

// place binds an address to a side, after an authenticated check; false when it
// cannot be. An address another side is using stays that side's: a check says
// nothing of its own source, and who forged it would cut off somebody else.
func (p *sharedPort) place(from netip.AddrPort, w *Transport, at time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if old := p.places[from]; old != nil {
		if old != w && at.UnixNano()-old.consented.Load() < int64(consentTimeout) {
			return false
		}
		i := slices.Index(old.places.addrs, from)
		old.places.addrs = slices.Delete(old.places.addrs, i, i+1)
	}
	p.bind(from, w)
	return true
}

// bind has a side hold an address; of too many it gives up the one longest not
// used.
func (p *sharedPort) bind(from netip.AddrPort, w *Transport) {
	if len(w.places.addrs) == maxPlaces {
		delete(p.places, w.places.addrs[0])
		w.places.addrs = slices.Delete(w.places.addrs, 0, 1)
	}
	p.places[from] = w
	w.places.addrs = append(w.places.addrs, from)
}

// lend binds a signalled address nobody proved, if it is free: that of a side
// that makes no checks.
func (p *sharedPort) lend(from netip.AddrPort, w *Transport) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if from.IsValid() && p.places[from] == nil {
		p.bind(from, w)
	}
}

// forget takes from a side all it has on the port.
func (p *sharedPort) forget(w *Transport) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, ufrag := range w.places.names {
		delete(p.names, ufrag)
	}
	for _, addr := range w.places.addrs {
		delete(p.places, addr)
	}
	w.places = places{}
}

// held is how many names and addresses sides hold of the port.
func (p *sharedPort) held() int {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return len(p.names) + len(p.places)
}
