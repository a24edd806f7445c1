package media

import (
	"fmt"
)

// Adopt moves a side of another session into this one, in place of a side here,
// which ends: attended transfer, pickup, park, Replaces. The side keeps its ports,
// keys and description, so that inside its dialog the o= line stays one and no
// packet goes astray; what passes and what is converted is decided anew. The
// session it leaves has an empty side in its place; close it if it is of no more
// use. What was played to the side ends; a session that records goes on with
// whoever is there.
//
// Both sides may have been told something else than fits now (hold, codecs, video):
// NeedsOffer says whom to offer anew, with MakeOffer. M-lines are joined by their
// places.
func (s *Session) Adopt(w Which, from *Session, side Which) error {
	if s == from || s.server != from.server {
		return ErrSame
	}
	first, second := s, from
	if from.bridge.Serial() < s.bridge.Serial() { // always in one order
		first, second = from, s
	}
	first.ctl.Lock()
	defer first.ctl.Unlock()
	second.ctl.Lock()
	defer second.ctl.Unlock()
	if s.gone || from.gone {
		return ErrClosed
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
