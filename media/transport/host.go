package transport

import (
	"fmt"

	"tandem/media/loop"
	"tandem/media/relay"
	"tandem/media/secure"
)

// Host holds what the transports of one process share.
type Host struct {
	plane    *relay.Plane
	identity *secure.Identity
	strict   bool                   // only signalled addresses are believed
	shared   map[string]*sharedPort // by interface; nil = each side has a port of its own
	loops    *loop.Guard
}

// Config of a host.
type Config struct {
	Plane    *relay.Plane
	Identity *secure.Identity
	Strict   bool // believe only signalled addresses
	// ICEPort is one port for all sides with ICE on an interface; 0 = a port for each
	// side.
	ICEPort    int
	Interfaces []relay.Interface
}

// NewHost makes a host and opens the ports that are shared.
func NewHost(c Config) (*Host, error) {
	h := &Host{plane: c.Plane, identity: c.Identity, strict: c.Strict, loops: loop.New()}
	if c.ICEPort == 0 {
		return h, nil
	}
	h.shared = map[string]*sharedPort{}
	for _, in := range c.Interfaces {
		p := newSharedPort()
		socket, err := h.plane.Fixed(in.Name, c.ICEPort, p)
		if err != nil {
			return nil, fmt.Errorf("opening the ICE port on interface %q: %w", in.Name, err)
		}
		p.socket = socket
		h.loops.Share(socket.Local(), socket.Advertised())
		h.shared[in.Name] = p
	}
	return h, nil
}

// Close frees the shared ports. It returns the number of ports and names that
// transports still hold, which should be 0.
func (h *Host) Close() (left int) {
	for _, p := range h.shared {
		p.socket.Close()
	}
	return h.Held()
}

// Held returns how many ports transports have open, plus the addresses and names they
// hold on shared ports.
func (h *Host) Held() int {
	n := h.loops.Count()
	for _, p := range h.shared {
		n += p.held()
	}
	return n
}
