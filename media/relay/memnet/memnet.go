// Package memnet is UDP in memory, for tests: a relay.Network for the media server, and
// ports with the methods of a net.UDPConn for its far ends. Waiting for a port is
// waiting for a channel, so everything runs in a testing/synctest bubble, where time
// passes only when all goroutines wait: a minute of audio takes as long as its
// computation, on any machine.
//
// A datagram arrives at once and in order, unless the queue of the port is full or the
// port is not bound. There is one host, which has all addresses. Routes, fragments and
// ICMP are not simulated.
package memnet

import (
	"fmt"
	"net/netip"
	"sync"
	"syscall"

	"tandem/media/relay"
)

// Net is a network. Use it within one bubble.
type Net struct {
	mu    sync.Mutex
	ports map[netip.AddrPort]*Conn
	next  uint16
}

var _ relay.Network = (*Net)(nil)

// New makes a network without ports.
func New() *Net { return &Net{ports: map[netip.AddrPort]*Conn{}} }

// ephemeral is the first number given to a port bound to 0, as the kernel does.
const ephemeral = 32768

// Bind opens a port for a relay.
func (n *Net) Bind(local netip.AddrPort, ready func()) (relay.Port, error) {
	return n.bind(local, ready)
}

// Listen opens a port for a far end; number 0 is any free one.
func (n *Net) Listen(local netip.AddrPort) (*Conn, error) { return n.bind(local, func() {}) }

func (n *Net) bind(local netip.AddrPort, ready func()) (*Conn, error) {
	if !local.IsValid() || local.Addr().IsUnspecified() {
		return nil, fmt.Errorf("binding %s: name an address", local)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if local.Port() == 0 {
		for {
			n.next = max(n.next+2, ephemeral) // the next one is for its RTCP
			local = netip.AddrPortFrom(local.Addr(), n.next)
			if n.ports[local] == nil {
				break
			}
		}
	}
	if n.ports[local] != nil {
		return nil, fmt.Errorf("binding %s: %w", local, syscall.EADDRINUSE)
	}
	c := &Conn{net: n, local: local, ready: ready, arrived: make(chan struct{}, 1), closed: make(chan struct{})}
	n.ports[local] = c
	return c, nil
}

// Ports is how many are bound.
func (n *Net) Ports() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.ports)
}

func (n *Net) at(addr netip.AddrPort) *Conn {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.ports[netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port())]
}

func (n *Net) forget(c *Conn) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.ports, c.local)
}
