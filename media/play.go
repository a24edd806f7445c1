package media

import (
	"errors"
	"time"

	"tandem/media/dtmf"
	"tandem/media/route"
	"tandem/media/transcode"
)

// ErrNoAudio says that a side has no audio that something could be played or
// sent into.
var ErrNoAudio = errors.New("this side has no audio yet")

// Play lets a side hear a source in place of the other side, until it ends, is
// replaced, or Stop is called. make is told the rate to deliver; neither it nor
// the source may call the session. EventPlayed follows when it has ended by
// itself.
func (s *Session) Play(to Which, make func(rate int) transcode.Source) error {
	s.ctl.Lock()
	defer s.ctl.Unlock()
	l, rate, err := s.ready(to)
	if err != nil {
		return err
	}
	source := make(rate)
	if source == nil {
		return errors.New("there is nothing to play")
	}
	return l.playing(source, nil, true)
}

// Stop ends what is played to a side; the other side is heard again.
func (s *Session) Stop(to Which) {
	s.ctl.Lock()
	defer s.ctl.Unlock()
	for _, st := range s.streams {
		if l := st.legs[to]; l != nil {
			l.stop()
		}
	}
}

// Press sends a key to a side, as an event where it takes events, else as a
// tone in the audio. What the other side says meanwhile is not heard.
func (s *Session) Press(to Which, e dtmf.Event) error {
	s.ctl.Lock()
	defer s.ctl.Unlock()
	l, err := s.audio(to)
	if err != nil {
		return err
	}
	return l.press(e)
}

// press has whatever speaks to a leg's side send a key. Called with ctl held.
func (l *leg) press(e dtmf.Event) error {
	s := l.stream.session
	s.mu.Lock()
	p := l.play
	if o := l.opposite(); p == nil && o != nil {
		p = o.path
	}
	s.mu.Unlock()
	if p == nil {
		// Silence for as long as the key takes, so that it has a stream to be in.
		_, rate, err := s.ready(l.which)
		if err != nil {
			return err
		}
		if err := l.playing(&pause{rate: rate, left: keyTime(e)}, nil, false); err != nil {
			return err
		}
		p = l.play
	}
	if !p.Send(e) {
		return errors.New("too many keys are waiting to be sent")
	}
	l.keysUntil = latest(l.keysUntil, time.Now()).Add(keyTime(e))
	return nil
}

// keyTime is how long a key takes to be sent: with the repetitions of its end,
// the pause behind it, and time to begin.
func keyTime(e dtmf.Event) time.Duration {
	if e.Duration <= 0 {
		e.Duration = dtmf.DefaultDuration
	}
	return e.Duration + 100*time.Millisecond
}

// audio is the leg of a side's first audio line. Called with ctl held.
func (s *Session) audio(w Which) (*leg, error) {
	if s.gone {
		return nil, ErrClosed
	}
	for _, st := range s.streams {
		if l := st.legs[w]; l != nil && l.on && st.kind == "audio" {
			return l, nil
		}
	}
	return nil, ErrNoAudio
}

// newPlayer makes a path that plays to a leg.
func (l *leg) newPlayer(k route.Said, rate int) (*transcode.Path, error) {
	s := l.stream.session
	clock := k.Format().Clock
	begun := false
	return s.server.pool.Add(transcode.Options{
		In:   transcode.Input{PayloadType: route.None, CN: route.None, Event: route.None},
		Rate: rate,
		Out: k.Output(s.server.c.Opus.options(), func(b []byte) {
			s.mu.Lock()
			defer s.mu.Unlock()
			if !s.closed && l.on && l.agreed.CanSend {
				if !begun {
					begun, l.source = true, source{} // numbers of its own: they are joined on
				}
				l.put(b, source{played, clock}, time.Now())
			}
		}),
	})
}

// playing starts a source on a leg's player, which is made if there is none and
// ends with the source unless another was started by then. ended, if any, is
// called when it is done with, and must not wait. Called with ctl held.
func (l *leg) playing(from transcode.Source, ended func(), tell bool) error {
	s := l.stream.session
	if l.play == nil {
		k, _ := route.Saying(&l.agreed)
		p, err := l.newPlayer(k, playRate(l))
		if err != nil {
			return err
		}
		s.mu.Lock()
		l.stream.legs[l.which.Other()].onload()
		l.play, l.playOf = p, k
		s.mu.Unlock()
	}
	l.plays++
	n := l.plays
	l.play.Play(func(int) transcode.Source { return from }, func(finished bool) {
		if ended != nil {
			ended()
		}
		if finished {
			s.later(func() { s.played(l, n, tell) })
		}
	})
	return nil
}

// settlePlayer has what is played go on in the codec agreed to now. Called with
// ctl held and without mu.
func (l *leg) settlePlayer() {
	s := l.stream.session
	k, ok := route.Saying(&l.agreed)
	if l.play == nil || !l.on || ok && l.playOf == k {
		return
	}
	var fresh *transcode.Path
	if ok {
		var err error
		if fresh, err = l.newPlayer(k, l.play.Rate()); err != nil {
			s.logger().Warn("what is played cannot go on", "to", k.Name, "err", err)
		}
	}
	if fresh == nil {
		l.stop()
		s.post(Event{Kind: EventPlayed, Side: l.which, Line: l.stream.index})
		return
	}
	s.mu.Lock()
	old := l.play
	l.play, l.playOf = fresh, k
	s.mu.Unlock()
	old.Yield(fresh)
}

// stop ends a leg's player, if it has one; keys that wait in it are sent all the
// same. Called with ctl held.
func (l *leg) stop() {
	s := l.stream.session
	old := l.play
	if old == nil {
		return
	}
	old.Close() // while nothing else is heard: it may have a key to end
	s.mu.Lock()
	l.play = nil
	s.mu.Unlock()
	l.keysUntil = time.Time{}
	for _, e := range old.Unsent() {
		if err := l.press(e); err != nil {
			s.logger().Warn("a key is lost", "side", l.which.String(), "err", err)
		}
	}
}

// played ends a leg's player when what ended is the last source it was given.
func (s *Session) played(l *leg, n int, tell bool) {
	s.ctl.Lock()
	defer s.ctl.Unlock()
	if l.play == nil || n != l.plays {
		return // another is playing by now
	}
	// Keys that wait in it need a stream for as long.
	left := time.Until(l.keysUntil)
	if left <= 0 || l.playing(&pause{rate: l.play.Rate(), left: left}, nil, false) != nil {
		l.stop()
	}
	if tell {
		s.post(Event{Kind: EventPlayed, Side: l.which, Line: l.stream.index})
	}
}

// pause is silence of a given length.
type pause struct {
	rate int
	left time.Duration
}

func (p *pause) Read(pcm []int16) int {
	n := min(len(pcm), int(p.left*time.Duration(p.rate)/time.Second))
	clear(pcm[:n])
	p.left -= time.Duration(n) * time.Second / time.Duration(p.rate)
	return n
}
