package bridge

import (
	"tandem/media/relay"
)

// Payload numbers that RTCP has on a shared port (RFC 5761 §4).
const firstControl, lastControl = 64, 95

// follow lets the relay's worker forward the packets after this one by itself, as long
// as they only continue the same stream. Called with mu held, after the packet was
// passed on and l.in has counted it as the next in order.
func (l *leg) follow(o *leg, pt, to uint8, seq uint16) {
	if l.path != nil || l.overheard() || o.play != nil || l.flow != nil || pt != l.main || pt >= firstControl && pt <= lastControl || !l.steadfast() || !o.steadfast() {
		return
	}
	f := relay.Series{From: l.way.To(), Out: o.way.Socket(), To: o.way.To(), Type: pt, TypeOut: to, Jitter: l.in.Jitter()}
	if in, _ := l.way.Contexts(); in != nil {
		f.Open = in
	}
	if _, out := o.way.Contexts(); out != nil {
		f.Seal = out
	}
	if at, ok := o.rewrite.Place(); ok && at.Sequence == seq && at.Offsets.In == l.in.Source() {
		f.Place = at
		l.way.Socket().Follow(f)
		l.series = true
	}
}

// steadfast reports whether an audio leg has a socket of its own, an agreed far
// address, and keys if it needs them.
func (l *leg) steadfast() bool {
	return l.stream.kind == "audio" && len(l.way.legs) == 1 && l.way.Steady()
}

// unfollow makes all packets of the transport come to the session again. Called with mu
// held, before anything about the transport changes.
func (w *Way) unfollow() {
	for _, l := range w.legs {
		l.unfollow()
		if o := l.opposite(); o != nil {
			o.unfollow()
		}
	}
}

// unfollow ends what follow began. Called with mu held, before any change to what is
// done with a leg's packets.
func (l *leg) unfollow() {
	if l.series {
		l.ran(l.way.Socket().Followed(true))
		l.series = false
	}
}

// ran adds what the worker forwarded to the figures of both sides, and continues the
// numbers sent from there.
func (l *leg) ran(p relay.Progress) {
	l.way.Refuse(p.Refused)
	if p.Packets == 0 {
		return
	}
	l.heard = p.At
	l.in.Ran(p.Packets, p.Octets, p.Timestamp, p.Jitter, p.At)
	if o := l.opposite(); o != nil {
		o.rewrite.Resume(p.Sequence, p.Timestamp, p.At)
		o.out.Forwarded(p.Packets, p.Octets, o.rewrite.Timestamp(p.Timestamp), p.At)
	}
}
