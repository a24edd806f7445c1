package media

import (
	"errors"
	"fmt"
	"slices"

	"tandem/media/bridge"
)

// Listener is given what one side says, decoded.
type Listener struct {
	session *Session
	heard   bridge.Listener
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
	e := &Listener{session: s, heard: bridge.Listener{Side: from, Rate: rate, Hear: hear}}
	s.listeners = append(s.listeners, &e.heard)
	s.bridge.Settle()
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
	s.listeners = slices.DeleteFunc(s.listeners, func(o *bridge.Listener) bool { return o == &e.heard })
	if !s.gone {
		s.bridge.Settle()
	}
}
