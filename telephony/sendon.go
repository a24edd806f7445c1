package telephony

import (
	"context"
	"strconv"

	"tandem/rtc"
	"tandem/rtc/dialog"
	"tandem/rtc/dialog/refer"
	"tandem/telephony/cdr"
	"tandem/telephony/feature"
	"tandem/telephony/routing"
)

// Transfer has the server transfer the call as one of its parties could, "caller" or
// "callee", with the rights of that party: the other one is sent on to whom it may call,
// to a conference (*6ROOM) or to a parking slot (*5, *57). By "" it is who has left a call
// that is parked or in a conference, else the callee. Who is in a conference stays there
// until the target answers. Transfer returns when that is being called; ctx bounds the
// wait. The error is a *rtc.Status.
func (c *Call) Transfer(ctx context.Context, by, target string) error {
	begun := make(chan error, 1)
	if !c.box.Must(func() {
		c.whenIdle(func() { begun <- c.sendOn(by, target) })
	}) {
		return &rtc.Status{Code: 481}
	}
	select {
	case err := <-begun:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *Call) sendOn(by, target string) error {
	l := c.partyOf(by)
	if by == "" && c.caller.session == nil {
		l = c.caller
	}
	if err := c.mayLeave(l); err != nil {
		return err
	}
	route, err := c.x.cfg.Router.Refer(c.referrer(l).User, c.other(l).Who.User, refer.Target{URI: target, Method: "INVITE"})
	if err != nil {
		return err
	}
	switch code := route.Code; code.Kind {
	case feature.None:
		return c.sendTo(l, route, target)
	case feature.Park, feature.Retrieve:
		slot, _ := strconv.Atoi(code.Arg)
		if _, err := c.park(l, slot); err != nil {
			return err
		}
		l.bye(nil)
		return nil
	case feature.Conference:
		return c.sendInto(l, code.Arg)
	}
	return errCode
}

// mayLeave reports what stands against leaving a call for a leg, or for the place where
// nobody is, with the other party sent on.
func (c *Call) mayLeave(l *leg) error {
	switch {
	case c.over:
		return &rtc.Status{Code: 481}
	case c.transfer != nil:
		return &rtc.Status{Code: 491, Reason: "Transfer Under Way"}
	case c.record.Answered.IsZero():
		return &rtc.Status{Code: 403, Reason: "Not Before the Answer"}
	case l == nil || c.other(l) == nil || c.other(l).session == nil || c.paging():
		return errAlone
	case l.session == nil && c.parked == nil && c.seats[l.side.Other()] == nil: // it speaks with the server
		return errNotNow
	}
	return nil
}

// sendTo calls whom a route leads to, for the other party of a leg.
func (c *Call) sendTo(l *leg, route routing.Route, to string) error {
	errand, err := c.x.prepare(c, l, route, refer.Replaced{}, "")
	if err != nil {
		return err
	}
	c.transfer = &transfer{by: l, errand: errand, to: to, gone: l.session == nil, recalls: l.session == nil && c.parked == nil}
	if p := c.parked; p != nil { // when nobody takes it it waits on, and that was no time
		c.transfer.parked = &parked{slot: p.slot, empty: p.empty, times: p.times - 1}
		c.unpark()
		c.tell(Changed)
	}
	c.note(cdr.Transferring, c.referrer(l).Address())
	errand.box.Must(errand.run)
	return nil
}

// sendInto seats the other party of a leg in a conference.
func (c *Call) sendInto(l *leg, room string) error {
	if err := c.sit(c.other(l), room); err != nil {
		return err
	}
	c.unpark()
	if l.session == nil {
		c.tell(Changed)
		return nil
	}
	c.leaves(l)
	return nil
}

// disperse has all of a call who are in a conference leave it, to speak with others.
func (c *Call) disperse() {
	c.route.Code = feature.Code{}
	for _, l := range []*leg{c.caller, c.callee} {
		if l == nil || c.seats[l.side] == nil {
			continue
		}
		c.seats[l.side].Leave()
		c.seats[l.side] = nil
		l.do(func(s *dialog.Session) { s.Focus("") })
		c.note(cdr.Left, l.Who.Address())
	}
}
