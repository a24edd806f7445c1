package media

import (
	"slices"

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
		if near.Enabled != far.Enabled || near.Enabled && (!joins(&near, &far) || d.hushed(i, &near, &far)) {
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
		return slices.ContainsFunc(m.Codecs, func(c sdp.Codec) bool { _, ok := convertible(c); return ok && speech(c) })
	})
}

// joins says whether anything but keys and noise can go between two sides.
func joins(a, b *sdp.Agreed) bool {
	if a.Kind != b.Kind || a.Media.RTP() != b.Media.RTP() {
		return false
	}
	if !a.Media.RTP() {
		return true
	}
	table := routes(a, b)
	for _, c := range a.Codecs {
		if !speech(c.Codec) {
			continue
		}
		if counterpart(c.Codec, plain(b.Codecs), nil) >= 0 || a.Kind == "audio" && table[c.Receive&0x7f].verb == convert {
			return true
		}
	}
	return false
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
