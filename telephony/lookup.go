package telephony

import (
	"context"
	"errors"

	"tandem/rtc"
	"tandem/telephony/outcome"
)

// lookUp has DNS asked for more of the number that is called, beside the owner, who goes
// on with what else happens to the call: the caller may give up. What is found becomes
// the rounds, unless the call has taken another turn by then.
func (c *Call) lookUp() {
	c.route.Ask = false
	c.wait(0)
	c.asking = c.turn
	route, turn := c.route, c.turn
	ctx, stop := context.WithCancel(context.Background())
	c.stopAsking = stop
	c.x.lookups.Go(func() {
		defer stop()
		rounds, err := c.x.cfg.Router.Elsewhere(ctx, route)
		c.box.Must(func() {
			if c.over || c.callee != nil || c.turn != turn {
				return
			}
			c.asking, c.rounds = 0, rounds
			var st *rtc.Status
			if errors.As(err, &st) {
				c.best = c.best.Or(outcome.Outcome{Code: st.Code, Text: outcome.Text(st)})
			}
			c.next()
		})
	})
}
