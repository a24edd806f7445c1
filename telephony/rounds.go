package telephony

import (
	"slices"
	"time"

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

// impatient gives up a round that nobody has answered.
func (c *Call) impatient(turn int) {
	if c.over || c.callee != nil || turn != c.turn {
		return
	}
	nobody := outcome.Outcome{Code: 408, Text: "nobody answered"}
	for _, l := range c.ringing {
		c.tried(l, nobody)
	}
	c.cancelAll("")
	c.best = c.best.Or(nobody)
	c.rounds = slices.DeleteFunc(c.rounds, func(r routing.Round) bool { return r.Spare }) // the same phones
	c.next()
}
