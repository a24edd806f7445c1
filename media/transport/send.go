package transport

import (
	"net/netip"

	"tandem/media/secure"
)

// SendRTP protects and sends an RTP packet. b needs 64 octets of spare capacity.
func (t *Transport) SendRTP(b []byte) {
	if t.security != secure.Plain {
		if t.out == nil {
			return
		}
		protected, err := t.out.Protect(b)
		if err != nil {
			t.refused++
			return
		}
		b = protected
	}
	_ = t.Write(b, t.to) // the socket counts errors
}

// SendRTCP protects and sends a compound packet. b needs 64 octets of spare capacity.
func (t *Transport) SendRTCP(b []byte) {
	if !t.toRTCP.IsValid() || t.lost {
		return
	}
	if t.security != secure.Plain {
		if t.out == nil {
			return
		}
		protected, err := t.out.ProtectRTCP(b)
		if err != nil {
			return
		}
		b = protected
	}
	if !t.muxed() {
		_ = t.rtcp.Send(b, t.toRTCP)
		return
	}
	_ = t.Write(b, t.toRTCP)
}

// Write sends a datagram unchanged from the RTP port. It never blocks.
func (t *Transport) Write(b []byte, to netip.AddrPort) error {
	if t.shared != nil {
		return t.shared.socket.Send(b, to)
	}
	return t.rtp.Send(b, to)
}
