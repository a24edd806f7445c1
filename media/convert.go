package media

import (
	"time"

	"tandem/media/dtmf"
	"tandem/media/route"
	"tandem/media/transcode"
)

// pathKey is all a conversion path depends on.
type pathKey struct {
	route.Conversion
	to *leg
}

// wanted is the path a leg's voice needs now, false when it needs none. Called
// with mu held.
func (l *leg) wanted() (pathKey, bool) {
	o := l.opposite()
	if o == nil || !l.on {
		return pathKey{}, false
	}
	inband := l.stream.session.sides[l.which].Want().Tones != TonesIgnored
	c, need := l.routes.Conversion(&l.agreed, &o.agreed, l.main, l.pressed(), inband)
	return pathKey{c, o}, need
}

// pressed says that a key event has been seen of this leg.
func (l *leg) pressed() bool { return !l.lastKey.IsZero() }

// rebuildEvery is how often a leg's packets can have a path made: one that
// changes its codec with each packet shall not keep a core busy with encoders.
const rebuildEvery = 200 * time.Millisecond

// rebuild asks for another path. Called with mu held, on a worker: the path is
// made elsewhere, because making an encoder takes its time.
func (l *leg) rebuild(at time.Time) {
	if l.building || at.Sub(l.rebuilt) < rebuildEvery {
		return
	}
	l.building, l.rebuilt = true, at
	s := l.stream.session
	s.later(func() {
		s.ctl.Lock()
		defer s.ctl.Unlock()
		if !s.gone {
			s.settle()
		}
	})
}

// settle makes, keeps and ends paths so that each leg has the one it needs.
// Called with ctl held and without mu.
func (s *Session) settle() {
	for _, st := range s.streams {
		for _, l := range st.legs {
			if l != nil {
				l.settle()
				l.settleTap()
				l.settleEars()
				l.settlePlayer()
			}
		}
	}
}

func (l *leg) settle() {
	s := l.stream.session
	s.mu.Lock()
	k, need := l.wanted()
	old := l.path
	if need && old != nil && l.pathOf == k {
		l.building = false
		s.mu.Unlock()
		return
	}
	s.mu.Unlock()
	var unsent []dtmf.Event
	if old != nil {
		old.Close()
		unsent = old.Unsent()
	}
	s.mu.Lock()
	if l.keys == nil {
		l.keys = l.lent
	}
	l.lent = nil
	passed := false // a key has begun to go as it is
	if l.keys != nil {
		if _, open := l.keys.Current(); open && old != nil {
			l.lastKey = time.Now()
		} else if open && k.In.Event != route.None {
			passed = l.routes[k.In.Event].ToClock != 0
		}
	}
	s.mu.Unlock()
	var fresh *transcode.Path
	if need {
		var err error
		if fresh, err = l.newPath(k, passed); err != nil {
			s.logger().Warn("audio cannot be converted", "from", k.In.Name, "to", k.Out.Name, "err", err)
		}
	}
	s.mu.Lock()
	if fresh != nil {
		l.onload() // not before: what comes meanwhile is not lost
		for _, e := range unsent {
			fresh.Send(e)
		}
		if k.In.Event == l.keyPT {
			l.keys, l.lent = nil, l.keys
		}
	}
	l.path, l.pathOf, l.building = fresh, k, false
	o := l.opposite()
	s.mu.Unlock()
	if fresh == nil && o != nil {
		for _, e := range unsent {
			if err := o.press(e); err != nil {
				s.logger().Warn("a key is lost", "side", o.which.String(), "err", err)
			}
		}
	}
}

// newPath makes the path that converts from l to the leg opposite.
func (l *leg) newPath(k pathKey, passed bool) (*transcode.Path, error) {
	s, o := l.stream.session, k.to
	in := k.In.Input(s.server.c.Opus.DecodeInGo)
	if k.In.Event == l.keyPT { // whoever reads the keys goes on where the other stopped
		in.Keys = l.keys
	}
	in.Passed = passed
	clock := k.Out.Format().Clock
	begun := false
	return s.server.pool.Add(transcode.Options{
		In: in,
		Out: k.Out.Output(s.server.c.Opus.options(), func(b []byte) {
			s.mu.Lock()
			defer s.mu.Unlock()
			if !s.closed && o.on {
				if !begun && o.source.origin == converted {
					o.source = source{} // numbers of its own: they are joined on
				}
				begun = true
				o.send(b, source{converted, clock}, time.Now())
			}
		}),
		Inband: k.Inband,
		Key:    func(e dtmf.Event) { s.post(Event{Kind: EventKey, Side: l.which, Line: l.stream.index, Key: e}) },
	})
}
