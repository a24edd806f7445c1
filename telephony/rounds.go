package telephony

import (
	"slices"
	"time"

	"tandem/rtc"
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

// ringSpare calls a device by another way when one has led nowhere (RFC 5626 §7).
func (c *Call) ringSpare(l *leg, o outcome.Outcome) bool {
	if len(l.Spares) == 0 || !o.Nowhere() {
		return false
	}
	d := l.Spares[0]
	d.Spares = l.Spares[1:]
	if c.ring(d, l.onward).Code != 0 {
		return false
	}
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
