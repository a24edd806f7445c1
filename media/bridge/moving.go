package bridge

import (
	"slices"
	"time"

	"tandem/media/route"
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
// still has the old one finds it switched off. Only a leg of which nothing but its stream
// and its transport knew, such as that of a branch that was not heard, goes on itself.
type moving struct {
	old, fresh *leg
	to         *stream
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
		o := st.legs[w.Other()]
		if o != nil {
			o.source = source{} // what it hears next has other numbers, which continue those sent before
		}
		st.legs[w] = nil
		l.on = false
		paths := l.unplug()
		m := moving{old: l, fresh: l, to: to.streams[i]}
		if o != nil || len(paths) > 0 {
			m.fresh = new(leg)
		}
		legs, closing = append(legs, m), append(closing, paths...)
	}
	for _, way := range ways {
		way.move(to, as)
	}
	return legs, closing
}

// arrive continues a leg in its new bridge. The caller holds its mu, and has closed the
// paths of the old leg.
func (m moving) arrive(as Which) {
	l := m.fresh
	if l != m.old {
		*l = *m.old
	}
	l.stream, l.which, l.on = m.to, as, l.agreed.Enabled
	if l.keys == nil {
		l.keys = l.lent
	}
	// What it was in the middle of in the old bridge is over.
	l.lent, l.source, l.routes = nil, source{}, route.Table{}
	l.oneWay, l.resting, l.building = false, false, false
	l.rebuilt, l.turn, l.steady = time.Time{}, time.Time{}, time.Time{}
	l.control = control{next: l.next}
	l.stream.legs[as] = l
	l.join(l.way)
}
