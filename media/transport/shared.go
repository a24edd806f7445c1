package transport

import (
	"net/netip"
	"slices"
	"sync"
	"time"

	"tandem/media/ice"
	"tandem/media/relay"
)

// sharedPort is the UDP port that all sides with ICE on one interface use. A packet
// belongs to the side named in its connectivity check, later to the side to which an
// authenticated check has bound its source address.
type sharedPort struct {
	socket *relay.Socket

	mu     sync.RWMutex
	names  map[string]*Transport // by our ufrag
	places map[netip.AddrPort]*Transport
}

// maxPlaces is how many addresses one side may hold on a shared port.
const maxPlaces = 16

func newSharedPort() *sharedPort {
	return &sharedPort{names: map[string]*Transport{}, places: map[netip.AddrPort]*Transport{}}
}

// places are the names and addresses that a side holds on a shared port.
type places struct {
	names []string         // bound to it
	addrs []netip.AddrPort // the last used one is at the end
}

// Receive finds the side for a packet; packets of strangers are dropped.
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

// maxNames is how many names of one side are valid: after a restart the previous one is
// valid until the new one is used (RFC 8445 §9).
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

// place binds an address to a side after an authenticated check; false when that is
// impossible. An address that another side is using stays with that side: a check does
// not protect its source address, so a forged one could cut off somebody else.
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

// bind gives an address to a side. If the side has too many it loses the one that was
// unused for longest.
func (p *sharedPort) bind(from netip.AddrPort, w *Transport) {
	if len(w.places.addrs) == maxPlaces {
		delete(p.places, w.places.addrs[0])
		w.places.addrs = slices.Delete(w.places.addrs, 0, 1)
	}
	p.places[from] = w
	w.places.addrs = append(w.places.addrs, from)
}

// lend binds a signalled address without proof, if it is free: for a side that makes no
// checks.
func (p *sharedPort) lend(from netip.AddrPort, w *Transport) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if from.IsValid() && p.places[from] == nil {
		p.bind(from, w)
	}
}

// forget removes everything that a side has on the port.
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

// held returns how many names and addresses sides hold on the port.
func (p *sharedPort) held() int {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return len(p.names) + len(p.places)
}
