package telephony

import (
	"errors"

	"tandem/gateways/dialect"
	"tandem/rtc"
	"tandem/rtc/dialog"
	"tandem/telephony/cdr"
	"tandem/telephony/diversion"
	"tandem/telephony/outcome"
	"tandem/telephony/routing"
)

// divert sends the call on when all of a round have failed and the user it rings
// wants that. It reports whether there is more to try.
func (c *Call) divert(why diversion.Reason, target string) bool {
	route, err := c.x.cfg.Router.Divert(c.route, why, target)
	if err != nil {
		if !errors.Is(err, rtc.Next) {
			c.log.Warn("the call cannot be forwarded", "aor", string(c.route.Rings.AOR), "err", err)
		}
		return false
	}
	c.goesTo(route)
	return true
}

// redirected follows a trunk that has sent the call elsewhere. It reports whether
// the call goes there.
func (c *Call) redirected(l *leg, o outcome.Outcome) bool {
	if l.Trunk == nil || !o.Redirected() || l.Trunk.Speaks().Redirects != dialect.RedirectsFollow || len(c.ringing) > 0 || c.route.Emergency {
		return false
	}
	route, err := c.x.cfg.Router.Redirect(c.route, l.Trunk, l.Payer, l.Who.Number, o.Contact)
	if err != nil {
		c.log.Warn("a trunk sends the call elsewhere, where it does not go", "trunk", l.TrunkName(), "err", err)
		return false
	}
	c.goesTo(route)
	return true
}

// goesTo has the call go on by another route.
func (c *Call) goesTo(route routing.Route) {
	before := len(c.route.Chain.Hops())
	c.route, c.rounds, c.best, c.alerted = route, route.Rounds, outcome.Outcome{}, false
	c.record.Payer = route.Payer
	if route.Number != "" {
		c.record.Number, c.record.Kind = route.Number, route.Kind
	}
	c.limit.Reset(c.x.cfg.RingTime)
	c.noteHops(before)
}

// noteHops tells the caller and the record of those who sent the call on, from the
// n-th on.
func (c *Call) noteHops(n int) {
	hops := c.route.Chain.Hops()[n:]
	for _, h := range hops {
		c.note(cdr.Forwarded, string(h.User)+" "+string(h.Reason))
	}
	if len(hops) > 0 && !c.dialling() {
		_ = c.caller.ring(181, dialog.Content{}) // RFC 3261 §21.1.3
	}
}
