package relay

import (
	"net/netip"
	"time"
)

// Series says how the worker of a socket is to forward a stream by itself, as
// long as each packet is the next one: same source, SSRC and payload type, the
// following sequence number, the timestamp a step further. That is nearly every
// packet of a settled call, and it then costs a look at the two sockets alone,
// where with thousands of calls everything else touched has to be fetched from
// far memory anew. What does not fit goes to the Receiver as always.
type Series struct {
	From netip.AddrPort // believed
	Out  *Socket
	To   netip.AddrPort

	Offsets       Offsets // as Rewrite.Offsets tells
	Type, TypeOut uint8   // payload type coming in and going out
	Sequence      uint16  // of the last packet, as it came, as are
	Timestamp     uint32
	At            time.Time
	Step          uint32        // timestamp units from packet to packet
	Clock         uint32        // Hz
	Jitter        time.Duration // so far

	Open Opener // takes SRTP off what comes; nil: it is plain
	Seal Sealer // puts it on what goes out; nil: it stays plain
}

// Opener checks and opens an SRTP packet in place.
type Opener interface {
	Unprotect(b []byte) ([]byte, error)
}

// Sealer protects an RTP packet in place; b has 64 octets of spare capacity.
type Sealer interface {
	Protect(b []byte) ([]byte, error)
}

// Progress is what was forwarded since it was last asked for. But for Refused the
// other fields mean nothing when there were no packets.
type Progress struct {
	Packets, Octets uint64 // octets with the RTP header, without SRTP's
	Sequence        uint16 // of the last packet, as it came, as are
	Timestamp       uint32
	At              time.Time
	Jitter          time.Duration
	Refused         uint64 // packets that could not be opened or protected
}
