package relay

import (
	"net/netip"
	"time"

	"tandem/media/rewrite"
)

// Series tells the worker of a socket how to forward a stream by itself while each
// packet is the next one: same source, SSRC and payload type, the following sequence
// number, the timestamp one step later. Nearly all packets of a settled call are like
// that. The worker then only touches the two sockets; with thousands of calls
// everything else would have to be fetched from memory. A packet that does not fit goes
// to the Receiver.
type Series struct {
	From netip.AddrPort // the believed sender
	Out  *Socket
	To   netip.AddrPort

	rewrite.Place
	Type, TypeOut uint8         // incoming and outgoing payload type
	Jitter        time.Duration // so far

	Open Opener // decrypts incoming SRTP; nil = it is plain
	Seal Sealer // protects outgoing packets; nil = they stay plain
}

// Opener verifies and decrypts an SRTP packet in place.
type Opener interface {
	Unprotect(b []byte) ([]byte, error)
}

// Sealer protects an RTP packet in place; b has 64 octets of spare capacity.
type Sealer interface {
	Protect(b []byte) ([]byte, error)
}

// Progress is what was forwarded since the last call. Without packets only Refused has
// a meaning.
type Progress struct {
	Packets, Octets uint64 // octets with the RTP header, without those of SRTP
	Sequence        uint16 // of the last packet, as received, like the next fields
	Timestamp       uint32
	At              time.Time
	Jitter          time.Duration
	Refused         uint64 // packets that could not be decrypted or protected
}
