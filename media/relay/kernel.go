package relay

import (
	"errors"
	"net/netip"

	"tandem/media/rewrite"
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
	// Types maps the forwarded payload types to outgoing ones. Packets of rewrite.Drop go
	// to the socket, and so do those of types 64 to 95, which are RTCP on a shared port
	// (RFC 5761 §4).
	Types rewrite.Types
	// Offsets are added to each packet of SSRC Offsets.In. Packets of other SSRCs go to
	// the socket.
	Offsets rewrite.Offsets
	Clock   uint32 // Hz, for the jitter; with 0 it is not measured
}
