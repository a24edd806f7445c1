package media

import (
	"errors"
	"slices"
	"time"

	"tandem/media/transcode"
)

// ErrSame says that a side was to take a place of its own session, or one of
// another server, which has none of its ports.
var ErrSame = errors.New("a side can move to another session of the same media server only")

// move takes a side with its agent, ports, keys and figures to another session, in
// place of what is there, which is the caller's to keep or to close. What was
// played to it ends. Called with ctl of both sessions held; rejoin must follow in
// both.
func (d *side) move(to *Session, as Which) {
	from, was := d.session, d.which
	fresh, closing := from.take(d, to, as)
	for _, p := range closing {
		p.Close()
	}
	to.mu.Lock()
	for _, m := range fresh {
		m.arrive(as)
	}
	to.mu.Unlock()
	d.session, d.which = to, as
	to.sides[as] = d
	if from.sides[was] == d {
		from.sides[was] = &side{session: from, which: was}
	}
}

// moving is a leg on its way to another session. It goes on as a new one: whatever
// still knows the old one finds it off.
type moving struct {
	old, fresh *leg
}

// take takes the legs of a side off a session and gives their transports to
// another; packets that come before they arrive there are lost.
func (s *Session) take(d *side, to *Session, as Which) (legs []moving, closing []*transcode.Path) {
	for _, st := range s.streams { // m-lines keep their places
		if _, err := to.stream(st.index, st.kind); err != nil {
			s.logger().Error("moving a side", "err", err)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.onload()
	var ways []*way
	for i, st := range s.streams {
		l := st.legs[d.which]
		if l == nil {
			continue
		}
		for _, w := range []*way{l.way, l.next} {
			if w != nil && !slices.Contains(ways, w) {
				ways = append(ways, w)
			}
		}
		if o := st.legs[d.which.Other()]; o != nil {
			o.source = source{} // what it hears next is joined on
		}
		st.legs[d.which] = nil
		l.on, closing = false, append(closing, l.unplug()...)
		legs = append(legs, moving{old: l, fresh: &leg{stream: to.streams[i], way: l.way, which: as, control: control{next: l.next}}})
	}
	for _, w := range ways {
		w.move(to, as)
	}
	return legs, closing
}

// arrive has a leg go on in its new session. Called with its mu held, when the
// paths of the old one are closed.
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

// rejoin puts what both sides have agreed to into force again, after one of them
// changed. Called with ctl held.
func (s *Session) rejoin() error {
	s.mu.Lock()
	s.signalled = time.Now()
	s.mu.Unlock()
	var failed error
	for _, d := range s.sides {
		if d.Agreed() != nil {
			failed = errors.Join(failed, s.connect(d, false))
		}
	}
	return failed
}
