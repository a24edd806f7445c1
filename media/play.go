package media

import (
	"errors"
	"fmt"
	"time"

	"tandem/media/codec"
	"tandem/media/dtmf"
	"tandem/media/transcode"
)

// ErrNoAudio says that a side has no audio that something could be played or
// sent into.
var ErrNoAudio = errors.New("this side has no audio yet")

// Play lets a side hear a source in place of the other side, until it ends, is
// replaced, or Stop is called. make is told the rate to deliver. EventPlayed
// follows when it has ended by itself.
func (s *Session) Play(to Which, make func(rate int) transcode.Source) error {
	s.ctl.Lock()
	defer s.ctl.Unlock()
	l, p, err := s.ready(to)
	if err != nil {
		return err
	}
	l.playing(p, make, nil, true)
	return nil
}

// Stop ends what is played to a side; the other side is heard again.
func (s *Session) Stop(to Which) {
	s.ctl.Lock()
	l, err := s.audio(to)
	s.ctl.Unlock()
	if err == nil {
		s.played(l, 0, false)
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
	s.mu.Lock()
	p := l.play
	if o := l.opposite(); p == nil && o != nil {
		p = o.path
	}
	s.mu.Unlock()
	if p == nil {
		if p, err = l.player(); err != nil {
			return err
		}
		// Silence for as long as the key takes, so that it has a stream to be in.
		l.playing(p, func(rate int) transcode.Source { return &pause{rate: rate, left: keyTime(e)} }, nil, false)
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

// player finds or makes the path that plays to a leg. Called with ctl held.
func (l *leg) player() (*transcode.Path, error) {
	s := l.stream.session
	if l.play != nil {
		return l.play, nil
	}
	n, ok := outgoing(&l.agreed)
	if !ok {
		return nil, fmt.Errorf("nothing can be played to side %s: %w", l.which, codec.ErrNoEncoder)
	}
	to := l.agreed.Codecs[n]
	f, _ := convertible(to.Codec)
	event, clock := eventOf(&l.agreed, to.ClockRate, sending)
	p, err := s.server.pool.Add(transcode.Options{
		In:   transcode.Input{PayloadType: none, CN: none, Event: none},
		Rate: playRate(l),
		Out: transcode.Output{
			Format: f, PayloadType: to.Send, CN: none, Event: event, EventClock: clock,
			Ptime: time.Duration(l.agreed.Ptime) * time.Millisecond, Fmtp: to.Fmtp, Opus: s.server.c.Opus.options(),
			Send: func(b []byte) {
				s.mu.Lock()
				defer s.mu.Unlock()
				if !s.closed && l.on && l.agreed.CanSend {
					l.put(b, source{played, f.Clock}, time.Now())
				}
			},
		},
	})
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	l.stream.legs[l.which.Other()].onload()
	l.play = p
	s.mu.Unlock()
	return p, nil
}

// playing starts a source on a leg's player, which ends with it unless another
// was started by then. ended, if any, is called when it is done with. Called
// with ctl held.
func (l *leg) playing(p *transcode.Path, make func(rate int) transcode.Source, ended func(finished bool), tell bool) {
	l.plays++
	n, s := l.plays, l.stream.session
	p.Play(make, func(finished bool) {
		if ended != nil {
			ended(finished)
		}
		if finished {
			s.post(Event{task: func() { s.played(l, n, tell) }})
		}
	})
}

// played ends a leg's player: if what ended is the n-th source, or whatever it
// plays when n is 0.
func (s *Session) played(l *leg, n int, tell bool) {
	s.ctl.Lock()
	defer s.ctl.Unlock()
	s.mu.Lock()
	old := l.play
	if old == nil || n != 0 && n != l.plays {
		s.mu.Unlock()
		return // another is playing by now
	}
	left := time.Until(l.keysUntil)
	if n == 0 || left <= 0 {
		l.play, left = nil, 0
	}
	s.mu.Unlock()
	if left > 0 { // keys wait in it: they need a stream for as long
		l.playing(old, func(rate int) transcode.Source { return &pause{rate: rate, left: left} }, nil, false)
	} else {
		old.Close()
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
