package media

import (
	"slices"

	"tandem/media/route"
	"tandem/media/sdp"
)

// NeedsOffer says that what a side was told no longer fits the other side, which
// has changed since: a line is on at one side alone, no format of a line can pass
// or be converted, or the side is told to be silent without need. An offer to it
// (MakeOffer) mends that. False while either side has agreed to nothing.
func (s *Session) NeedsOffer(w Which) bool {
	s.ctl.Lock()
	defer s.ctl.Unlock()
	d, o := s.sides[w], s.sides[w.Other()]
	if d.agreed == nil || o.agreed == nil || d.pending != nil {
		return false
	}
	for i := range max(len(d.agreed), len(o.agreed)) {
		var near, far sdp.Agreed
		if i < len(d.agreed) {
			near = d.agreed[i]
		}
		if i < len(o.agreed) {
			far = o.agreed[i]
		}
		if near.Enabled != far.Enabled || near.Enabled && (!route.Joins(&near, &far) || d.hushed(i, &near, &far)) {
			return true
		}
	}
	return false
}

// Converts reports whether a side has named speech that can be converted, so that the
// other one may be offered codecs that this side has not.
func (s *Session) Converts(w Which) bool {
	s.ctl.Lock()
	defer s.ctl.Unlock()
	said := s.sides[w].known()
	if said == nil {
		return false
	}
	return slices.ContainsFunc(said.Media, func(m sdp.Media) bool {
		return slices.ContainsFunc(m.Codecs, func(c sdp.Codec) bool { _, ok := route.Convertible(c); return ok && c.Main() })
	})
}

// hushed says that a direction is closed toward a side which the other side has
// open and the side did not close itself.
func (d *Side) hushed(i int, near, far *sdp.Agreed) bool {
	told := d.agent.Local().Media[i].Direction
	open := mirrored(far.Media)
	sends, receives := open.Sends() && !told.Sends(), open.Receives() && !told.Receives()
	if d.asked { // the offer was theirs: it may be they who want no more
		sends = sends && near.Media.Direction.Receives() && !near.Media.Hold()
		receives = receives && near.Media.Direction.Sends()
	}
	return sends || receives
}
