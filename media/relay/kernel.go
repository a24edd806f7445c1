package relay

import (
	"errors"
	"net/netip"
	"time"
)

// ErrKernel means that a flow cannot be forwarded in the kernel; user space
// serves it as before.
var ErrKernel = errors.New("not forwarded in the kernel")

// Flow is one direction of RTP between two sockets that nothing in user space
// has to look at: latched, not protected, not converted.
type Flow struct {
	In   *Socket        // where it arrives
	From netip.AddrPort // from whom alone
	Out  *Socket        // from where it goes on
	To   netip.AddrPort
	// Types are the payload types forwarded, and what each becomes. DropType
	// goes to the socket, and so do 64 to 95, which are RTCP on a shared port
	// (RFC 5761 §4).
	Types Types
	// Offsets are added to each packet of SSRC Offsets.In; others go to the
	// socket.
	Offsets Offsets
	Clock   uint32 // Hz, for the jitter; 0: none is counted
}

// FlowCounters is what the kernel forwarded of a flow, in numbers as they came
// in.
type FlowCounters struct {
	Packets, Octets uint64 // forwarded; octets of UDP payload
	Passed          uint64 // of the flow's SSRC, given to the socket for their payload type
	Late            uint64 // behind a higher sequence number
	Lost            uint64 // missing between the first and the highest
	SSRC            uint32
	Sequence        uint16    // highest
	Timestamp       uint32    // of Sequence
	Jitter          uint32    // RFC 3550 §6.4.1, in clock ticks
	LastPacket      time.Time // of Sequence; zero: none yet
}
