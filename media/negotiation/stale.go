package negotiation

import (
	"slices"

	"tandem/media/route"
	"tandem/media/sdp"
)

// Stale says that what a side was told no longer fits the far side, which has changed
// since: a line is on at one side alone, no format of a line can pass or be converted,
// or the side is told to be silent without need. False while either side has agreed to
// nothing.
func (d *Side) Stale(other *Side) bool {
	if d.agreed == nil || other.agreed == nil || d.pending != nil {
		return false
	}
	for i := range max(len(d.agreed), len(other.agreed)) {
		var near, far sdp.Agreed
		if i < len(d.agreed) {
			near = d.agreed[i]
		}
		if i < len(other.agreed) {
			far = other.agreed[i]
		}
		if near.Enabled != far.Enabled || near.Enabled && (!route.Joins(&near, &far) || d.hushed(i, &near, &far)) {
			return true
		}
	}
	return false
}

// Converts reports whether the side has named speech that can be converted, so that the
// other one may be offered codecs that this side has not.
func (d *Side) Converts() bool {
	said := d.known()
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
