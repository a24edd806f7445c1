package transport

import (
	"net/netip"
	"time"

	"tandem/media/latch"
	"tandem/media/relay"
	"tandem/media/secure"
)

// Kind is the protocol of a datagram.
type Kind uint8

const (
	Nothing Kind = iota
	Datagram
	RTP
	RTCP
	Check     // an ICE connectivity check
	Handshake // a DTLS handshake
)

// What returns the kind of a datagram from a socket (RFC 7983 §7).
func (t *Transport) What(b []byte, socket *relay.Socket) Kind {
	if len(b) == 0 {
		return Nothing
	}
	switch first := b[0]; {
	case t.raw:
		return Datagram
	case first >= 128 && first <= 191 && len(b) >= 8:
		// RTCP by its packet types (RFC 5761 §4), also on its own port.
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

// trusted reports whether a handshake may use an address: the one that ICE nominated,
// or the signalled one. A phone behind NAT without ICE has neither; until the latch has
// settled, the signalled host and that of the signalling may try, and the fingerprint
// authenticates the phone.
func (t *Transport) trusted(from netip.AddrPort) bool {
	if from == t.to || t.settled || t.latch.Strict || t.ice != nil && !t.iceOff {
		return from == t.to
	}
	return from.Addr() == t.to.Addr() || from.Addr() == t.near
}

// TakeCheck answers a connectivity check, and follows its nomination.
func (t *Transport) TakeCheck(b []byte, socket *relay.Socket, from netip.AddrPort, at time.Time) {
	var space [512]byte
	reply, nominated := t.ice.Packet(space[:0], b, from, at)
	if len(reply) > 0 {
		_ = socket.Send(reply, from) // checks are repeated; a lost response costs one attempt
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

// TakeDatagram reports whether a datagram that is not RTP (UDPTL) comes from the side.
func (t *Transport) TakeDatagram(from netip.AddrPort, at time.Time) bool {
	if t.latch.Datagram(from, at, true) == latch.Drop {
		t.strangers++
		return false
	}
	t.to = t.latch.Peer()
	return true
}

// TakeRTP decrypts an RTP packet; nil when it is not from the side. Believe must
// follow.
func (t *Transport) TakeRTP(b []byte, from netip.AddrPort) []byte {
	if from != t.to && (t.settled || t.byICE()) {
		t.strangers++ // before any cryptography, so that a flood costs little
		return nil
	}
	if t.security == secure.Plain {
		return b
	}
	if t.in == nil {
		return nil // there are no keys yet
	}
	opened, err := t.in.Unprotect(b)
	if err != nil {
		t.refused++
		return nil
	}
	return opened
}

// Believe lets the latch decide whether the sender of a decrypted RTP packet counts,
// and follows that sender. known reports that its payload number was agreed on; moved,
// that media goes to another address from now on.
func (t *Transport) Believe(b []byte, from netip.AddrPort, at time.Time, known bool) (good, moved bool) {
	if t.byICE() {
		return true, false
	}
	verdict := t.latch.Packet(from, b, at, known)
	if verdict == latch.Drop {
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
	if verdict == latch.Settled {
		t.settled = true
		if t.shared == nil {
			_ = t.rtp.Connect(t.to) // from now on the kernel drops strangers
		}
	}
	return true, moved
}

// TakeRTCP decrypts a compound packet; nil when it is not from the side.
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
		if t.latchRTCP.Packet(from, b, t.to.Addr(), true) == latch.Drop {
			t.strangers++
			return nil
		}
		t.toRTCP = t.latchRTCP.Peer()
	}
	return b
}
