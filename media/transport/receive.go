package transport

import (
	"net/netip"
	"time"

	"tandem/media/relay"
	"tandem/media/secure"
)

// Kind is what a datagram is.
type Kind uint8

const (
	Nothing Kind = iota
	Datagram
	RTP
	RTCP
	Check     // of connectivity
	Handshake // of DTLS
)

// What tells what came on a socket (RFC 7983 §7).
func (t *Transport) What(b []byte, socket *relay.Socket) Kind {
	if len(b) == 0 {
		return Nothing
	}
	switch first := b[0]; {
	case t.raw:
		return Datagram
	case first >= 128 && first <= 191 && len(b) >= 8:
		// RTCP by its packet types (RFC 5761 §4), also on a port of its own.
		if socket == t.rtcp || b[1] >= 192 && b[1] <= 223 {
			return RTCP
		}
		if len(b) >= 12 {
			return RTP
		}
	case first <= 3 && t.ice != nil && !t.iceOff:
		return Check
	case first >= 20 && first <= 63 && t.dtls != nil:
		return Handshake
	}
	return Nothing
}

// TakeHandshake takes a packet of DTLS.
func (t *Transport) TakeHandshake(b []byte, from netip.AddrPort) {
	if t.trusted(from) {
		t.dtls.Packet(b, from)
	}
}

// trusted says whether a handshake may be talked about with an address: the one
// ICE nominated, or the one signalled. A phone behind NAT that does no ICE is at
// neither: until the latch has settled, the host signalled and that of signalling
// may try, and the fingerprint tells who it is.
func (t *Transport) trusted(from netip.AddrPort) bool {
	if from == t.to || t.settled || t.latch.Strict || t.ice != nil && !t.iceOff {
		return from == t.to
	}
	return from.Addr() == t.to.Addr() || from.Addr() == t.near
}

// TakeCheck answers a connectivity check, and sends where it nominates.
func (t *Transport) TakeCheck(b []byte, socket *relay.Socket, from netip.AddrPort, at time.Time) {
	var space [512]byte
	reply, nominated := t.ice.Packet(space[:0], b, from, at)
	if len(reply) > 0 {
		_ = socket.Send(reply, from) // checks are repeated; a lost answer costs a try
	}
	if t.ice.Consent().Equal(at) {
		t.lost = false
		t.consented.Store(at.UnixNano())
	}
	switch {
	case !nominated:
	case socket == t.rtcp:
		t.toRTCP = from // the second component
	case t.shared != nil && !t.shared.place(from, t, at):
	default:
		if from != t.to {
			t.owner.Changing()
		}
		t.to = from
		if t.muxed() {
			t.toRTCP = from
		}
	}
}

// TakeDatagram says whether what is no RTP (UDPTL) is the side's.
func (t *Transport) TakeDatagram(from netip.AddrPort, at time.Time) bool {
	if t.latch.Datagram(from, at, true) == relay.Drop {
		t.strangers++
		return false
	}
	t.to = t.latch.Peer()
	return true
}

// TakeRTP opens an RTP packet, nil when it is none of the side's. Believe must follow.
func (t *Transport) TakeRTP(b []byte, from netip.AddrPort) []byte {
	if from != t.to && (t.settled || t.byICE()) {
		t.strangers++ // cheap, before any cryptography: a flood buys nothing
		return nil
	}
	if t.security == secure.Plain {
		return b
	}
	if t.in == nil {
		return nil // keys are not there yet
	}
	opened, err := t.in.Unprotect(b)
	if err != nil {
		t.refused++
		return nil
	}
	return opened
}

// Believe lets the latch decide whether the sender of an opened RTP packet counts, and
// follows it. known says that the packet is of a kind that was agreed on; moved, that
// media goes elsewhere from now on.
func (t *Transport) Believe(b []byte, from netip.AddrPort, at time.Time, known bool) (good, moved bool) {
	if t.byICE() {
		return true, false
	}
	verdict := t.latch.Packet(from, b, at, known)
	if verdict == relay.Drop {
		t.strangers++
		return false, false
	}
	if peer := t.latch.Peer(); peer != t.to {
		moved = true
		if t.muxed() {
			t.toRTCP = peer
		}
		t.to = peer
	}
	if verdict == relay.Settled {
		t.settled = true
		if t.shared == nil {
			_ = t.rtp.Connect(t.to) // from here on the kernel drops strangers
		}
	}
	return true, moved
}

// TakeRTCP opens a compound packet, nil when it is none of the side's.
func (t *Transport) TakeRTCP(b []byte, socket *relay.Socket, from netip.AddrPort) []byte {
	byICE := t.byICE()
	if byICE {
		if from != t.to && from != t.toRTCP {
			t.strangers++
			return nil
		}
	} else if (t.settled || socket != t.rtcp) && from.Addr() != t.to.Addr() && from != t.toRTCP {
		t.strangers++
		return nil
	}
	if t.security != secure.Plain {
		if t.in == nil {
			return nil
		}
		opened, err := t.in.UnprotectRTCP(b)
		if err != nil {
			t.refused++
			return nil
		}
		b = opened
	}
	if socket == t.rtcp && !byICE {
		if t.latchRTCP.Packet(from, b, t.to.Addr(), true) == relay.Drop {
			t.strangers++
			return nil
		}
		t.toRTCP = t.latchRTCP.Peer()
	}
	return b
}
