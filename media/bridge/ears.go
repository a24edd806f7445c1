package bridge

import (
	"slices"
	"time"

	"tandem/media/codec"
	"tandem/media/route"
	"tandem/media/transcode"
)

// ear decodes what comes from a leg for one listener.
type ear struct {
	path *transcode.Path
	of   earKey
}

// earKey is everything an ear depends on.
type earKey struct {
	voice route.Heard
	to    *Listener
}

// voice returns how to decode what a leg says now, or false when that is impossible.
// The caller holds mu.
func (l *leg) voice() (route.Heard, bool) {
	if !l.on || l.stream.kind != "audio" || l.main == route.None {
		return route.Heard{}, false
	}
	return route.Hearing(&l.agreed, l.main)
}

// input returns the input of a path that only decodes a leg.
func (l *leg) input(h route.Heard) transcode.Input {
	return h.Input(l.stream.bridge.plant.DecodeInGo)
}

// settleEars makes, keeps or ends the decoders of a leg for listeners. The caller must
// not hold mu.
func (l *leg) settleEars() {
	b := l.stream.bridge
	var wanted []earKey
	b.mu.Lock()
	if k, ok := l.voice(); ok && b.speaker(l.which) == l {
		for _, e := range b.owner.Asked().Listeners {
			if e.Side == l.which {
				wanted = append(wanted, earKey{k, e})
			}
		}
	}
	b.mu.Unlock()
	var kept, fresh []ear
	for _, e := range l.ears { // packets do not change them
		if slices.Contains(wanted, e.of) {
			kept = append(kept, e)
		}
	}
	for _, k := range wanted {
		if slices.ContainsFunc(kept, func(e ear) bool { return e.of == k }) {
			continue
		}
		path, err := l.newEar(k)
		if err != nil {
			b.logger().Warn("audio cannot be decoded for a listener", "codec", k.voice.Name, "err", err)
			continue
		}
		fresh = append(fresh, ear{path, k})
	}
	b.mu.Lock()
	old := l.ears
	if len(fresh) > 0 {
		l.onload() // listeners must get all packets
	}
	l.ears = append(kept, fresh...)
	b.mu.Unlock()
	for _, e := range old {
		if !slices.Contains(kept, e) {
			e.path.Close()
		}
	}
}

// speaker is the leg of a side's first audio line that is on.
func (b *Bridge) speaker(w Which) *leg {
	for _, st := range b.streams {
		if l := st.legs[w]; l != nil && l.on && st.kind == "audio" {
			return l
		}
	}
	return nil
}

func (l *leg) newEar(k earKey) (*transcode.Path, error) {
	return l.stream.bridge.plant.Pool.Add(transcode.Options{
		In:   l.input(k.voice),
		Rate: k.to.Rate,
		Out:  transcode.Output{Format: codec.Format{}, CN: route.None, Event: route.None},
		Tap:  func(pcm []int16, _ int) { k.to.Hear(pcm) },
	})
}

// overheard reports whether a decoder besides the path to the other leg needs the leg's
// packets.
func (l *leg) overheard() bool { return l.tap != nil || len(l.ears) > 0 }

// overhear gives a packet to those decoders. The caller holds mu.
func (l *leg) overhear(b []byte, pt uint8, at time.Time) {
	as := pt
	if l.tap != nil {
		l.tap.Push(b, at)
		as = l.tap.of.voice.PT
	}
	for i := range l.ears {
		l.ears[i].path.Push(b, at)
		as = l.ears[i].of.voice.PT
	}
	if pt != as && l.says(pt) {
		l.main = pt
		l.rebuild(at) // its voice changed, and so must the decoders
	}
}

// says reports whether packets of a payload number carry the leg's voice. Without an
// opposite leg there are no routes that would tell.
func (l *leg) says(pt uint8) bool {
	if l.opposite() != nil {
		v := l.routes.Of(pt).Verb
		return v == route.Pass || v == route.Convert
	}
	for _, c := range l.agreed.Codecs {
		if c.Receive&0x7f == pt || c.Send&0x7f == pt {
			return c.Codec.Main()
		}
	}
	return false
}
