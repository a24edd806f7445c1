package lamps

import (
	"tandem/rtc"
	"tandem/rtc/dialog/refer"
	"tandem/rtc/event/dialoginfo"
	"tandem/sipphone/appearance"
	"tandem/telephony"
)

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

// Place implements telephony.SharedLines. The call keeps the place until it shows that
// it rings there no more.
func (l *Lamps) Place(line rtc.AOR, call string) int {
	n := l.c.Shared().Place(line, call)
	if n > 0 {
		l.keep(call, lit{line, call})
	}
	return n
}

// Held implements telephony.SharedLines.
func (l *Lamps) Held(line rtc.AOR, index int) (refer.Replaced, error) {
	call, ok := l.c.Shared().At(line, index)
	switch {
	case !ok || call.State == appearance.Seized:
		return refer.Replaced{}, nil
	case call.State != appearance.Held:
		return refer.Replaced{}, &rtc.Status{Code: 480, Reason: "Appearance Taken"}
	}
	return refer.Replaced{CallID: call.Dialog.CallID, ToTag: call.Dialog.Remote, FromTag: call.Dialog.Local}, nil
}
