package media

import (
	"encoding/binary"
	"net/netip"
	"time"

	"tandem/media/dtmf"
	"tandem/media/quality"
	"tandem/media/relay"
	"tandem/media/route"
)

// Receive takes every datagram of this transport, on its worker's loop.
func (w *transport) Receive(socket *relay.Socket, b []byte, from netip.AddrPort, at time.Time) {
	s := w.lock()
	defer s.mu.Unlock()
	if s.closed || len(b) == 0 || len(w.legs) == 0 {
		return
	}
	// What is it? RFC 7983 §7.
	switch first := b[0]; {
	case w.raw:
		w.datagram(b, from, at)
	case first >= 128 && first <= 191 && len(b) >= 8:
		// RTCP by its packet types (RFC 5761 §4), also on a port of its own.
		if socket == w.rtcp || b[1] >= 192 && b[1] <= 223 {
			w.rtcpPacket(b, socket, from, at)
		} else if len(b) >= 12 {
			w.rtpPacket(b, from, at)
		}
	case first <= 3 && w.ice != nil && !w.iceOff:
		w.stun(b, socket, from, at)
	case first >= 20 && first <= 63 && w.dtls != nil && w.trusted(from):
		w.dtls.Packet(b, from)
	}
}

// trusted says whether a handshake may be talked about with an address: the one
// ICE nominated, or the one signalled. A phone behind NAT that does no ICE is at
// neither: until the latch has settled, the host signalled and that of signalling
// may try, and the fingerprint tells who it is.
func (w *transport) trusted(from netip.AddrPort) bool {
	if from == w.to || w.settled || w.latch.Strict || w.ice != nil && !w.iceOff {
		return from == w.to
	}
	return from.Addr() == w.to.Addr() || from.Addr() == w.near
}

func (w *transport) stun(b []byte, socket *relay.Socket, from netip.AddrPort, at time.Time) {
	var space [512]byte
	reply, nominated := w.ice.Packet(space[:0], b, from, at)
	if len(reply) > 0 {
		_ = socket.Send(reply, from) // checks are repeated; a lost answer costs a try
	}
	if w.ice.Consent().Equal(at) {
		w.lost = false
		w.consented.Store(at.UnixNano())
	}
	switch {
	case !nominated:
	case socket == w.rtcp:
		w.toRTCP = from // the second component
	case w.shared != nil && !w.shared.place(from, w, at):
	default:
		if from != w.to {
			w.unfollow()
		}
		w.to = from
		if w.muxed() {
			w.toRTCP = from
		}
	}
}

// datagram passes what is no RTP (UDPTL) between the sides as it is.
func (w *transport) datagram(b []byte, from netip.AddrPort, at time.Time) {
	l := w.legs[0]
	if w.latch.Datagram(from, at, true) == relay.Drop {
		w.strangers++
		return
	}
	w.to = w.latch.Peer()
	l.heard = at
	l.raw++
	if o := l.opposite(); o != nil && o.way.raw && o.way.reachable() {
		_ = o.way.write(b, o.way.to)
	}
}

// rtpPacket opens, judges and routes one RTP packet.
func (w *transport) rtpPacket(b []byte, from netip.AddrPort, at time.Time) {
	byICE := w.byICE()
	if byICE {
		if from != w.to {
			w.strangers++
			return
		}
	} else if w.settled && from != w.to {
		w.strangers++ // cheap, before any cryptography: a flood buys nothing
		return
	}
	if w.security != SecurityNone {
		if w.in == nil {
			return // keys are not there yet
		}
		opened, err := w.in.Unprotect(b)
		if err != nil {
			w.refused++
			return
		}
		b = opened
	}
	l := w.legOf(b[1] & 0x7f)
	if l == nil || !l.on {
		return
	}
	if !byICE && !w.believe(l, b, from, at) {
		return
	}
	l.receive(b, at)
}

// believe lets the latch decide whose packets count, and follows it.
func (w *transport) believe(l *leg, b []byte, from netip.AddrPort, at time.Time) bool {
	known := !l.audio || l.routes[b[1]&0x7f].Verb != route.Drop || b[1]&0x7f == l.main
	verdict := w.latch.Packet(from, b, at, known)
	if verdict == relay.Drop {
		w.strangers++
		return false
	}
	if peer := w.latch.Peer(); peer != w.to {
		w.session().post(Event{Kind: EventLatched, Side: w.which, Line: l.stream.index, Addr: peer})
		if w.muxed() {
			w.toRTCP = peer
		}
		w.to = peer
	}
	if verdict == relay.Settled {
		w.settled = true
		if w.shared == nil {
			_ = w.rtp.Connect(w.to) // from here on the kernel drops strangers
		}
	}
	return true
}

