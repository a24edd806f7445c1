package media

import (
	"errors"

	"tandem/media/codec"
	"tandem/media/dtmf"
	"tandem/media/route"
	"tandem/media/sound"
	"tandem/media/transcode"
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
			s.settle() // nothing feeds it any more
		}
		s.post(Event{Kind: EventRecording, Err: err})
	})
	if err != nil {
		return err
	}
	s.recorder, s.spoilt = r, false
	s.settle()
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
	s.settle() // ends what feeds it
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

// tapKey is all a tap depends on.
type tapKey struct {
	voice    route.Heard
	recorder *sound.Recorder
	inband   bool
}

// tapped is the tap a leg needs now, false when it needs none: for a recording,
// and to find keys in audio that passes. Called with mu and ctl held.
func (l *leg) tapped() (tapKey, bool) {
	s := l.stream.session
	voice, ok := l.voice()
	if !ok {
		return tapKey{}, false
	}
	k := tapKey{voice: voice}
	if !s.spoilt {
		k.recorder = s.recorder
	}
	k.inband = l.path == nil && s.sides[l.which].Want().Tones == TonesHeard && voice.Event == route.None
	return k, k.recorder != nil || k.inband
}

// settleTap makes, keeps or ends the tap of a leg. Called with ctl held and
// without mu.
func (l *leg) settleTap() {
	s := l.stream.session
	s.mu.Lock()
	k, need := l.tapped()
	old := l.tap
	if need && old != nil && l.tapOf == k {
		s.mu.Unlock()
		return
	}
	l.tap = nil
	s.mu.Unlock()
	if old != nil {
		old.Close()
	}
	if !need {
		return
	}
	fresh, err := l.newTap(k)
	if err != nil {
		s.logger().Warn("audio cannot be decoded for a recording", "codec", k.voice.Name, "err", err)
		return
	}
	s.mu.Lock()
	l.onload() // the tap has to see all
	l.tap, l.tapOf = fresh, k
	s.mu.Unlock()
}

func (l *leg) newTap(k tapKey) (*transcode.Path, error) {
	s := l.stream.session
	o := transcode.Options{
		In:  l.input(k.voice),
		Out: transcode.Output{Format: codec.Format{}, CN: route.None, Event: route.None},
	}
	if r := k.recorder; r != nil {
		o.Tap = func(pcm []int16, rate int) { r.Tap(int(l.which), pcm, rate) }
	}
	if k.inband {
		o.Inband = true
		o.Key = func(e dtmf.Event) { s.post(Event{Kind: EventKey, Side: l.which, Line: l.stream.index, Key: e}) }
	}
	return s.server.pool.Add(o)
}
