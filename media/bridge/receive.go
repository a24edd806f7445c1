package bridge

import (
	"encoding/binary"
	"math"
	"time"

	"tandem/media/dtmf"
	"tandem/media/quality"
	"tandem/media/route"
)

// knows reports whether a payload number is one that was agreed on.
func (l *leg) knows(number uint8) bool {
	return !l.audio || l.routes.Of(number).Verb != route.Drop || number == l.main
}

// receive routes one valid RTP packet of a leg.
func (l *leg) receive(b []byte, at time.Time) {
	pt := b[1] & 0x7f
	l.unfollow() // this packet did not fit the series; its counters come first
	l.account()
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
	r := l.routes.Of(pt)
	if r.Verb == route.Key && l.path == nil {
		l.key(b, ts, at)
	}
	if o == nil || r.Verb == route.Drop || !l.hears || !o.speaks {
		l.dropped++
		if o != nil && r.Verb != route.Drop {
			o.source = source{} // held: what follows continues the numbers, and nothing counts as lost
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

// hear notes when something last came.
func (l *leg) hear(at time.Time) {
	l.heard = at
	if l.oneWay {
		l.oneWay = false
		l.stream.bridge.owner.Post(Event{Kind: EventHeard, Side: l.which, Line: l.stream.index})
	}
}

// forward passes a packet on or gives it to the path that converts it.
func (l *leg) forward(o *leg, r route.Route, b []byte, pt uint8, at time.Time) {
	switch {
	case l.path != nil && (r.Verb == route.Key || pt == l.path.of.In.PT || l.path.of.Keys):
		l.path.Push(b, at)
	case r.Verb == route.Key && r.ToClock == 0:
		l.lastKey = at
		l.rebuild(at) // keys must become tones from now on
	case r.Verb == route.Convert:
		l.rebuild(at) // this packet is lost; the path takes the following ones
	case l.path != nil && r.Verb == route.Pass:
		l.rebuild(at) // its voice changed to a format that can pass
	default:
		if r.Verb == route.Key && r.Clock != r.ToClock {
			dtmf.Rescale(payload(b), int(r.Clock), int(r.ToClock))
		}
		b[1] = b[1]&0x80 | r.To
		o.send(b, source{relayed, int(r.Clock)}, at)
	}
}

// told takes the side's report on how it hears o.
func (l *leg) told(r quality.Remote, o *leg) {
	l.remote = r
	if o != nil && o.path != nil {
		o.path.Loss(int(math.Ceil(r.LossPercent)))
	}
}

// key follows key events that pass through, so that the call layer learns of them.
func (l *leg) key(b []byte, ts uint32, at time.Time) {
	if l.keys == nil {
		return
	}
	l.lastKey = at
	if e, _, ended := l.keys.Packet(ts, payload(b)); ended {
		l.stream.bridge.owner.Post(Event{Kind: EventKey, Side: l.which, Line: l.stream.index, Key: e})
	}
}

// payload returns the part of an RTP packet after its header (RFC 3550 §5.1). It is
// empty when the header claims to be longer than the packet.
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
