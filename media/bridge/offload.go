package bridge

import (
	"time"

	"tandem/media/relay"
	"tandem/media/relay/forwarder"
	"tandem/media/rewrite"
	"tandem/media/route"
)

// flow is a direction in the kernel, with the part of its counters that has been added
// here.
type flow struct {
	*relay.Offloaded
	told forwarder.Counters
}

// offload moves a direction into the kernel when nothing about it needs user space. The
// kernel's counters are read when needed: for a report, or to find out that nothing
// comes any more. Called with mu held, once a second.
func (l *leg) offload(now time.Time) {
	if l.flow != nil {
		if c := l.stream.bridge.plant; now.After(l.nextRTCP) || now.Sub(l.heard) >= min(c.Silence, c.Idle) {
			l.accountAt(now)
			if l.flow.Ended() {
				l.onload() // the destination has changed; the direction may return to the kernel
			}
		}
		return
	}
	l.account()
	b := l.stream.bridge
	o := l.opposite()
	if o == nil || b.noKernel || l.building || now.Sub(latest(l.since, l.steady)) < b.plant.Settle || now.Sub(l.heard) > time.Second || !l.plain() || !o.plain() {
		return
	}
	offsets, ok := o.rewrite.Offsets()
	if !ok || o.source.origin != relayed || offsets.In != l.in.Source() || l.path != nil || l.overheard() || o.play != nil || !l.agreed.CanReceive || !o.agreed.CanSend {
		return
	}
	f := relay.Flow{
		In: l.way.Socket(), From: l.way.To(), Out: o.way.Socket(), To: o.way.To(),
		Offsets: offsets, Clock: uint32(l.in.Clock), Types: l.forwarded(),
	}
	l.unfollow()
	fresh, err := b.plant.Plane.Offload(f)
	if err != nil {
		b.noKernel = true
		b.logger().Debug("media stays in user space", "err", err)
		return
	}
	l.flow = &flow{Offloaded: fresh}
}

// plain reports whether packets of a leg can be forwarded by address alone.
func (l *leg) plain() bool {
	return l.stream.kind == "audio" && len(l.way.legs) == 1 && l.way.Plain()
}

// forwarded returns the payload types that pass unexamined. Key events are examined, so
// that the call layer learns of them, and comfort noise, so that the silence after it
// raises no alarm.
func (l *leg) forwarded() (t rewrite.Types) {
	for n := range t {
		t[n] = rewrite.Drop
		if r := l.routes.Of(uint8(n)); r.Verb == route.Pass && uint8(n) != l.noise {
			t[n] = r.To
		}
	}
	return t
}

// account adds what the kernel or the relay's worker forwarded to the figures of both
// sides, and continues the numbers sent from there. The caller holds mu.
func (l *leg) account() {
	if l.series {
		l.ran(l.way.Socket().Followed(false))
	}
	if l.flow == nil {
		return
	}
	c := l.flow.Counters()
	if c.Packets == l.flow.told.Packets {
		return
	}
	packets, octets := c.Packets-l.flow.told.Packets, c.Octets-l.flow.told.Octets
	l.flow.told = c
	l.hear(latest(l.heard, c.LastPacket))
	l.resting = false
	l.in.Forwarded(packets, octets, c.Sequence, c.Jitter, c.LastPacket)
	if o := l.opposite(); o != nil {
		o.rewrite.Resume(c.Sequence, c.Timestamp, c.LastPacket)
		o.out.Forwarded(packets, octets, o.rewrite.Timestamp(c.Timestamp), c.LastPacket)
	}
}

// accountAt calls account once in a turn of the watch, since the reports of both sides
// need it.
func (l *leg) accountAt(now time.Time) {
	if l.turn.Equal(now) {
		return
	}
	l.turn = now
	l.account()
}

// onload takes a direction back from the kernel. Called with mu held, before any change
// to what is done with its packets.
func (l *leg) onload() {
	if l == nil {
		return
	}
	l.unfollow()
	if l.flow == nil {
		return
	}
	l.account()
	l.flow.Close()
	l.flow = nil
	l.steady = time.Now() // it has to settle again
}

// onload takes all directions back from the kernel. The caller holds mu.
func (b *Bridge) onload() {
	for _, st := range b.streams {
		for _, l := range st.legs {
			l.onload()
		}
	}
}
