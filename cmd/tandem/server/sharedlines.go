package server

import (
	"slices"

	"tandem/rtc"
	"tandem/rtc/event"
	"tandem/rtc/event/dialoginfo"
	"tandem/sipphone"
	"tandem/sipphone/appearance"
	"tandem/telephony"
)

// showShared adds the event packages of lines that several phones have.
func (s *Server) showShared() {
	s.phones.shared = appearance.New(s.isShared, func(line rtc.AOR) { s.events.Changed(line, appearance.CallInfo) })
	for _, p := range s.phones.shared.Packages() {
		s.events.Add(p)
	}
	s.events.Watch(func(c event.Change) { s.phones.shared.Ended(c) })
}

// isShared reports whether a phone has the line marked as shared.
func (s *Server) isShared(line rtc.AOR) bool {
	return slices.ContainsFunc(s.phones.inventory.Of(line), func(mac sipphone.MAC) bool {
		p, err := s.phones.inventory.Get(mac)
		return err == nil && slices.ContainsFunc(p.Lines, func(l sipphone.Line) bool { return l.User == line && l.Shared })
	})
}

// appearanceOf is the state of a party's call in the words of shared lines.
func appearanceOf(p telephony.Party, c dialoginfo.Call) appearance.State {
	switch {
	case p.Held:
		return appearance.Held
	case c.State == dialoginfo.Confirmed:
		return appearance.Active
	case p.Initiator:
		return appearance.Progressing
	}
	return appearance.Alerting
}
