package telephony

import (
	"tandem/telephony/outcome"
	"tandem/telephony/routing"
)

// admit counts the call, if it goes to somebody of the house, for the one whose call it is
// by its route. The outcome's code is 0 when it may go on.
func (c *Call) admit() outcome.Outcome {
	if c.toll == c.route.Inside {
		return outcome.Outcome{}
	}
	c.toll.End("")
	c.toll = nil
	if why := c.route.Inside.Begin(""); why != "" {
		return outcome.Outcome{Code: 403, Text: c.limited(routing.Destination{Payer: c.route.Payer}, why, false)}
	}
	c.toll = c.route.Inside
	return outcome.Outcome{}
}

// bear has a leg that talks from now on bear what the call counts as: that counts for as
// long as the leg lasts, in whatever call.
func (c *Call) bear(l *leg) {
	if c.toll == nil || l.Trunk != nil {
		return
	}
	l.Toll, l.seized = c.toll, true
	c.toll, c.route.Inside = nil, nil
	l.Toll.Answered("", l.usedUp)
}
