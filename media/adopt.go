package media

import (
	"fmt"
)

// Adopt moves a side of another session into this one and closes the side that was
// there: for attended transfer, pickup, park and Replaces. The side keeps its ports,
// keys and description, so that the o= line within its dialog stays the same and no
// packet is lost. What passes and what is converted is decided again. The other session
// keeps an empty side; close that session if it is no longer needed. What was played to
// the side ends; a session that records goes on recording the sides it has.
//
// What both sides were told before may no longer fit (hold, codecs, video): NeedsOffer
// reports which of them needs a new offer, made with MakeOffer. M-lines are matched by
// their positions.
func (s *Session) Adopt(w Which, from *Session, side Which) error {
	if s == from || s.server != from.server {
		return errSame
	}
	first, second := s, from
	if from.bridge.Serial() < s.bridge.Serial() { // always lock in the same order
		first, second = from, s
	}
	first.ctl.Lock()
	defer first.ctl.Unlock()
	second.ctl.Lock()
	defer second.ctl.Unlock()
	if s.gone || from.gone {
		return errClosed
	}
	d := from.sides[side]
	if !d.Begun() {
		return fmt.Errorf("side %s of media session %q has neither offered nor been offered anything", side, from.id)
	}
	if w == B {
		s.endBranches()
	}
	if side == B {
		from.endBranches()
	}
	s.sides[w].end()
	d.move(s, w)
	if err := from.rejoin(); err != nil {
		return err
	}
	return s.rejoin()
}

// Vacate ends a side whose party has left for good, as if nobody had been there: the
// other side is offered all that can be converted (MakeOffer), on hold or not before.
// Another party may be adopted into the place.
func (s *Session) Vacate(w Which) error {
	s.ctl.Lock()
	defer s.ctl.Unlock()
	if s.gone {
		return errClosed
	}
	if w == B {
		s.endBranches()
	}
	s.sides[w].end()
	return s.rejoin()
}
