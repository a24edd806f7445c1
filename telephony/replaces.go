package telephony

import (
	"strings"
	"time"

	"tandem/media"
	"tandem/rtc"
	"tandem/rtc/dialog"
	"tandem/rtc/sip"
	"tandem/telephony/cdr"
	"tandem/telephony/content"
	"tandem/telephony/feature"
	"tandem/telephony/outcome"
)

// replaced takes an INVITE that is to take over a leg of a call (RFC 3891), or takes up
// a call on hold at a shared line: who sends it takes the place of the one at its other
// end. It is false for a dialog of which
// we know nothing. It runs on the INVITE's lane, and the leg may be on another one.
func (x *Exchange) replaced(r *rtc.Request) (taken bool, err error) {
	d, code := x.ua.Table().Replaces(r.Message)
	if d == nil && code == 0 {
		if d, err = x.resumed(r); err != nil {
			return true, err
		}
	}
	switch {
	case d == nil && (code == 0 || code == 481):
		return false, nil
	case d == nil:
		return true, &rtc.Status{Code: code}
	}
	route, err := x.cfg.Router.Caller(r)
	if err != nil {
		return true, err
	}
	return true, x.receive(r, route, func(c *Call, invite *sip.Message) { c.takeOver(d, invite) })
}

// takeOver answers the caller and hands it over to the call that d belongs to.
func (c *Call) takeOver(d *dialog.Dialog, invite *sip.Message) {
	l := legOf(d)
	switch {
	case l != nil && d.State() == dialog.Early:
		c.takeRinging(l, invite)
		return
	case l == nil || l.session == nil:
		c.refuse(outcome.Outcome{Code: 481, Text: "the dialog to be replaced has ended"})
		return
	case !c.mayReplace(l, invite):
		c.refuse(outcome.Outcome{Code: 403, Text: "the dialog to be replaced is another's"})
		return
	}
	if c.describeAlone(invite) {
		c.whenKept(func() { c.hand(l) })
	}
}

// takeRinging answers the caller and hands it over to a call that rings at a leg, as
// the code of pickup does: lamps tell phones which dialog that is (RFC 4235 §4.1.3).
func (c *Call) takeRinging(l *leg, invite *sip.Message) {
	if !c.x.cfg.Router.MayPickUp(c.caller.Who.User, l.Who.User) {
		c.refuse(outcome.Outcome{Code: 403, Text: "calls of others are picked up within a group"})
		return
	}
	target := l.at.Load()
	c.alone(invite, func() {
		c.give(c.caller, target, End{By: "pickup", Code: 200, Text: "joined with call " + target.id}, target.pickedUp)
	})
}

// mayReplace reports whether a caller may take over a leg: it is of the same user, who
// changes the phone, or the caller names that user as the one who referred it here.
func (c *Call) mayReplace(l *leg, invite *sip.Message) bool {
	who := c.caller.Who.User
	if who == "" || l.Who.User == "" {
		return false
	}
	by, err := sip.ParseNameAddr(invite.Get(sip.HdrReferredBy))
	return who == l.Who.User || err == nil && strings.EqualFold(string(by.URI), string(l.Who.User))
}

// hand accepts the caller and gives it to the call of a leg in whose place it comes.
func (c *Call) hand(old *leg) {
	if c.over {
		return
	}
	if err := c.caller.accept(content.Of(c.caller.ours)); err != nil {
		c.end(End{By: c.caller.name(), Code: 487})
		return
	}
	c.record.Answered = time.Now()
	c.tell(Answered)
	home := old.at.Load()
	if home == c {
		c.end(End{By: "server", Code: 481, Text: "a call cannot replace itself"})
		return
	}
	c.give(c.caller, home, End{By: "transfer", Code: 200, Text: "joined with call " + home.id}, func(l *leg, from *media.Session) {
		home.whenIdle(func() { home.exchange(old, l, from) })
	})
}

// exchange puts a leg that another call gave into the place of an old one, which ends.
func (c *Call) exchange(old, l *leg, from *media.Session) {
	stays := c.other(old)
	if c.over || stays == nil || old != c.caller && old != c.callee || c.transfer != nil || c.record.Answered.IsZero() {
		from.Close()
		l.release()
		l.bye(outcome.ReasonLine(`SIP;cause=481;text="The call has ended"`))
		return
	}
	if _, err := c.take(old.side, l, from); err != nil {
		c.log.Warn("a leg is not taken over", "leg", l.callID, "err", err)
		return
	}
	old.bye(nil)
	old.release()
	c.media.Stop(stays.side)
	if s := c.seats[l.side]; s != nil {
		l.do(func(d *dialog.Session) { d.Focus(feature.Room(s.Room())) })
	}
	c.resume(stays)
	c.resume(l)
	c.recordByPolicy()
	c.note(cdr.Transferred, l.Who.Address())
	c.tell(Transferred)
	c.introduce(l, stays)
	c.whenIdle(func() { c.introduce(stays, l) })
}
