package media

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"tandem/media/codec"
	"tandem/media/route"
	"tandem/media/transcode"
)

// Listener is given what one side says, decoded.
type Listener struct {
	session *Session
	side    Which
	rate    int
	hear    func(pcm []int16)
}

// Listen has what a side says in its first audio line decoded and given to hear, as
// mono PCM of a rate (8000, 16000 or 48000 Hz), 20 ms at a time, silence and
// concealed losses included, until Stop or the end of the session. It follows
// changes of codec, and of who is on that side. It may begin before the side has
// agreed to anything.
//
// hear is called by a worker that converts audio, one call at a time: it must not
// wait, keep pcm, nor call the session. Packets are passed on whatever it does: those
// the worker does not get round to are dropped once a few wait. Keys are not part of
// what is heard; see EventKey.
func (s *Session) Listen(from Which, rate int, hear func(pcm []int16)) (*Listener, error) {
	if !slices.Contains([]int{8000, 16000, 48000}, rate) {
		return nil, fmt.Errorf("listening at %d Hz: a rate is 8000, 16000 or 48000", rate)
	}
	s.ctl.Lock()
	defer s.ctl.Unlock()
	switch {
	case s.gone:
		return nil, ErrClosed
	case len(s.listeners) >= maxListeners:
		return nil, errors.New("too many listen to this session")
	}
	e := &Listener{session: s, side: from, rate: rate, hear: hear}
	s.listeners = append(s.listeners, e)
	s.settle()
	return e, nil
}

// maxListeners bounds what one call has decoded at once.
const maxListeners = 8

// Stop ends the listening; hear is not called any more when it returns. It may be
// called twice.
func (e *Listener) Stop() {
	s := e.session
	s.ctl.Lock()
	defer s.ctl.Unlock()
	s.listeners = slices.DeleteFunc(s.listeners, func(o *Listener) bool { return o == e })
	if !s.gone {
		s.settle()
	}
}

// ear decodes what comes from a leg for one listener.
type ear struct {
	path *transcode.Path
	of   earKey
}

// earKey is all an ear depends on.
type earKey struct {
	voice route.Heard
	to    *Listener
}

// voice is how to decode what a leg says now, false when it cannot be. Called with
// mu held.
func (l *leg) voice() (route.Heard, bool) {
	if !l.on || l.stream.kind != "audio" || l.main == route.None {
		return route.Heard{}, false
	}
	return route.Hearing(&l.agreed, l.main)
}

// input is where a path begins that only decodes a leg.
func (l *leg) input(h route.Heard) transcode.Input {
	return h.Input(l.stream.session.server.c.Opus.DecodeInGo)
}

// settleEars makes, keeps or ends what decodes a leg for listeners. Called with ctl
// held and without mu.
func (l *leg) settleEars() {
	s := l.stream.session
	var wanted []earKey
	s.mu.Lock()
	if k, ok := l.voice(); ok && s.speaker(l.which) == l {
		for _, e := range s.listeners {
			if e.side == l.which {
				wanted = append(wanted, earKey{k, e})
			}
		}
	}
	s.mu.Unlock()
	var kept, fresh []ear
	for _, e := range l.ears { // ctl alone changes them
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
			s.logger().Warn("audio cannot be decoded for a listener", "codec", k.voice.Name, "err", err)
			continue
		}
		fresh = append(fresh, ear{path, k})
	}
	s.mu.Lock()
	old := l.ears
	if len(fresh) > 0 {
		l.onload() // they have to hear all
	}
	l.ears = append(kept, fresh...)
	s.mu.Unlock()
	for _, e := range old {
		if !slices.Contains(kept, e) {
			e.path.Close()
		}
	}
}

// speaker is the leg of a side's first audio line that is on.
func (s *Session) speaker(w Which) *leg {
	for _, st := range s.streams {
		if l := st.legs[w]; l != nil && l.on && st.kind == "audio" {
			return l
		}
	}
	return nil
}

func (l *leg) newEar(k earKey) (*transcode.Path, error) {
	return l.stream.session.server.pool.Add(transcode.Options{
		In:   l.input(k.voice),
		Rate: k.to.rate,
		Out:  transcode.Output{Format: codec.Format{}, CN: route.None, Event: route.None},
		Tap:  func(pcm []int16, _ int) { k.to.hear(pcm) },
	})
}

// overheard says that somebody decodes what the leg says, beside whoever it is said
// to.
func (l *leg) overheard() bool { return l.tap != nil || len(l.ears) > 0 }

// overhear gives a packet to those who do. Called with mu held.
func (l *leg) overhear(b []byte, pt uint8, at time.Time) {
	as := pt
	if l.tap != nil {
		l.tap.Push(b, at)
		as = l.tapOf.voice.PT
	}
	for i := range l.ears {
		l.ears[i].path.Push(b, at)
		as = l.ears[i].of.voice.PT
	}
	if pt != as && l.says(pt) {
		l.main = pt
		l.rebuild(at) // its voice changed: so must the decoders
	}
}

// says tells whether packets of a payload number carry the leg's voice. Where
// nobody is opposite there are no routes to tell.
func (l *leg) says(pt uint8) bool {
	if l.opposite() != nil {
		v := l.routes[pt].Verb
		return v == route.Pass || v == route.Convert
	}
	for _, c := range l.agreed.Codecs {
		if c.Receive&0x7f == pt || c.Send&0x7f == pt {
			return c.Codec.Main()
		}
	}
	return false
}
