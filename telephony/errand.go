package telephony

import (
	"time"

	"tandem/media"
	"tandem/rtc"
	"tandem/rtc/dialog/refer"
	"tandem/telephony/identity"
	"tandem/telephony/outcome"
	"tandem/telephony/routing"
)

// errand is what a call is made for: whoever answers it takes the place of the
// transferor in another call.
type errand struct {
	home *Call
	done bool // it has been said how it went
}

// prepare makes the errand of a transfer by l along a route: a call for which the
// transferor has to have the right, and which it pays. by is what its phone calls it.
func (x *Exchange) prepare(home *Call, l *leg, route routing.Route, takesOver refer.Replaced, by string) (*Call, error) {
	who := home.referrer(l)
	if stays := home.other(l); route.Called != "" && (route.Called == who.User || route.Called == stays.Who.User) {
		return nil, &rtc.Status{Code: 403, Reason: "A Party of This Call"}
	}
	if by == "" {
		by = "<" + who.URI + ">"
	}
	if who.Private {
		by = "<sip:anonymous@anonymous.invalid>" // whatever its phone says
	}
	passed := []byte("Referred-By: " + by + "\r\n") // RFC 3892 §2.2
	if takesOver != (refer.Replaced{}) {
		passed = append(passed, replaces(takesOver)...)
	}
	return x.errand(home, l, route, passed)
}

// referrer is who transfers when a leg does: whose rights count, and who pays. In a place
// where nobody is, and nobody was, it is who is sent on himself.
func (c *Call) referrer(l *leg) identity.Party {
	if l.session == nil && l.Who.User == "" {
		return c.other(l).Who
	}
	return l.Who
}

// errand makes the call by a route to whoever takes the place of l, in the name of who
// stays.
func (x *Exchange) errand(home *Call, l *leg, route routing.Route, passed []byte) (*Call, error) {
	onward, ok := home.onward.Next()
	if !ok {
		return nil, &rtc.Status{Code: 483, Reason: "Transferred Too Often"}
	}
	stays := home.other(l)
	route.Caller, route.Payer = stays.Who, home.referrer(l).User
	c := x.newCall(route)
	c.onward = onward
	c.errand = &errand{home: home}
	c.caller = &leg{c: c, side: media.A, Destination: routing.Destination{Who: stays.Who}}
	c.passed = passed
	c.log = x.cfg.Log.With("call", c.id, "for", home.id)
	c.record = recordOf(route, c.id, "", time.Now())
	if !x.enter(c) {
		return nil, tooMany
	}
	return c, nil
}

// run calls the new party.
func (c *Call) run() {
	c.tell(Started)
	if c.open(); c.over {
		return
	}
	if err := c.listen(); err != nil {
		c.refuse(outcome.Described(err))
		return
	}
	c.limit = time.AfterFunc(c.x.cfg.RingTime, func() { c.box.Must(c.unanswered) })
	c.next()
}

func replaces(r refer.Replaced) string {
	line := "Replaces: " + r.CallID + ";to-tag=" + r.ToTag + ";from-tag=" + r.FromTag
	if r.EarlyOnly {
		line += ";early-only"
	}
	return line + "\r\n"
}

// surrender has a call work for the transfer of another one: it gives its party
// other than l, at once or when that has answered.
func (c *Call) surrender(l *leg, home *Call) {
	if c.over || c.errand != nil || c.transfer != nil {
		home.box.Must(func() { home.transferFailed(outcome.Outcome{Code: 481, Text: "the other call has ended"}) })
		return
	}
	c.errand = &errand{home: home}
	switch {
	case !c.record.Answered.IsZero():
		c.whenIdle(func() { c.deliver(c.other(l)) })
	case l != c.caller:
		c.report(outcome.Outcome{Code: 481, Text: "the other call is not answered yet"})
	} // else when it is answered
}

// deliver gives the party of an errand to the call it is for.
func (c *Call) deliver(l *leg) {
	if c.over || l == nil || l.session == nil {
		c.report(outcome.Outcome{Code: 480, Text: "the party has gone"})
		return
	}
	home := c.errand.home
	c.errand.done = true
	c.give(l, home, End{By: "transfer", Code: 200, Text: "joined with call " + home.id}, func(l *leg, from *media.Session) {
		home.transferred(l, from)
	})
}

// report tells the call that an errand is for how it failed, once.
func (c *Call) report(o outcome.Outcome) {
	if c.errand == nil || c.errand.done {
		return
	}
	c.errand.done = true
	home := c.errand.home
	home.box.Must(func() { home.transferFailed(o) })
}
