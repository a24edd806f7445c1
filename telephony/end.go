package telephony

import (
	"errors"
	"time"

	"tandem/rtc"
	"tandem/telephony/cdr"
	"tandem/telephony/outcome"
	"tandem/telephony/routing"
)

// Hangup ends the call on behalf of who.
func (c *Call) Hangup(who string) {
	c.box.Must(func() { c.end(End{By: who, Code: 200, Text: "hung up by " + who, Reason: cleared}) })
}

func (c *Call) cancelAll(reason string) {
	for _, l := range c.ringing {
		l.cancel(reason)
		l.drop()
	}
	c.ringing = nil
}

// end ends every leg that has not ended by itself, the media and the record.
func (c *Call) end(e End) {
	if c.over {
		return
	}
	c.over = true
	if c.origin != nil {
		c.begun(&rtc.Status{Code: max(e.Code, 400), Err: errors.New(e.Text)})
	}
	for _, t := range []*time.Timer{c.limit, c.patience} {
		if t != nil {
			t.Stop()
		}
	}
	if c.stopAsking != nil {
		c.stopAsking()
	}
	for _, f := range c.later { // they see that it is over
		f()
	}
	c.unpark()
	c.forgetTape()
	for _, p := range c.paged {
		p.Hangup("caller")
	}
	for _, s := range c.seats {
		if s != nil {
			s.Leave()
		}
	}
	c.abandon()
	c.report(outcome.Outcome{Code: max(e.Code, 400), Text: e.Text, Reason: e.Reason})
	c.cancelAll(e.Reason)
	c.toll.End("")
	c.caller.bye(outcome.ReasonLine(e.Reason))
	c.caller.release()
	if c.callee != nil {
		c.callee.bye(outcome.ReasonLine(e.Reason))
		c.callee.release()
	}
	if c.media != nil {
		c.measure(c.media.Report())
		c.media.Close()
	}
	c.close(e)
	c.x.forget(c)
	c.box.Close()
	c.tell(Ended)
	c.shed()
}

// shed lets go of what takes memory. The dialogs of the legs, and with them the
// call, are known for half a minute more.
func (c *Call) shed() {
	c.media, c.rounds, c.passed, c.later, c.record = nil, nil, nil, nil, cdr.Record{}
	for _, l := range []*leg{c.caller, c.callee} {
		if l != nil {
			l.branch, l.theirs, l.ours = nil, nil, nil
		}
	}
	c.route = routing.Route{}
}
