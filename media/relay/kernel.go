package relay

import (
	"errors"
	"net/netip"
	"time"
)

// errKernel means that a flow cannot be forwarded in the kernel. User space continues to
// forward it.
var errKernel = errors.New("not forwarded in the kernel")

// Flow is one direction of RTP between two sockets whose packets need nothing that only
// user space can do: the source is settled, nothing is protected and nothing converted.
type Flow struct {
	In   *Socket        // where it arrives
	From netip.AddrPort // the only source
	Out  *Socket        // sends it on
	To   netip.AddrPort
	// Types maps the forwarded payload types to outgoing ones. Packets of DropType go
	// to the socket, and so do those of types 64 to 95, which are RTCP on a shared port
	// (RFC 5761 §4).
	Types Types
	// Offsets are added to each packet of SSRC Offsets.In. Packets of other SSRCs go to
	// the socket.
	Offsets Offsets
	Clock   uint32 // Hz, for the jitter; with 0 it is not measured
}

// FlowCounters counts what the kernel forwarded of a flow. Sequence numbers and timestamps
// are those of the source.
type FlowCounters struct {
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
