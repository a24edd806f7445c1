package media

import (
	"errors"

	"tandem/media/dtmf"
	"tandem/media/transcode"
)

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

// audio is the leg of a side's first audio line. Called with ctl held.
func (s *Session) audio(w Which) (*leg, error) {
	if s.gone {
		return nil, ErrClosed
	}
	return s.speaking(w)
}

// ready finds a side's leg and the rate at which something can be played to it.
// Called with ctl held.
func (s *Session) ready(to Which) (*leg, int, error) {
	if s.gone {
		return nil, 0, ErrClosed
	}
	return s.bridge.ready(to)
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
