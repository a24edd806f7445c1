package media

import (
	"errors"

	"tandem/media/sound"
)

// recordRate is enough for wideband calls.
const recordRate = 16000

// Record writes what both sides say to a new stereo WAV file, side A left, side B
// right, until StopRecording or the end of the session. It costs the call only
// decoders: packets that pass go on passing. A full disk ends only the recording and
// its decoders, with EventRecording; another recording may be started then.
func (s *Session) Record(path string) error {
	return s.record(func(failed func(error)) (*sound.Recorder, error) {
		return sound.Record(path, recordRate, failed)
	})
}

func (s *Session) record(begin func(failed func(error)) (*sound.Recorder, error)) error {
	s.ctl.Lock()
	defer s.ctl.Unlock()
	switch {
	case s.gone:
		return errClosed
	case s.recorder != nil && !s.spoilt:
		return errors.New("this session is being recorded already")
	}
	var r *sound.Recorder // the callback reads it with ctl held
	r, err := begin(func(err error) {
		s.ctl.Lock()
		defer s.ctl.Unlock()
		if s.recorder == r {
			s.spoilt = true
			s.bridge.Settle() // stops what feeds it
		}
		s.post(Event{Kind: EventRecording, Err: err})
	})
	if err != nil {
		return err
	}
	s.recorder, s.spoilt = r, false
	s.bridge.Settle()
	return nil
}

// StopRecording ends the recording; the file is complete when it returns. The error is
// the one that ended the recording before, if any.
func (s *Session) StopRecording() error {
	s.ctl.Lock()
	defer s.ctl.Unlock()
	r := s.recorder
	if r == nil {
		return errors.New("this session is not being recorded")
	}
	s.recorder, s.spoilt = nil, false
	s.bridge.Settle() // stops what feeds it
	return r.Close()
}

// Recording returns the progress of the recording, false when there is none.
func (s *Session) Recording() (sound.Progress, bool) {
	s.ctl.Lock()
	defer s.ctl.Unlock()
	if s.recorder == nil {
		return sound.Progress{}, false
	}
	return s.recorder.Progress(), true
}
