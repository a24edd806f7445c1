package relay

import (
	"net/netip"
	"time"
)

// Flow is one direction of RTP between two sockets that nothing in user space
// has to look at: latched, not protected, not converted.
type Flow struct {
	In   *Socket        // where it arrives
	From netip.AddrPort // from whom alone
	Out  *Socket        // from where it goes on
	To   netip.AddrPort
	// Types are the payload types forwarded, and what each becomes; DropType
	// and all else go to the socket.
	Types Types
	// Offsets are added to each packet of SSRC Offsets.In; others go to the
	// socket.
	Offsets Offsets
}

// FlowCounters is what the kernel forwarded for a flow, in numbers as they
// came in.
type FlowCounters struct {
	Packets, Octets uint64 // octets of UDP payload
	SSRC            uint32
	Sequence        uint16 // last and highest
	Cycles          uint16 // of Sequence
	Timestamp       uint32
	Late            uint64        // arrived behind a higher sequence number
	Jitter          uint32        // RFC 3550 §6.4.1, in clock ticks
	LastPacket      time.Time     // zero: none yet
	Lost            uint64        // expected less received, not below 0
	Age             time.Duration // since the flow was installed
}
