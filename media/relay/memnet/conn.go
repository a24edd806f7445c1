package memnet

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"time"
)

// capacity of a port's queue: two seconds of fifty packets a second, and more.
const capacity = 256

// Conn is one port. It has the methods of a net.UDPConn that tests use, and
// those of a relay.Port.
type Conn struct {
	net     *Net
	local   netip.AddrPort
	ready   func()
	arrived chan struct{} // something may have changed for who reads
	closed  chan struct{}
	once    sync.Once

	mu    sync.Mutex
	peer  netip.AddrPort // connected to; invalid: open to all
	queue []datagram
	drops int
	until time.Time // the deadline of reads
}

var _ net.PacketConn = (*Conn)(nil)

type datagram struct {
	b    []byte
	from netip.AddrPort
}

// Local is where it is bound.
func (c *Conn) Local() netip.AddrPort { return c.local }

// LocalAddr is Local as a *net.UDPAddr.
func (c *Conn) LocalAddr() net.Addr { return net.UDPAddrFromAddrPort(c.local) }

// Connect drops all but this peer's datagrams; an invalid peer opens the port to
// all again.
func (c *Conn) Connect(peer netip.AddrPort) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.peer = peer
}

// Drops is how many datagrams found the queue full.
func (c *Conn) Drops() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.drops
}

// Read takes the next datagram; ok is false when there is none.
func (c *Conn) Read(b []byte) (n int, from netip.AddrPort, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.queue) == 0 {
		return 0, netip.AddrPort{}, false
	}
	d := c.queue[0]
	c.queue = c.queue[1:]
	return copy(b, d.b), d.from, true
}

// Write sends a datagram, to the connected peer when to is invalid.
func (c *Conn) Write(b []byte, to netip.AddrPort) {
	if !to.IsValid() {
		c.mu.Lock()
		to = c.peer
		c.mu.Unlock()
	}
	if there := c.net.at(to); there != nil {
		there.put(datagram{slices.Clone(b), c.local})
	}
}

// put takes a datagram in.
func (c *Conn) put(d datagram) {
	c.mu.Lock()
	switch {
	case c.peer.IsValid() && c.peer != d.from:
		c.mu.Unlock()
		return
	case len(c.queue) >= capacity:
		c.drops++
		c.mu.Unlock()
		return
	}
	c.queue = append(c.queue, d)
	c.mu.Unlock()
	c.signal()
	c.ready()
}

func (c *Conn) signal() {
	select {
	case c.arrived <- struct{}{}:
	default:
	}
}

// Close frees the port.
func (c *Conn) Close() error {
	err := net.ErrClosed
	c.once.Do(func() {
		c.net.forget(c)
		close(c.closed)
		err = nil
	})
	return err
}

// ReadFromUDPAddrPort waits for the next datagram, until the deadline.
func (c *Conn) ReadFromUDPAddrPort(b []byte) (int, netip.AddrPort, error) {
	for {
		if n, from, ok := c.Read(b); ok {
			c.signal() // whoever else reads looks again
			return n, from, nil
		}
		if err := c.wait(); err != nil {
			return 0, netip.AddrPort{}, err
		}
	}
}

// wait returns when there may be something to read, or an error when not any
// more.
func (c *Conn) wait() error {
	c.mu.Lock()
	until := c.until
	c.mu.Unlock()
	var late <-chan time.Time
	if !until.IsZero() {
		timer := time.NewTimer(time.Until(until))
		defer timer.Stop()
		late = timer.C
	}
	select {
	case <-c.closed:
		return net.ErrClosed
	case <-late:
		return os.ErrDeadlineExceeded
	case <-c.arrived:
		return nil
	}
}

// ReadFrom is ReadFromUDPAddrPort for who knows net.PacketConn alone.
func (c *Conn) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := c.ReadFromUDPAddrPort(b)
	if err != nil {
		return 0, nil, err
	}
	return n, net.UDPAddrFromAddrPort(from), nil
}

// WriteToUDPAddrPort sends a datagram. Like UDP it does not say whether anybody
// was there.
func (c *Conn) WriteToUDPAddrPort(b []byte, to netip.AddrPort) (int, error) {
	select {
	case <-c.closed:
		return 0, net.ErrClosed
	default:
	}
	c.Write(b, to)
	return len(b), nil
}

// WriteTo is WriteToUDPAddrPort for who knows net.PacketConn alone.
func (c *Conn) WriteTo(b []byte, to net.Addr) (int, error) {
	at, ok := to.(*net.UDPAddr)
	if !ok {
		return 0, errors.New("memnet: no UDP address")
	}
	return c.WriteToUDPAddrPort(b, at.AddrPort())
}

// SetReadDeadline counts for a read that waits, too.
func (c *Conn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	c.until = t
	c.mu.Unlock()
	c.signal()
	return nil
}

// SetWriteDeadline does nothing: no write waits.
func (c *Conn) SetWriteDeadline(time.Time) error { return nil }

// SetDeadline is SetReadDeadline.
func (c *Conn) SetDeadline(t time.Time) error { return c.SetReadDeadline(t) }
