package routing

import (
	"slices"
	"time"

	"tandem/gateways"
	"tandem/media"
	"tandem/rtc"
	"tandem/rtc/dialog"
	"tandem/telephony/guard"
	"tandem/telephony/identity"
)

// Destination is one place an INVITE of ours goes to.
type Destination struct {
	Way    dialog.Way
	Trunk  *gateways.Trunk // nil for a device
	Want   media.Want      // how the offer to it is written
	Who    identity.Party  // whom it reaches
	Phone  string          // the device secret it registered with, "" for none
	Payer  rtc.AOR         // whose rights it uses, "" for nobody's
	Toll   *guard.Toll     // counts it; nil: nobody does
	Spares []Destination   // other ways to the device, or trunks for the number: the first is tried when this one leads nowhere
	// Instead says that it stands before the trunks for a number: what the called party
	// does there ends the search as it does with a trunk.
	Instead bool
}

// Spare is the first of the spare ways, with the rest of them; there must be one.
func (d Destination) Spare() Destination {
	next := d.Spares[0]
	next.Spares = d.Spares[1:]
	return next
}

// TrunkName is the name of its trunk, "" for a device.
func (d Destination) TrunkName() string {
	if d.Trunk == nil {
		return ""
	}
	return d.Trunk.Name
}

// Group is the ring group whose members it rings, "" for none.
func (t *Route) Group() rtc.AOR {
	if t.group == nil {
		return ""
	}
	return t.group.AOR
}

// Round is whom a call tries at the same time.
type Round struct {
	To       []Destination
	Patience time.Duration // how long they ring; 0: as long as the call may
}

// Rounds say whom a call still tries. The next round begins when all of one have
// failed, or its patience is at an end.
type Rounds []Round

// beside are the trunks of rounds for a number that rings beside others: the first, and the
// rest as its spares, all at the expense of payer.
func (r Rounds) beside(payer rtc.AOR) []Destination {
	var list []Destination
	for _, round := range r {
		d := round.To[0]
		d.Payer = payer
		list = append(list, d)
	}
	first := list[0]
	first.Spares = list[1:]
	return []Destination{first}
}

// Next takes the round that is tried now; false when there are none left.
func (r *Rounds) Next() (Round, bool) {
	if len(*r) == 0 {
		return Round{}, false
	}
	at := r.alive()
	next := (*r)[at]
	*r = slices.Delete(slices.Clone(*r), at, at+1)
	return next, true
}

// alive is the first round, or when that is of a trunk that has gone down since the
// call was routed, the first of the trunks behind it that has not.
func (r *Rounds) alive() int {
	for i, x := range *r {
		if x.To[0].Trunk == nil {
			break
		}
		if x.To[0].Trunk.State() < gateways.Down {
			return i
		}
	}
	return 0
}
