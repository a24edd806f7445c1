package telephony

import (
	"tandem/gateways"
	"tandem/media"
	"tandem/rtc/dialog"
)

// destination is one place an INVITE of ours goes to.
type destination struct {
	way   dialog.Way
	trunk *gateways.Trunk // nil for a device
	want  media.Want      // how the offer to it is written
}

func (d destination) trunkName() string {
	if d.trunk == nil {
		return ""
	}
	return d.trunk.Name
}

// rounds say whom a call still tries. The destinations of one round ring at the
// same time; the next round begins when all of one have failed.
type rounds [][]destination

func (r *rounds) next() ([]destination, bool) {
	if len(*r) == 0 {
		return nil, false
	}
	round := (*r)[0]
	*r = (*r)[1:]
	return round, true
}
