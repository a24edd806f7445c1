package media

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"tandem/media/negotiation"
	"tandem/media/sdp"
)

// Branch is one of several devices that ring for side A at the same time. Each is
// offered media of its own (ports, keys, ICE, codecs), may answer while it rings, and
// may change its answer. A branch waits beside the session until it is heard. Then it
// is side B: everything the session does to side B it does to the branch.
//
// The call layer uses it like this:
//
//	offer A's description: s.TakeOffer(A, text)
//	for each device:       b, _ := s.Branch(id); text, _ := b.MakeOffer(want)
//	18x with SDP:          toA, _ := b.Answer(text, want)    // A hears it from now on
//	2xx:                   toA, _ := b.Answer(text, want); b.Choose()
//	failure, CANCEL:       b.Drop()
//
// toA is the answer to A's offer. It is nil when A already has an answer: then further
// 18x and the 2xx to A repeat the text that A was given (RFC 3261 §13.2.1), and the
// media of the new branch are converted to it. If that is impossible, because of a
// codec or video or because A was told to be silent, NeedsOffer(A) reports it after
// Choose, and A needs a re-INVITE with MakeOffer(A). A caller that is given a To tag
// for each branch, so that each is a dialog of its own, can be told at once with
// AnswerAgain(A).
type Branch struct {
	session *Session // that it rings for
	id      string
	own     *Session // in which it waits while it is not heard
	side    *side
	over    bool // guarded by ctl
}

// maxBranches is how many devices can ring for one call at the same time.
const maxBranches = 64

// errDropped means that a branch has been dropped, or another one was chosen.
var errDropped = errors.New("this branch has ended")

// Branch opens another branch of side B. The call layer chooses id, which names the
// branch in events and logs.
func (s *Session) Branch(id string) (*Branch, error) {
	s.ctl.Lock()
	defer s.ctl.Unlock()
	switch {
	case s.gone:
		return nil, errClosed
	case len(s.branches) >= maxBranches:
		return nil, fmt.Errorf("%d devices ring for this call already; no more can", maxBranches)
	case slices.ContainsFunc(s.branches, func(b *Branch) bool { return b.id == id }):
		return nil, fmt.Errorf("a branch %q rings already", id)
	}
	own := newSession(s.server, s.id, Options{})
	own.ctl, own.root = s.ctl, s
	if s.handle != nil {
		own.handle = func(e Event) {
			e.Branch = id
			s.post(e)
		}
	}
	b := &Branch{session: s, id: id, own: own, side: own.sides[B]}
	s.branches = append(s.branches, b)
	return b, nil
}

// Branches returns the branches that ring, in the order in which they were opened.
func (s *Session) Branches() []*Branch {
	s.ctl.Lock()
	defer s.ctl.Unlock()
	return slices.Clone(s.branches)
}

// Heard returns the branch that is side B now, or nil.
func (s *Session) Heard() *Branch {
	s.ctl.Lock()
	defer s.ctl.Unlock()
	return s.heard
}

// OfferBranch is Session.Offer to one branch: it takes A's offer, which is the same for
// each branch, and writes the one for this branch.
func (s *Session) OfferBranch(b *Branch, text []byte, want Want) ([]byte, error) {
	if err := s.TakeOffer(A, text); err != nil {
		return nil, err
	}
	if err := s.unprotected(A); err != nil {
		s.Refused(A)
		return nil, err
	}
	return b.MakeOffer(want)
}

// ID is the name the branch was given.
func (b *Branch) ID() string { return b.id }

// do runs f on the branch's side while it rings.
func (b *Branch) do(f func(d *side) error) error {
	b.session.ctl.Lock()
	defer b.session.ctl.Unlock()
	switch {
	case b.session.gone:
		return errClosed
	case b.over:
		return errDropped
	}
	return f(b.side)
}

// Near is Session.Near for the device.
func (b *Branch) Near(addr netip.Addr) {
	_ = b.do(func(d *side) error { d.Near = addr; return nil })
}

