package telephony

import (
	"slices"
	"time"

	"tandem/rtc"
	"tandem/rtc/dialog"
	"tandem/telephony/outcome"
	"tandem/telephony/routing"
)

// wait bounds how long the round at hand rings.
func (c *Call) wait(patience time.Duration) {
	c.turn++
	if c.patience != nil {
		c.patience.Stop()
	}
	if turn := c.turn; patience > 0 {
		c.patience = time.AfterFunc(patience, func() { c.box.Must(func() { c.impatient(turn) }) })
	}
}

// ringBy rings a destination, by the first of its ways that can be taken.
func (c *Call) ringBy(d routing.Destination, onward dialog.Onward) (o outcome.Outcome) {
	for {
		if o = c.ring(d, onward); o.Code == 0 || len(d.Spares) == 0 {
			return o
		}
		d = d.Spare()
	}
}

// ringSpare calls a device by another way when one has led nowhere (RFC 5626 §7), or a
// number by the next trunk when one has failed that another may not.
func (c *Call) ringSpare(l *leg, o outcome.Outcome) bool {
	again := o.Nowhere()
	if l.Trunk != nil {
		again = o.GoesOn(l.rang) && time.Since(l.began) < c.x.cfg.Failover
	}
	if !again || len(l.Spares) == 0 || c.ringBy(l.Spare(), l.onward).Code != 0 {
		return false
	}
	c.ringing[len(c.ringing)-1].began = l.began
	c.tell(Changed)
	return true
}

// impatient gives up a round that nobody has answered.
func (c *Call) impatient(turn int) {
	if c.over || c.callee != nil || turn != c.turn {
		return
	}
	nobody := outcome.Outcome{Code: 408, Text: "nobody answered"}
	for _, l := range c.ringing {
		c.tried(l, nobody)
	}
	if c.best = c.best.Or(nobody); len(c.ringing) > 0 && c.route.Group() == "" {
		c.best = nobody // whatever another phone of the user has said
	}
	c.cancelAll("")
	c.next()
}

// unanswered gives up whom a call has rung for as long as it may.
func (c *Call) unanswered() {
	switch {
	case c.callee != nil:
	case c.origin != nil:
		c.refuse(outcome.Outcome{Code: 408, Text: "nobody answered"})
	default:
		for _, l := range c.ringing {
			if l.Trunk != nil {
				c.giveUp(l)
			}
		}
		c.impatient(c.turn)
	}
}

// restart has a round ring for as long as a call may at most.
func (c *Call) restart() {
	if c.origin == nil && c.limit != nil {
		c.limit.Reset(c.x.cfg.RingTime)
	}
}

// others reports whether a call rings others beside whom a destination reaches: members
// of a group, or a number outside that rings together with a user's phones. What one of
// them says is then said for that one alone.
func (c *Call) others(l *leg) bool {
	return c.route.Group() != "" || l.Trunk != nil && c.route.Rings.AOR != ""
}

// cancelOf ends the ringing of a user's other devices.
func (c *Call) cancelOf(user rtc.AOR) {
	c.ringing = slices.DeleteFunc(c.ringing, func(l *leg) bool {
		if user == "" || l.Who.User != user {
			return false
		}
		l.cancel("")
		l.drop()
		return true
	})
}

// giveUp leaves out what is still to be tried for the number of a destination.
func (c *Call) giveUp(l *leg) {
	if !c.others(l) {
		c.rounds = nil
		return
	}
	c.rounds = slices.DeleteFunc(slices.Clone(c.rounds), func(r routing.Round) bool {
		return r.To[0].Trunk != nil && r.To[0].Who.Number == l.Who.Number
	})
}
