package media

import (
	"errors"

	"tandem/media/sound"
)

// recordRate is enough for wideband calls.
const recordRate = 16000

// Record writes what both sides say to a new stereo WAV file, side A left,
// side B right, until StopRecording or the end of the session. It costs the
// call nothing but a decoder: packets that pass go on passing. A full disk ends
// the recording alone, decoder and all, with EventRecording; another may be begun
// then.
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
		return ErrClosed
	case s.recorder != nil && !s.spoilt:
		return errors.New("this session is being recorded already")
	}
	var r *sound.Recorder // the callback reads it with ctl held
	r, err := begin(func(err error) {
		s.ctl.Lock()
		defer s.ctl.Unlock()
		if s.recorder == r {
			s.spoilt = true
			s.bridge.Settle() // nothing feeds it any more
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

// StopRecording ends the recording; the file is complete when it returns. The
// error is what ended it before, if anything did.
func (s *Session) StopRecording() error {
	s.ctl.Lock()
	defer s.ctl.Unlock()
	r := s.recorder
	if r == nil {
		return errors.New("this session is not being recorded")
	}
	s.recorder, s.spoilt = nil, false
	s.bridge.Settle() // ends what feeds it
	return r.Close()
}

// Recording tells how far the recording is, false when there is none.
func (s *Session) Recording() (sound.Progress, bool) {
	s.ctl.Lock()
	defer s.ctl.Unlock()
	if s.recorder == nil {
		return sound.Progress{}, false
	}
	return s.recorder.Progress(), true
}