// MakeOffer is Session.MakeOffer to the device.
func (b *Branch) MakeOffer(want Want) (text []byte, err error) {
	err = b.do(func(d *side) error {
		text, err = d.makeOffer(want)
		return err
	})
	return text, err
}

// TakeAnswer takes the answer of the device, which continues to wait unless it is
// heard. The answer may come more than once, and change.
func (b *Branch) TakeAnswer(text []byte) error {
	d, err := sdp.Parse(text)
	if err != nil {
		return err
	}
	return b.do(func(side *side) error { return side.takeAnswer(d) })
}

// TakeOffer takes an offer of the device (UPDATE while it rings, or the offer in a
// 2xx to an INVITE without one).
func (b *Branch) TakeOffer(text []byte) error {
	d, err := sdp.Parse(text)
	if err != nil {
		return err
	}
	return b.do(func(side *side) error { return side.takeOffer(d) })
}

// MakeAnswer is Session.MakeAnswer to the device.
func (b *Branch) MakeAnswer(want Want) (text []byte, err error) {
	err = b.do(func(d *side) error {
		text, err = d.makeAnswer(want)
		return err
	})
	return text, err
}

// Refused is Session.Refused for the device.
func (b *Branch) Refused() {
	_ = b.do(func(d *side) error { d.refused(); return nil })
}

// Answer combines TakeAnswer and Early. If A waits for an answer it also writes that
// one, following want; otherwise the text is nil.
func (b *Branch) Answer(text []byte, want Want) (toA []byte, err error) {
	d, err := sdp.Parse(text)
	if err != nil {
		return nil, err
	}
	err = b.do(func(side *side) error {
		if err := side.takeAnswer(d); err != nil {
			return err
		}
		if err := b.hear(); err != nil {
			return err
		}
		if a := b.session.sides[A]; a.Awaits() {
			toA, err = a.makeAnswer(want)
		}
		return err
	})
	return toA, err
}

// Early connects A and the branch, in place of the one that was heard before. The other
// branches wait. The device must have answered.
func (b *Branch) Early() error {
	return b.do(func(d *side) error {
		if d.Agreed() == nil {
			return fmt.Errorf("branch %q has not answered", b.id)
		}
		return b.hear()
	})
}

// hear makes the branch side B. A side B that is not a branch ends.
func (b *Branch) hear() error {
	s := b.session
	switch {
	case s.heard == b:
		return nil
	case s.heard != nil:
		s.heard.wait()
	default:
		s.sides[B].end()
	}
	b.side.move(s, B)
	s.heard = b
	return s.rejoin()
}

// wait makes the branch that is heard wait again.
func (b *Branch) wait() {
	s := b.session
	b.side.move(b.own, B)
	s.heard = nil
	if err := b.own.rejoin(); err != nil {
		s.server.c.Logger.Warn("a branch is left in a bad state", "media", s.id, "branch", b.id, "err", err)
	}
}

// Choose makes the branch side B permanently; all others end and their ports are freed.
// The branch must not be used afterwards: use the session.
func (b *Branch) Choose() error {
	return b.do(func(*side) error {
		err := b.hear()
		b.session.endBranches()
		return err
	})
}

// endBranches ends all branches; the one that is heard stays as side B. The caller
// holds ctl.
func (s *Session) endBranches() {
	for _, b := range s.branches {
		b.over = true
		b.own.end()
	}
	s.branches, s.heard = nil, nil
}

// Drop ends the branch and frees its ports. If it was heard, A hears nobody until
// another branch is. A second call does nothing.
func (b *Branch) Drop() {
	_ = b.do(func(*side) error {
		s := b.session
		if s.heard == b {
			b.wait()
			_ = s.rejoin() // A's own agreement, which was valid before
		}
		b.over = true
		b.own.end()
		s.branches = slices.DeleteFunc(s.branches, func(o *Branch) bool { return o == b })
		return nil
	})
}

// end closes everything that a side has and resets it. The caller holds ctl.
func (d *side) end() {
	d.session.bridge.Forgo(d.which)
	d.discard(func(int) bool { return true })
	d.Side = negotiation.Side{Near: d.Near}
}
