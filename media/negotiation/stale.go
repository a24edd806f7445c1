package negotiation

import (
	"slices"

	"tandem/media/route"
	"tandem/media/sdp"
	"tandem/media/sdp/exchange"
)

// Stale reports whether the far side has changed so that what a side was told no longer
// fits: only one side has a line on, no format of a line can pass or be converted, or
// the side is told to be silent without need. It is false while one of the sides has
// agreed to nothing.
func (d *Side) Stale(other *Side) bool {
	if d.agreed == nil || other.agreed == nil || d.pending != nil {
		return false
	}
	for i := range max(len(d.agreed), len(other.agreed)) {
		var near, far exchange.Agreed
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

// Converts reports whether the side has named a voice codec that can be converted, so
// that the other side may be offered codecs that this one does not have.
func (d *Side) Converts() bool {
	said := d.known()
	if said == nil {
		return false
	}
	return slices.ContainsFunc(said.Media, func(m sdp.Media) bool {
		return slices.ContainsFunc(m.Codecs, func(c sdp.Codec) bool { _, ok := route.Convertible(c); return ok && c.Main() })
	})
}

// hushed reports whether a direction is closed toward a side although the other side
// has it open and the side did not close it.
func (d *Side) hushed(i int, near, far *exchange.Agreed) bool {
	told := d.agent.Local().Media[i].Direction
	open := mirrored(far.Media)
	sends, receives := open.Sends() && !told.Sends(), open.Receives() && !told.Receives()
	if d.asked { // it was the side's offer, and the side may have closed the direction
		sends = sends && near.Media.Direction.Receives() && !near.Media.Hold()
		receives = receives && near.Media.Direction.Sends()
	}
	return sends || receives
}
