package bridge

import (
	"slices"

	"tandem/media/transcode"
)

// Move takes the legs of a side to another bridge, in place of those there.
func (b *Bridge) Move(w Which, to *Bridge, as Which) {
	fresh, closing := b.take(w, to, as)
	for _, p := range closing {
		p.Close()
	}
	to.mu.Lock()
	for _, m := range fresh {
		m.arrive(as)
	}
	to.mu.Unlock()
}

// moving is a leg on its way to another bridge. It continues as a new leg; code that
// still has the old one finds it switched off.
type moving struct {
	old, fresh *leg
}

// take removes the legs of a side from the bridge and gives their transports to
// another. Packets are lost until the legs arrive there.
func (b *Bridge) take(w Which, to *Bridge, as Which) (legs []moving, closing []*transcode.Path) {
	for _, st := range b.streams { // m-lines keep their places
		if _, err := to.stream(st.index, st.kind); err != nil {
			b.logger().Error("moving a side", "err", err)
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.onload()
	var ways []*Way
	for i, st := range b.streams {
		l := st.legs[w]
		if l == nil {
			continue
		}
		for _, way := range []*Way{l.way, l.next} {
			if way != nil && !slices.Contains(ways, way) {
				ways = append(ways, way)
			}
		}
		if o := st.legs[w.Other()]; o != nil {
			o.source = source{} // what it hears next has other numbers, which continue those sent before
		}
		st.legs[w] = nil
		l.on, closing = false, append(closing, l.unplug()...)
		legs = append(legs, moving{old: l, fresh: &leg{stream: to.streams[i], way: l.way, which: as, control: control{next: l.next}}})
	}
	for _, way := range ways {
		way.move(to, as)
	}
	return legs, closing
}

// arrive continues a leg in its new bridge. The caller holds its mu, and has closed the
// paths of the old leg.
func (m moving) arrive(as Which) {
	old, l := m.old, m.fresh
	l.main, l.noise, l.keyPT = old.main, old.noise, old.keyPT
	l.audio, l.hears, l.speaks, l.on = old.audio, old.hears, old.speaks, old.agreed.Enabled
	l.heard, l.in, l.out, l.rewrite = old.heard, old.in, old.out, old.rewrite
	l.agreed, l.since, l.lastKey, l.remote = old.agreed, old.since, old.lastKey, old.remote
	l.dropped, l.raw, l.cname, l.nextRTCP = old.dropped, old.raw, old.cname, old.nextRTCP
	if l.keys = old.keys; l.keys == nil {
		l.keys = old.lent
	}
	l.stream.legs[as] = l
	l.join(l.way)
}
