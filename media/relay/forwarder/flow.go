// Package forwarder forwards plain RTP in the kernel, by an eBPF program at the network
// interfaces.
package forwarder

import (
	"net/netip"
	"time"

	"tandem/media/rewrite"
)

// Flow is one direction of RTP, and what the program does to its packets.
type Flow struct {
	From, In netip.AddrPort // where a packet comes from, and where it arrives
	Out, To  netip.AddrPort // its new source and destination
	// Types maps the forwarded payload types to outgoing ones. Packets of rewrite.Drop go
	// to the socket, and so do those of types 64 to 95, which are RTCP on a shared port
	// (RFC 5761 §4).
	Types rewrite.Types
	// Offsets are added to each packet of SSRC Offsets.In. Packets of other SSRCs go to
	// the socket.
	Offsets rewrite.Offsets
	Clock   uint32 // Hz, for the jitter; with 0 it is not measured
	DSCP    int    // of forwarded packets
	Arrive  int    // interface by which packets come, unless by loopback
	Leave   int    // interface by which they leave; 0: they are for a socket of this machine
	MTU     int    // of that interface: what is longer goes to the socket
}

// Counters counts what was forwarded of a flow. Sequence numbers and timestamps are those
// of the source.
type Counters struct {
	Packets, Octets uint64 // forwarded; octets of UDP payload
	Passed          uint64 // of the flow's SSRC, given to the socket because of their payload type
	Late            uint64 // behind a higher sequence number
	Lost            uint64 // missing between the first and the highest
	SSRC            uint32
	Sequence        uint16    // highest
	Timestamp       uint32    // of Sequence
	Jitter          uint32    // RFC 3550 §6.4.1, in clock ticks
	LastPacket      time.Time // of Sequence; zero: none yet
}
