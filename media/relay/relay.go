// Package relay moves datagrams: sockets on a port range, epoll workers with
// raw system calls, and, where kernel and rights allow, forwarding in the
// kernel. It also has the decisions made for each packet that need no codec:
// whom to believe (latch), and how numbers go on across changes of source
// (rewrite). It knows nothing of SDP or of codecs.
package relay

import (
	"context"
	"log/slog"
	"net/netip"
	"time"
)

// Config is what a plane needs.
type Config struct {
	Interfaces []Interface
	PortMin    int    // even; default 40000
	PortMax    int    // default 40999
	Workers    int    // 0: one per core
	DSCP       int    // 0-63, default 46 (EF)
	Kernel     string // auto (default), on, off: forward plain RTP in the kernel
	Logger     *slog.Logger
}

// Interface is a network the relay has an address on.
type Interface struct {
	Name      string
	Bind      netip.Addr
	Advertise netip.Addr // shown in SDP; Bind when invalid
}

// Receiver is given every datagram of a socket, on the loop of its worker: it
// must not block. b is good until it returns and has at least 64 octets of
// capacity behind its length, so that a packet can be protected in place.
type Receiver interface {
	Receive(s *Socket, b []byte, from netip.AddrPort, at time.Time)
}

// Plane is the sockets and workers of one process.
type Plane struct{}

// Open makes a plane; ports are bound only as sockets are opened.
func Open(c Config) (*Plane, error) { panic("unwritten") }

// Run serves until ctx ends, then closes all sockets.
func (p *Plane) Run(ctx context.Context) error { panic("unwritten") }

// Pair opens an even port and the odd one above it, both on one worker.
// Sockets of one call should share a worker: near names a socket of it, or nil.
// The error says when the range is used up.
func (p *Plane) Pair(iface string, near *Socket, r Receiver) (rtp, rtcp *Socket, err error) {
	panic("unwritten")
}

// Single opens one port (rtcp-mux, T.38, ICE).
func (p *Plane) Single(iface string, near *Socket, r Receiver) (*Socket, error) { panic("unwritten") }

// Socket is one UDP port. Its methods may be called by any goroutine.
type Socket struct{}

// Local is where it is bound; Advertised is what SDP says.
func (s *Socket) Local() netip.AddrPort      { panic("unwritten") }
func (s *Socket) Advertised() netip.AddrPort { panic("unwritten") }

// Connect makes the kernel drop all but this peer's datagrams, and sending
// cheaper. An invalid peer opens the socket to all again.
func (s *Socket) Connect(peer netip.AddrPort) error { panic("unwritten") }

// Send writes one datagram; to is ignored when connected. It never blocks: a
// full socket buffer drops the datagram and counts it.
func (s *Socket) Send(b []byte, to netip.AddrPort) error { panic("unwritten") }

// Close frees the port. It is not given out again at once (30 s), so that late
// packets of the old call do not reach a new one. No Receive follows its return.
func (s *Socket) Close() { panic("unwritten") }
