package media

import (
	"errors"

	"tandem/media/dtmf"
	"tandem/media/transcode"
)

// Play plays a source to a side in place of the other side, until it ends, is replaced,
// or Stop is called. make is given the sample rate to deliver; neither it nor the
// source may call the session. EventPlayed follows when it has ended by itself.
func (s *Session) Play(to Which, make func(rate int) transcode.Source) error {
	s.ctl.Lock()
	defer s.ctl.Unlock()
	rate, err := s.ready(to)
	if err != nil {
		return err
	}
	source := make(rate)
	if source == nil {
		return errors.New("there is nothing to play")
	}
	return s.bridge.Play(to, source, nil)
}

// Stop ends what is played to a side; the other side is heard again.
func (s *Session) Stop(to Which) {
	s.ctl.Lock()
	defer s.ctl.Unlock()
	s.bridge.Stop(to)
}

// ready returns the rate at which something can be played to a side. The caller holds
// ctl.
func (s *Session) ready(to Which) (rate int, err error) {
	if s.gone {
		return 0, errClosed
	}
	return s.bridge.Ready(to)
}

// Press sends a key to a side, as an event if it takes events, otherwise as a tone in
// the audio. What the other side says meanwhile is not heard.
func (s *Session) Press(to Which, e dtmf.Event) error {
	s.ctl.Lock()
	defer s.ctl.Unlock()
	if s.gone {
		return errClosed
	}
	return s.bridge.Press(to, e)
}
