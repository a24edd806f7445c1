package server

import (
	"slices"

	"tandem/rtc"
	"tandem/rtc/dialog/refer"
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

// appearanceOf is a party's call in the words of shared lines.
func appearanceOf(p telephony.Party, c dialoginfo.Call) appearance.Call {
	out := appearance.Call{ID: c.ID, URI: p.Remote, Index: p.Appearance, State: appearance.Alerting,
		Dialog: appearance.Dialog{CallID: p.CallID, Local: p.LocalTag, Remote: p.RemoteTag}}
	switch {
	case p.Held:
		out.State = appearance.Held
	case c.State == dialoginfo.Confirmed:
		out.State = appearance.Active
	case p.Initiator:
		out.State = appearance.Progressing
	}
	return out
}

// sharedLines are those of phones, as calls see them.
type sharedLines struct{ s *Server }

// Place implements telephony.SharedLines. The call keeps the place until it shows that
// it rings there no more.
func (x sharedLines) Place(line rtc.AOR, call string) int {
	n := x.s.phones.shared.Place(line, call)
	if n > 0 {
		x.s.lamps.keep(call, lit{line, call})
	}
	return n
}

// Held implements telephony.SharedLines.
func (x sharedLines) Held(line rtc.AOR, index int) (refer.Replaced, error) {
	call, ok := x.s.phones.shared.At(line, index)
	switch {
	case !ok || call.State == appearance.Seized:
		return refer.Replaced{}, nil
	case call.State != appearance.Held:
		return refer.Replaced{}, &rtc.Status{Code: 480, Reason: "Appearance Taken"}
	}
	return refer.Replaced{CallID: call.Dialog.CallID, ToTag: call.Dialog.Remote, FromTag: call.Dialog.Local}, nil
}
