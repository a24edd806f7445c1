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
	// Handle is given what happens, in order, one at a time, on a goroutine of the
	// session's. It may call back into the session, and end it. While it is at
	// work up to 256 events wait for it; more are lost.
	Handle func(Event)
}

// Session joins two sides of a call. All its methods may be called by any
// goroutine; those that exchange descriptions are meant to be called in the
// order of the call's signalling.
type Session struct {
	server  *Server
	id      string
	handle  func(Event)
	created time.Time
	bridge  *bridge.Bridge // its calls are made with ctl held
	inbox   inbox

	ctl       *sync.Mutex // guards all that follows; one with all branches
	sides     [2]*side
	gone      bool
	root      *Session // whose branch waits in this one; nil: it is a session proper
	branches  []*Branch
	heard     *Branch // the one that is side B now; nil: side B is no branch
	listeners []*bridge.Listener
	recorder  *sound.Recorder
	spoilt    bool // the recorder ended by an error
}

// ErrClosed says that a session has ended.
var ErrClosed = errors.New("the media session has ended")

func newSession(server *Server, id string, o Options) *Session {
	now := time.Now()
	s := &Session{server: server, id: id, handle: o.Handle, created: now, ctl: new(sync.Mutex)}
	s.bridge = bridge.New(&server.plant, id, server.serials.Add(1), (*owner)(s), now)
	for w := range s.sides {
		s.sides[w] = &side{session: s, which: Which(w)}
	}
	return s
}

// ID is what the session was opened as.
func (s *Session) ID() string { return s.id }

// Created is when it was opened.
func (s *Session) Created() time.Time { return s.created }

// TakeOffer takes an offer a side sent. What is written next is an offer to
// the other side (MakeOffer), or, when the call layer handles it alone, the
// answer (MakeAnswer). Errors are *sdp.Error or say what is missing here.
func (s *Session) TakeOffer(from Which, text []byte) error {
	d, err := sdp.Parse(text)
	if err != nil {
		return err
	}
	s.ctl.Lock()
	defer s.ctl.Unlock()
	if s.gone {
		return ErrClosed
	}
	return s.sides[from].takeOffer(d)
}

// MakeOffer writes an offer to a side, after what the other side offered or
// agreed; with nothing known of it, an offer of all that can be converted. It
// takes the place of one to the same side that was not answered, and uses its
// ports: to ring several devices, make a Branch for each.
func (s *Session) MakeOffer(to Which, want Want) ([]byte, error) {
	s.ctl.Lock()
	defer s.ctl.Unlock()
	if s.gone {
		return nil, ErrClosed
	}
	return s.sides[to].makeOffer(want)
}

// TakeAnswer takes the answer to the offer last made to a side. It may come
// more than once (a provisional answer, then another with the 200).
func (s *Session) TakeAnswer(from Which, text []byte) error {
	d, err := sdp.Parse(text)
	if err != nil {
		return err
	}
	s.ctl.Lock()
	defer s.ctl.Unlock()
	if s.gone {
		return ErrClosed
	}
	return s.sides[from].takeAnswer(d)
}

// MakeAnswer writes the answer to the offer last taken from a side, in the
// codecs the other side agreed to where both have them, else in the first that
// can be converted.
func (s *Session) MakeAnswer(to Which, want Want) ([]byte, error) {
	s.ctl.Lock()
	defer s.ctl.Unlock()
	if s.gone {
		return nil, ErrClosed
	}
	return s.sides[to].makeAnswer(want)
}

// AnswerAgain writes another answer to the offer a side was answered last. It is
// for a caller that sees a fork: each To tag is a dialog of its own there, with an
// answer of its own (RFC 3261 §13.2.2.4), and media follow the last one written.
// Ports and keys stay. Within one dialog the first answer stands (§13.2.1); see
// NeedsOffer.
func (s *Session) AnswerAgain(to Which, want Want) ([]byte, error) {
	s.ctl.Lock()
	defer s.ctl.Unlock()
	if s.gone {
		return nil, ErrClosed
	}
	return s.sides[to].answerAgain(want)
}

// Awaits says whether a side has made an offer that is not answered yet.
func (s *Session) Awaits(w Which) bool {
	s.ctl.Lock()
	defer s.ctl.Unlock()
	return s.sides[w].Awaits()
}

// NeedsOffer says that what a side was told no longer fits the other side, which
// has changed since: a line is on at one side alone, no format of a line can pass
// or be converted, or the side is told to be silent without need. An offer to it
// (MakeOffer) mends that. False while either side has agreed to nothing.
func (s *Session) NeedsOffer(w Which) bool {
	s.ctl.Lock()
	defer s.ctl.Unlock()
	return s.sides[w].Stale(&s.sides[w.Other()].Side)
}

// Converts reports whether a side has named speech that can be converted, so that the
// other one may be offered codecs that this side has not.
func (s *Session) Converts(w Which) bool {
	s.ctl.Lock()
	defer s.ctl.Unlock()
	return s.sides[w].Converts()
}

// Near tells where a side's signalling comes from, which makes media from that
// host more plausible when it does not come from where the side said, and chooses
// the interface where Want names none: loopback toward loopback, the same IP
// version otherwise. Call it before the first description of that side.
func (s *Session) Near(w Which, addr netip.Addr) {
	s.ctl.Lock()
	defer s.ctl.Unlock()
	s.sides[w].Near = addr
}

// Refused forgets the exchange under way with a side: its offer was refused, or
// ours was. What was agreed before stays (RFC 3264 §8).
func (s *Session) Refused(w Which) {
	s.ctl.Lock()
	defer s.ctl.Unlock()
	s.sides[w].refused()
}

// Offer is TakeOffer and MakeOffer in one: a relay between two user agents. An
// offer that takes protection away is refused at once, before the other side
// hears of it, unless the side's last answer was wanted plain.
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

// Answer is TakeAnswer and MakeAnswer in one. Without an answer outstanding to
// the other side (it was offered to, or heard an answer already) only the first
// is done, and the text is nil.
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

// end closes what the session has. Called with ctl held.
func (s *Session) end() {
	s.gone = true
	s.bridge.Close()
	if s.recorder != nil {
		_ = s.recorder.Close() // its error was told by EventRecording
		s.recorder = nil
	}
}
