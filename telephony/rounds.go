package telephony

import (
	"time"

	"tandem/telephony/outcome"
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
	c.cancelAll("")
	c.best = c.best.Or(nobody)
	c.next()
}
