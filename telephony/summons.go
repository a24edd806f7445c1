package telephony

import (
	"errors"
	"strings"
	"time"

	"tandem/media"
	"tandem/rtc"
	"tandem/rtc/dialog"
	"tandem/rtc/dialog/refer"
	"tandem/rtc/sip"
	"tandem/telephony/cdr"
	"tandem/telephony/feature"
	"tandem/telephony/routing"
)

// summons takes a REFER to a conference that is sent outside a dialog (RFC 4579 §5.5):
// whom it names is called, at the expense of who sends it, and seated. It is false for
// a REFER to anything else. It runs on the lane of the REFER.
func (x *Exchange) summons(r *rtc.Request) (taken bool, err error) {
	code := routing.CodeOf(string(r.RequestURI()))
	if code.Kind != feature.Conference {
		return false, nil
	}
	by, err := x.cfg.Router.Caller(r)
	if err == nil && by.Caller.User == "" {
		err = &rtc.Status{Code: 403, Reason: "Users Alone Invite to Conferences"}
	}
	if err != nil {
		return true, err
	}
	if _, err := x.cfg.Router.Route(r); errors.Is(err, rtc.Next) {
		return false, nil // of another domain
	}
	target, err := refer.Read(r.Message)
	if err != nil {
		return true, err
	}
	if !strings.EqualFold(target.Method, "INVITE") {
		return true, &rtc.Status{Code: 403, Reason: "Only Calls Lead to a Conference"}
	}
	route, err := x.cfg.Router.Refer(by.Caller.User, "", target)
	switch {
	case errors.Is(err, rtc.Next):
		return true, &rtc.Status{Code: 403, Reason: "Not a Destination of This Server"}
	case err != nil:
		return true, err
	case route.Code.Kind != feature.None:
		return true, &rtc.Status{Code: 403, Reason: "Nobody Has a Code"}
	}
	told, err := refer.Outside(x.ua, r, dialog.Inbound{Sticky: true})
	if err != nil {
		return true, err
	}
	route.Caller = by.Caller
	c := x.newCall(route)
	c.origin = &origin{seatIn: code.Arg, Options: Options{Payer: by.Caller.User, Watch: func(e Event) { told.Do(func() { tellOf(told, e) }) }}}
	c.record = recordOf(route, c.id, "", time.Now())
	c.record.From, c.record.Payer = by.Caller.User, by.Caller.User
	if err := x.start(c); err != nil {
		told.Finish(503, "")
	}
	return true, nil
}

// probed answers an OPTIONS to a conference, outside a dialog, of one who may call there
// (RFC 4579 §4.3). It is false for any other: others do not learn what is one.
func (x *Exchange) probed(r *rtc.Request) (taken bool, err error) {
	uri, perr := sip.ParseURI(r.RequestURI())
	if perr != nil || routing.CodeOf(string(r.RequestURI())).Kind != feature.Conference {
		return false, nil
	}
	if route, err := x.cfg.Router.Route(r); err != nil || route.Code.Kind != feature.Conference {
		return false, nil
	}
	return true, x.ua.TellFocus(r, uri)
}

// tellOf tells who has sent a REFER what becomes of the call it asked for.
func tellOf(told *refer.Referral, e Event) {
	switch e.Kind {
	case CallerRings:
		told.Progress(180, "")
	case Answered:
		told.Finish(200, "")
	case Ended:
		told.Finish(max(e.Record.Code, 400), "")
	}
}

// summoned seats who has answered.
func (c *Call) summoned(l *leg) {
	c.callee = c.nobody(media.B)
	c.note(cdr.CallerReached, l.name())
	c.tell(CallerReached)
	if err := c.sit(l, c.origin.seatIn); err != nil {
		c.end(End{By: "server", Code: 503, Text: "the conference has no seat"})
		return
	}
	c.record.Answered = time.Now()
	c.recordByPolicy()
	c.tell(Answered)
}
