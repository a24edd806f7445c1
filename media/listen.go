package media

import (
	"errors"
	"fmt"
	"slices"

	"tandem/media/bridge"
)

// Listener receives the decoded audio of one side.
type Listener struct {
	session *Session
	heard   bridge.Listener
}

// Listen decodes what a side says in its first audio line and gives it to hear: mono
// PCM at a rate of 8000, 16000 or 48000 Hz, 20 ms at a time, including silence and
// concealed losses, until Stop or the end of the session. It follows changes of the
// codec and of the party on that side. It may begin before the side has agreed to
// anything.
//
// hear is called by a worker that converts audio, one call at a time: it must not wait,
// keep pcm, or call the session. It cannot delay the forwarding of packets: if the
// worker is too slow, packets for hear are dropped once a few wait. Keys are not part
// of the audio; see EventKey.
func (s *Session) Listen(from Which, rate int, hear func(pcm []int16)) (*Listener, error) {
	if !slices.Contains([]int{8000, 16000, 48000}, rate) {
		return nil, fmt.Errorf("listening at %d Hz: a rate is 8000, 16000 or 48000", rate)
	}
	s.ctl.Lock()
	defer s.ctl.Unlock()
	switch {
	case s.gone:
		return nil, errClosed
	case len(s.listeners) >= maxListeners:
		return nil, errors.New("too many listen to this session")
	}
	e := &Listener{session: s, heard: bridge.Listener{Side: from, Rate: rate, Hear: hear}}
	s.listeners = append(s.listeners, &e.heard)
	s.bridge.Settle()
	return e, nil
}

// maxListeners limits the listeners of one call.
const maxListeners = 8

// Stop ends the listening; hear is not called any more after it returns. It may be
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
