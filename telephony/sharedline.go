package telephony

import (
	"strconv"

	"tandem/rtc"
	"tandem/rtc/dialog"
	"tandem/rtc/dialog/refer"
	"tandem/rtc/sip"
)

// SharedLines are the lines that several phones have, each with a few places for calls,
// its appearances, counted from 1. Phones name one in Call-Info (appearance-index).
type SharedLines interface {
	// Place is the appearance at which a call is shown that rings at a line; 0 when the
	// line is not shared, or full. It must not block.
	Place(line rtc.AOR, call string) int
	// Held is the dialog, as the phone has it, of the call that is on hold at an
	// appearance. The error is a *rtc.Status: another call goes on there. Neither is
	// returned where nothing does.
	Held(line rtc.AOR, appearance int) (refer.Replaced, error)
}

// resumed finds the dialog of a call on hold that an INVITE takes up again at another
// phone of its line: it is to the line itself, and names the appearance.
func (x *Exchange) resumed(r *rtc.Request) (*dialog.Dialog, error) {
	n := r.Message.Appearance()
	if n == 0 || x.cfg.Lines == nil || r.Identity == nil || r.Identity.AOR == "" {
		return nil, nil
	}
	uri, perr := sip.ParseURI(r.RequestURI())
	if perr != nil || rtc.AOR(uri.AppendAOR(nil)) != r.Identity.AOR {
		return nil, nil
	}
	held, err := x.cfg.Lines.Held(r.Identity.AOR, n)
	if err != nil || held == (refer.Replaced{}) {
		return nil, err
	}
	return x.dialogOf(held), nil
}

// place is the header that tells a phone at which appearance of its line a call rings.
func (l *leg) place() []byte {
	if l.c.x.cfg.Lines == nil || l.Who.User == "" {
		return nil
	}
	n := l.c.x.cfg.Lines.Place(l.Who.User, l.c.id)
	if n == 0 {
		return nil
	}
	return []byte("Call-Info: <" + string(l.Who.User) + ">;appearance-index=" + strconv.Itoa(n) + "\r\n")
}
