// Package relay moves datagrams: sockets on a range of ports, epoll workers with raw
// system calls, and, if kernel and rights allow, forwarding in the kernel. It also
// makes the decisions for each packet that need no codec: which sender is believed
// (latch), and how numbers continue across changes of the source (rewrite). It knows
// nothing of SDP or codecs.
package relay

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"time"
)

// Config is what a plane needs.
type Config struct {
	Interfaces []Interface
	PortMin    int     // even; default DefaultPortMin
	PortMax    int     // default PortMaxFor(PortMin)
	Workers    int     // 0 = one per core
	DSCP       int     // 0-63, default 46 (EF); -1 for none
	Kernel     string  // auto (default), on or off: whether plain RTP is forwarded in the kernel
	Network    Network // nil = UDP of the kernel
	Logger     *slog.Logger
}

// Interface is a network on which the relay has an address.
type Interface struct {
	Name      string
	Bind      netip.Addr
	Advertise netip.Addr // for SDP; default Bind, or the route's address when Bind is unspecified
}

// Receiver gets every datagram of a socket, on the loop of its worker: it must not
// block. b is valid until it returns, and has at least 64 octets of capacity after its
// length, so that a packet can be protected in place.
type Receiver interface {
	Receive(s *Socket, b []byte, from netip.AddrPort, at time.Time)
}

// Counters are the figures of one socket. Octets are of UDP payload.
type Counters struct {
	PacketsIn, OctetsIn   uint64
	DropsIn               uint64 // datagrams lost because the receive queue was full
	PacketsOut, OctetsOut uint64
	DropsOut              uint64 // datagrams that the kernel did not accept
	Refused               uint64 // ICMP reported that nobody listens there
}

var (
	// ErrClosed means that the socket or the plane is closed.
	ErrClosed = errors.New("the media socket is closed")
	// ErrDropped means that the kernel had no room for a datagram.
	ErrDropped = errors.New("the datagram was dropped: the send queue is full")
	// ErrPeer means that there is no address to which a datagram can be sent.
	ErrPeer = errors.New("no address to send to, or of the other IP version")
	// ErrUnsupported means that the relay only works on Linux.
	ErrUnsupported = errors.New("the media relay needs Linux")
)

const (
	defaultDSCP = 46
	spare       = 64 // octets after a received datagram
)

// DefaultPortMin is the first of the default media ports. Up to 32767 there are 16384:
// enough for 4,000 calls with two ports for each side, and twice as many with rtcp-mux.
// The kernel gives none of them to other programs, unless its own range was changed
// (32768 to 60999 on Linux).
const DefaultPortMin = 16384

// PortMaxFor returns the last port when only the first is configured.
func PortMaxFor(first int) int { return min(first+16383, 65535) }

// fill sets the defaults and returns an error for invalid values.
func (c *Config) fill() error {
	if c.PortMin == 0 {
		c.PortMin = DefaultPortMin
	}
	if c.PortMax == 0 {
		c.PortMax = PortMaxFor(c.PortMin)
	}
	c.PortMin += c.PortMin & 1
	if c.PortMin < 1024 || c.PortMax > 65535 || c.PortMax <= c.PortMin {
		return fmt.Errorf("media ports %d to %d: need at least an even and an odd one between 1024 and 65535", c.PortMin, c.PortMax)
	}
	switch {
	case c.DSCP == 0:
		c.DSCP = defaultDSCP
	case c.DSCP < 0:
		c.DSCP = 0
	case c.DSCP > 63:
		return fmt.Errorf("media dscp %d: is 0 to 63", c.DSCP)
	}
	switch c.Kernel {
	case "":
		c.Kernel = kernelAuto
	case kernelAuto, kernelOn, kernelOff:
	default:
		return fmt.Errorf("media kernel %q: use %s, %s or %s", c.Kernel, kernelAuto, kernelOn, kernelOff)
	}
	if c.Kernel == kernelOn && c.Network != nil {
		return errors.New("media kernel on: the ports of this network are not the kernel's")
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if len(c.Interfaces) == 0 {
		return errors.New("the media relay has no interface")
	}
	seen := map[string]bool{}
	for i := range c.Interfaces {
		in := &c.Interfaces[i]
		in.Bind, in.Advertise = in.Bind.Unmap(), in.Advertise.Unmap()
		if !in.Bind.IsValid() {
			return fmt.Errorf("media interface %q has no address to bind", in.Name)
		}
		if seen[in.Name] {
			return fmt.Errorf("media interface %q is there twice", in.Name)
		}
		seen[in.Name] = true
	}
	return nil
}

// The values of Config.Kernel.
const (
	kernelAuto = "auto"
	kernelOn   = "on"
	kernelOff  = "off"
)
