package bridge

import (
	"time"

	"tandem/media/dtmf"
	"tandem/media/route"
	"tandem/media/transcode"
)

// pathKey is everything a conversion path depends on.
type pathKey struct {
	route.Conversion
	to *leg
}

// converter is a path from one leg to the other, and what it was made for.
type converter struct {
	*transcode.Path
	of pathKey
}

// wanted returns the path that a leg's voice needs now, or false when it needs none.
// The caller holds mu.
func (l *leg) wanted() (pathKey, bool) {
	o := l.opposite()
	if o == nil || !l.on {
		return pathKey{}, false
	}
	inband := l.stream.bridge.owner.Asked().Tones[l.which] != dtmf.TonesIgnored
	c, need := l.routes.Conversion(&l.agreed, &o.agreed, l.main, l.pressed(), inband)
	return pathKey{c, o}, need
}

// pressed reports whether this leg has sent key events.
func (l *leg) pressed() bool { return !l.lastKey.IsZero() }

// rebuildEvery is how often a leg's packets can cause a new path: a leg that changes
// its codec with each packet must not keep a core busy making encoders.
const rebuildEvery = 200 * time.Millisecond

// rebuild asks for another path. It is called with mu held, on a worker; the path is
// made elsewhere because making an encoder takes time.
func (l *leg) rebuild(at time.Time) {
	if l.building || at.Sub(l.rebuilt) < rebuildEvery {
		return
	}
	l.building, l.rebuilt = true, at
	b := l.stream.bridge
	b.owner.Soon(b.Settle)
}

// Settle makes, keeps and ends paths so that each leg has the one it needs. The caller
// must not hold mu.
func (b *Bridge) Settle() {
	for _, st := range b.streams {
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
	b := l.stream.bridge
	b.mu.Lock()
	k, need := l.wanted()
	old := l.path
	if need && old != nil && old.of == k {
		l.building = false
		b.mu.Unlock()
		return
	}
	b.mu.Unlock()
	var unsent []dtmf.Event
	if old != nil {
		old.Close()
		unsent = old.Unsent()
	}
	b.mu.Lock()
	if l.keys == nil {
		l.keys = l.lent
	}
	l.lent = nil
	passed := false // a key event has begun to pass unconverted
	if l.keys != nil {
		if _, open := l.keys.Current(); open && old != nil {
			l.lastKey = time.Now()
		} else if open && k.In.Event != route.None {
			passed = l.routes.Of(k.In.Event).ToClock != 0
		}
	}
	b.mu.Unlock()
	var fresh *converter
	if need {
		if p, err := l.newPath(k, passed); err != nil {
			b.logger().Warn("audio cannot be converted", "from", k.In.Name, "to", k.Out.Name, "err", err)
		} else {
			fresh = &converter{p, k}
		}
	}
	b.mu.Lock()
	if fresh != nil {
		l.onload() // only now, so that no packet is lost meanwhile
		for _, e := range unsent {
			fresh.Send(e)
		}
		if k.In.Event == l.keyPT {
			l.keys, l.lent = nil, l.keys
		}
	}
	l.path, l.building = fresh, false
	o := l.opposite()
	b.mu.Unlock()
	if fresh == nil && o != nil {
		for _, e := range unsent {
			if err := o.press(e); err != nil {
				b.logger().Warn("a key is lost", "side", o.which.String(), "err", err)
			}
		}
	}
}

// newPath makes the path that converts from l to the opposite leg.
func (l *leg) newPath(k pathKey, passed bool) (*transcode.Path, error) {
	b, o := l.stream.bridge, k.to
	in := k.In.Input(b.plant.DecodeInGo)
	if k.In.Event == l.keyPT { // the new reader continues where the old one stopped
		in.Keys = l.keys
	}
	in.Passed = passed
	clock := k.Out.Format().Clock
	begun := false
	return b.plant.Pool.Add(transcode.Options{
		In: in,
		Out: k.Out.Output(b.plant.Opus, func(packet []byte) {
			b.mu.Lock()
			defer b.mu.Unlock()
			if !b.closed && o.on {
				if !begun && o.source.origin == converted {
					o.source = source{} // its numbers are new, and continue those sent before
				}
				begun = true
				o.send(packet, source{converted, clock}, time.Now())
			}
		}),
		Inband: k.Inband,
		Key:    func(e dtmf.Event) { b.owner.Post(Event{Kind: EventKey, Side: l.which, Line: l.stream.index, Key: e}) },
	})
}
