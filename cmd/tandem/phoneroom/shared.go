package phoneroom

import (
	"slices"
	"tandem/rtc"
	"tandem/rtc/event"
	"tandem/sipphone"
	"tandem/sipphone/appearance"
)

// showShared adds the event packages of lines that several phones have.
func (r *Room) showShared() {
	r.Shared = appearance.New(r.isShared, func(line rtc.AOR) { r.rooms.Events.Changed(line, appearance.CallInfo) })
	for _, p := range r.Shared.Packages() {
		r.rooms.Events.Add(p)
	}
	r.rooms.Events.Watch(func(c event.Change) { r.Shared.Ended(c) })
}

// isShared reports whether a phone has the line marked as shared.
func (r *Room) isShared(line rtc.AOR) bool {
	return slices.ContainsFunc(r.Inventory.Of(line), func(mac sipphone.MAC) bool {
		p, err := r.Inventory.Get(mac)
		return err == nil && slices.ContainsFunc(p.Lines, func(l sipphone.Line) bool { return l.User == line && l.Shared })
	})
}
