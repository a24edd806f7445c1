package media

import (
	"errors"
	"net/netip"
	"sync"
	"time"

	"tandem/media/bridge"
	"tandem/media/sdp"
	"tandem/media/sound"
)

// Options of a session.
type Options struct {
	// Handle is called with each event, in order, one at a time, on a goroutine of the
	// session. It may call the session, and close it. While it runs up to 256 events
	// wait; further ones are lost.
	Handle func(Event)
}

// Session joins two sides of a call. All its methods may be called by any goroutine;
// those that exchange descriptions should be called in the order of the call's
// signalling.
type Session struct {
	server *Server
	id     string
	handle func(Event)
	bridge *bridge.Bridge // called with ctl held
	inbox  inbox

	ctl       *sync.Mutex // guards the fields below; shared with all branches
	sides     [2]*side
	gone      bool
	root      *Session // the session whose branch waits in this one; nil for an ordinary session
	branches  []*Branch
	heard     *Branch // the branch that is side B now; nil: side B is not a branch
	listeners []*bridge.Listener
	recorder  *sound.Recorder
	spoilt    bool // an error ended the recorder
}

// errClosed means that a session has ended.
var errClosed = errors.New("the media session has ended")

func newSession(server *Server, id string, o Options) *Session {
	now := time.Now()
	s := &Session{server: server, id: id, handle: o.Handle, ctl: new(sync.Mutex)}
	s.bridge = bridge.New(&server.plant, id, server.serials.Add(1), (*owner)(s), now)
	for w := range s.sides {
		s.sides[w] = &side{session: s, which: Which(w)}
	}
	return s
}

// ID returns the id with which the session was opened.
func (s *Session) ID() string { return s.id }

// TakeOffer takes an offer that a side sent. The next step is an offer to the other
// side (MakeOffer) or, if the call layer answers by itself, the answer (MakeAnswer).
// Errors are *sdp.Error or say what is missing here.
func (s *Session) TakeOffer(from Which, text []byte) error {
	d, err := sdp.Parse(text)
	if err != nil {
		return err
	}
	s.ctl.Lock()
	defer s.ctl.Unlock()
	if s.gone {
		return errClosed
	}
	return s.sides[from].takeOffer(d)
}

// MakeOffer writes an offer to a side, based on what the other side offered or agreed
// to; if nothing is known of that side, the offer lists all that can be converted. It
// replaces an unanswered offer to the same side and uses its ports: to ring several
// devices, make a Branch for each.
func (s *Session) MakeOffer(to Which, want Want) ([]byte, error) {
	s.ctl.Lock()
	defer s.ctl.Unlock()
	if s.gone {
		return nil, errClosed
	}
	return s.sides[to].makeOffer(want)
}

// TakeAnswer takes the answer to the last offer made to a side. It may be called more
// than once (for a provisional answer, then another with the 200).
func (s *Session) TakeAnswer(from Which, text []byte) error {
	d, err := sdp.Parse(text)
	if err != nil {
		return err
	}
	s.ctl.Lock()
	defer s.ctl.Unlock()
	if s.gone {
		return errClosed
	}
	return s.sides[from].takeAnswer(d)
}

// MakeAnswer writes the answer to the last offer taken from a side. It prefers the
// codecs that both sides have, then the first that can be converted.
func (s *Session) MakeAnswer(to Which, want Want) ([]byte, error) {
	s.ctl.Lock()
	defer s.ctl.Unlock()
	if s.gone {
		return nil, errClosed
	}
	return s.sides[to].makeAnswer(want)
}

// AnswerAgain writes another answer to the offer that a side was last answered. It is
// for a caller that sees a fork: each To tag is a dialog of its own there, with an
// answer of its own (RFC 3261 §13.2.2.4), and media follow the last answer written.
// Ports and keys stay. Within one dialog the first answer stands (§13.2.1); see
// NeedsOffer.
func (s *Session) AnswerAgain(to Which, want Want) ([]byte, error) {
	s.ctl.Lock()
	defer s.ctl.Unlock()
	if s.gone {
		return nil, errClosed
	}
	return s.sides[to].answerAgain(want)
}

// Awaits reports whether a side has made an offer that is not answered yet.
func (s *Session) Awaits(w Which) bool {
	s.ctl.Lock()
	defer s.ctl.Unlock()
	return s.sides[w].Awaits()
}

// NeedsOffer reports whether the other side has changed so that what a side was told no
// longer fits: only one side has a line on, no format of a line can pass or be
// converted, or the side is told to be silent without need. A new offer to it
// (MakeOffer) fixes that. It is false while one of the sides has agreed to nothing.
func (s *Session) NeedsOffer(w Which) bool {
	s.ctl.Lock()
	defer s.ctl.Unlock()
	return s.sides[w].Stale(&s.sides[w.Other()].Side)
}

// Converts reports whether a side has named a voice codec that can be converted, so
// that the other side may be offered codecs that this one does not have.
func (s *Session) Converts(w Which) bool {
	s.ctl.Lock()
	defer s.ctl.Unlock()
	return s.sides[w].Converts()
}

// Near sets the address from which a side's signalling comes. Media from that host is
// then more plausible when it does not come from the described address. It also chooses
// the interface if Want names none: loopback for loopback, otherwise the same IP
// version. Call it before the first description of that side.
func (s *Session) Near(w Which, addr netip.Addr) {
	s.ctl.Lock()
	defer s.ctl.Unlock()
	s.sides[w].Near = addr
}

// Refused ends the current exchange with a side: its offer was refused, or ours was.
// What was agreed before stays (RFC 3264 §8).
func (s *Session) Refused(w Which) {
	s.ctl.Lock()
	defer s.ctl.Unlock()
	s.sides[w].refused()
}

// Offer combines TakeOffer and MakeOffer: a relay between two user agents. An offer
// that takes protection away is refused at once, before the other side hears of it,
// unless the side's last answer was wanted plain.
func (s *Session) Offer(from Which, text []byte, want Want) ([]byte, error) {
	if err := s.TakeOffer(from, text); err != nil {
		return nil, err
	}
	if err := s.unprotected(from); err != nil {
		s.Refused(from)
		return nil, err
	}
	return s.MakeOffer(from.Other(), want)
}

func (s *Session) unprotected(from Which) error {
	s.ctl.Lock()
	defer s.ctl.Unlock()
	if s.gone {
		return nil
	}
	return s.sides[from].Unprotected()
}

// Answer combines TakeAnswer and MakeAnswer. If the other side waits for no answer, it
// only takes the answer, and the text is nil.
func (s *Session) Answer(from Which, text []byte, want Want) ([]byte, error) {
	if err := s.TakeAnswer(from, text); err != nil || !s.Awaits(from.Other()) {
		return nil, err
	}
	return s.MakeAnswer(from.Other(), want)
}

// Close ends the session: sockets, paths, recording. It may be called twice.
func (s *Session) Close() {
	s.ctl.Lock()
	defer s.ctl.Unlock()
	if s.gone {
		return
	}
	s.endBranches()
	s.end()
	s.server.forget(s)
}

// end closes everything the session has. The caller holds ctl.
func (s *Session) end() {
	s.gone = true
	s.bridge.Close()
	if s.recorder != nil {
		_ = s.recorder.Close() // EventRecording has reported its error
		s.recorder = nil
	}
}
