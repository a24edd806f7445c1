package media

import (
	"time"

	"tandem/media/codec"
	"tandem/media/dtmf"
	"tandem/media/sdp"
	"tandem/media/transcode"
)

// pathKey is all a conversion path depends on: when it stays the same across a
// re-INVITE, so does the path.
type pathKey struct {
	in, out       sdpCodec
	pt            uint8 // of what comes in
	cn, event     uint8
	eventClock    int
	outCN, outKey uint8
	outKeyClock   int
	ptime         int
	inband, keys  bool // keys: made for key events alone; all voice goes through
	to            *leg
}

// sdpCodec is a codec entry that can be compared.
type sdpCodec struct {
	name            string
	clock, channels int
	fmtp            string
	send            uint8
}

func entry(c sdp.AgreedCodec) sdpCodec {
	return sdpCodec{name: c.Canonical(), clock: c.ClockRate, channels: c.Channels, fmtp: c.Fmtp, send: c.Send}
}

// forced says that even voice that could pass goes through the path, because
// keys must become tones in it.
func (k pathKey) forced() bool { return k.keys }

// wanted is the path a leg's voice needs now, false when it needs none. Called
// with mu held.
func (l *leg) wanted() (pathKey, bool) {
	o := l.opposite()
	if o == nil || !l.on || l.agreed.Kind != "audio" || l.main == none {
		return pathKey{}, false
	}
	r := l.routes[l.main]
	if r.verb != pass && r.verb != convert {
		return pathKey{}, false
	}
	from := l.agreed.Codecs[r.codec]
	k := pathKey{in: entry(from), pt: l.main, ptime: o.agreed.Ptime, to: o}
	k.event, k.eventClock = eventOf(&l.agreed, from.ClockRate, receiving)
	k.cn = noiseOf(&l.agreed, from.ClockRate, receiving)
	n, ok := outgoing(&o.agreed)
	if !ok {
		return pathKey{}, false
	}
	to := o.agreed.Codecs[n]
	if r.verb == pass {
		// Only for keys: to the same format it came in.
		if k.event == none || l.routes[k.event].verb != key || l.routes[k.event].toClock != 0 || !l.pressed() {
			return pathKey{}, false
		}
		if _, ok := convertible(from.Codec); !ok {
			return pathKey{}, false
		}
		for _, c := range o.agreed.Codecs {
			if c.Send == r.to {
				to = c
			}
		}
		k.keys = true
	}
	k.out = entry(to)
	k.outKey, k.outKeyClock = eventOf(&o.agreed, to.ClockRate, sending)
	k.outCN = noiseOf(&o.agreed, to.ClockRate, sending)
	k.inband = l.stream.session.sides[l.which].want.Tones != TonesIgnored && k.event == none
	return k, true
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
		} else if open && k.event != none {
			passed = l.routes[k.event].toClock != 0
		}
	}
	s.mu.Unlock()
	var fresh *transcode.Path
	if need {
		var err error
		if fresh, err = l.newPath(k, passed); err != nil {
			s.logger().Warn("audio cannot be converted", "from", k.in.name, "to", k.out.name, "err", err)
		}
	}
	s.mu.Lock()
	if fresh != nil {
		l.onload() // not before: what comes meanwhile is not lost
		for _, e := range unsent {
			fresh.Send(e)
		}
		if k.event == l.keyPT {
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

func formatOf(e sdpCodec) (codec.Format, bool) {
	return codec.Find(e.name, e.clock, max(e.channels, 1))
}

// newPath makes the path that converts from l to the leg opposite.
func (l *leg) newPath(k pathKey, passed bool) (*transcode.Path, error) {
	s, o := l.stream.session, k.to
	in, _ := formatOf(k.in)
	in.InGo = s.server.c.Opus.DecodeInGo
	out, _ := formatOf(k.out)
	var keys *dtmf.Reader // whoever reads them goes on where the other stopped
	if k.event == l.keyPT {
		keys = l.keys
	}
	begun := false
	return s.server.pool.Add(transcode.Options{
		In: transcode.Input{Format: in, PayloadType: k.pt, CN: k.cn, Event: k.event, EventClock: k.eventClock, Keys: keys, Passed: passed},
		Out: transcode.Output{
			Format: out, PayloadType: k.out.send, CN: k.outCN, Event: k.outKey, EventClock: k.outKeyClock,
			Ptime: time.Duration(k.ptime) * time.Millisecond, Fmtp: k.out.fmtp, Opus: s.server.c.Opus.options(),
			Send: func(b []byte) {
				s.mu.Lock()
				defer s.mu.Unlock()
				if !s.closed && o.on {
					if !begun && o.source.origin == converted {
						o.source = source{} // numbers of its own: they are joined on
					}
					begun = true
					o.send(b, source{converted, out.Clock}, time.Now())
				}
			},
		},
		Inband: k.inband,
		Key:    func(e dtmf.Event) { s.post(Event{Kind: EventKey, Side: l.which, Line: l.stream.index, Key: e}) },
	})
}
