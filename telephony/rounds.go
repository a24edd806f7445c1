package telephony

import (
	"slices"
	"time"

	"tandem/gateways"
	"tandem/media"
	"tandem/rtc"
	"tandem/rtc/dialog"
	"tandem/telephony/guard"
)

// destination is one place an INVITE of ours goes to.
type destination struct {
	way   dialog.Way
	trunk *gateways.Trunk // nil for a device
	want  media.Want      // how the offer to it is written
	who   party           // whom it reaches
	phone string          // the device secret it registered with, "" for none
	payer rtc.AOR         // whose rights it uses, "" for nobody's
	toll  *guard.Toll     // counts it; nil: nobody does
}

func (d destination) trunkName() string {
	if d.trunk == nil {
		return ""
	}
	return d.trunk.Name
}

// round is whom a call tries at the same time.
type round struct {
	to       []destination
	patience time.Duration // how long they ring; 0: as long as the call may
	spare    bool          // ways that stand in for others, which did not ring either
}

// rounds say whom a call still tries. The next round begins when all of one have
// failed, or its patience is at an end.
type rounds []round

func (r *rounds) next() (round, bool) {
	if len(*r) == 0 {
		return round{}, false
	}
	at := r.alive()
	next := (*r)[at]
	*r = slices.Delete(slices.Clone(*r), at, at+1)
	return next, true
}

// alive is the first round, or when that is of a trunk that has gone down since the
// call was routed, the first of the trunks behind it that has not.
func (r *rounds) alive() int {
	for i, x := range *r {
		if x.to[0].trunk == nil {
			break
		}
		if x.to[0].trunk.State() < gateways.Down {
			return i
		}
	}
	return 0
}

// wait bounds how long the round at hand rings.
func (c *Call) wait(patience time.Duration) {
	c.turn++
	if c.patience != nil {
		c.patience.Stop()
	}
	if turn := c.turn; patience > 0 {
		c.patience = time.AfterFunc(patience, func() { c.box.must(func() { c.impatient(turn) }) })
	}
}

// impatient gives up a round that nobody has answered.
func (c *Call) impatient(turn int) {
	if c.over || c.callee != nil || turn != c.turn {
		return
	}
	for _, l := range c.ringing {
		c.tried(l, 408, "nobody answered")
	}
	c.cancelAll("")
	c.best = c.best.or(outcome{code: 408, text: "nobody answered"})
	c.rounds = slices.DeleteFunc(c.rounds, func(r round) bool { return r.spare }) // the same phones
	c.next()
}