// legOf finds whose packet a payload number is, on a transport several legs
// share.
func (w *transport) legOf(pt uint8) *leg {
	if len(w.legs) == 1 {
		return w.legs[0]
	}
	for _, l := range w.legs {
		for _, c := range l.agreed.Codecs {
			if c.Receive == pt {
				return l
			}
		}
	}
	return nil
}

// receive routes one good RTP packet of a leg.
func (l *leg) receive(b []byte, at time.Time) {
	pt := b[1] & 0x7f
	l.unfollow() // this one did not fit what was forwarded elsewhere; its
	l.account()  // numbers must follow
	seq, ts, ssrc := binary.BigEndian.Uint16(b[2:]), binary.BigEndian.Uint32(b[4:]), binary.BigEndian.Uint32(b[8:])
	verdict := l.in.Packet(ssrc, seq, ts, len(b), at)
	if verdict == quality.Duplicate {
		return
	}
	l.hear(at)
	l.resting = pt == l.noise
	if l.overheard() {
		l.overhear(b, pt, at)
	}
	o := l.opposite()
	r := l.routes[pt]
	if r.Verb == route.Key && l.path == nil {
		l.key(b, ts, at)
	}
	if o == nil || r.Verb == route.Drop || !l.hears || !o.speaks {
		l.dropped++
		if o != nil && r.Verb != route.Drop {
			o.source = source{} // held: what follows is joined on, not counted as lost
		}
		return
	}
	if r.Verb == route.Pass || r.Verb == route.Convert {
		l.main = pt
	}
	l.forward(o, r, b, pt, at)
	if r.Verb == route.Pass && verdict == quality.Fresh {
		l.follow(o, pt, r.To, seq)
	}
}

// hear notes when something came last.
func (l *leg) hear(at time.Time) {
	l.heard = at
	if l.oneWay {
		l.oneWay = false
		l.stream.session.post(Event{Kind: EventHeard, Side: l.which, Line: l.stream.index})
	}
}

// forward passes a packet on or gives it to the path that converts.
func (l *leg) forward(o *leg, r route.Route, b []byte, pt uint8, at time.Time) {
	switch {
	case l.path != nil && (r.Verb == route.Key || pt == l.pathOf.In.PT || l.pathOf.Keys):
		l.path.Push(b, at)
	case r.Verb == route.Key && r.ToClock == 0:
		l.lastKey = at
		l.rebuild(at) // keys must become tones from here on
	case r.Verb == route.Convert:
		l.rebuild(at) // this packet is lost; the path takes those that follow
	case l.path != nil && r.Verb == route.Pass:
		l.rebuild(at) // its voice changed to what can pass
	default:
		if r.Verb == route.Key && r.Clock != r.ToClock {
			dtmf.Rescale(payload(b), int(r.Clock), int(r.ToClock))
		}
		b[1] = b[1]&0x80 | r.To
		o.send(b, source{relayed, int(r.Clock)}, at)
	}
}

// key follows key events that pass through, so that the call layer knows them.
func (l *leg) key(b []byte, ts uint32, at time.Time) {
	if l.keys == nil {
		return
	}
	l.lastKey = at
	if e, _, ended := l.keys.Packet(ts, payload(b)); ended {
		l.stream.session.post(Event{Kind: EventKey, Side: l.which, Line: l.stream.index, Key: e})
	}
}

// payload is the part of an RTP packet behind its header (RFC 3550 §5.1);
// empty when the header says it is longer than the packet.
func payload(b []byte) []byte {
	n := 12 + 4*int(b[0]&0x0f)
	if b[0]&0x10 != 0 {
		if len(b) < n+4 {
			return nil
		}
		n += 4 + 4*int(binary.BigEndian.Uint16(b[n+2:]))
	}
	end := len(b)
	if b[0]&0x20 != 0 {
		end -= int(b[len(b)-1])
	}
	if n > end {
		return nil
	}
	return b[n:end]
}
