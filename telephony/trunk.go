package telephony

import (
	"errors"
	"time"

	"tandem/gateways"
	"tandem/rtc"
	"tandem/rtc/dialog"
	"tandem/rtc/sip"
	"tandem/telephony/outcome"
	"tandem/telephony/q850"
	"tandem/telephony/routing"
)

// seize takes a channel of the leg's trunk and counts the call. The outcome's code
// is 0 when that is done.
func (l *leg) seize() outcome.Outcome {
	if l.Trunk == nil || l.seized {
		return outcome.Outcome{}
	}
	if l.Way.URI != "" && l.c.route.Emergency {
		l.Trunk.Force(l.direction())
		l.seized = true
		return outcome.Outcome{}
	}
	if !l.Trunk.Seize(l.direction()) {
		l.c.x.cfg.Log.Info("trunk has no channel free", "call", l.c.id, "trunk", l.TrunkName())
		return outcome.Outcome{Code: 503, Text: "all channels of trunk " + l.TrunkName() + " are taken", Reason: q850.NoChannel.Reason()}
	}
	if why := l.Toll.Begin(l.Trunk.Name); why != "" {
		l.Trunk.Release(l.direction())
		return outcome.Outcome{Code: 403, Text: l.c.limited(l.Destination, why, false)}
	}
	l.seized = true
	return outcome.Outcome{}
}

// limited tells that a limit does not let the call go to a destination, or ends it, and returns why.
func (c *Call) limited(to routing.Destination, why string, ended bool) string {
	c.log.Warn("call stopped by a limit", "aor", string(to.Payer), "trunk", to.TrunkName(), "err", why)
	return routing.Refusal{User: to.Payer, Dialled: c.record.To, Number: to.Who.Number, Kind: c.route.Kind, Why: why, Ended: ended}.Tell(c.x.cfg.Refused)
}

// usedUp ends the call whose leg has used up a limit of minutes.
func (l *leg) usedUp(why string) {
	l.must(func(c *Call) {
		if c.over || l.session == nil || !l.seized {
			return
		}
		c.end(End{By: "server", Code: 403, Text: c.limited(l.Destination, why, true), Reason: q850.OfStatus(403).Reason()})
	})
}

// direction of the leg's call on its trunk.
func (l *leg) direction() gateways.Direction {
	if l.Way.URI == "" { // the caller's
		return gateways.In
	}
	return gateways.Out
}

// release gives the channel back, and counts the call no longer.
func (l *leg) release() {
	if l.seized {
		l.seized = false
		if l.Trunk != nil {
			l.Trunk.Release(l.direction())
		}
		l.Toll.End(l.TrunkName())
	}
}

// late reports whether trunks have been tried for as long as a caller waits.
func (c *Call) late() bool {
	for _, t := range c.record.Tried {
		if t.Trunk != "" {
			return time.Since(t.Began) > c.x.cfg.Failover
		}
	}
	return false
}

// observe tells the leg's trunk what was heard of it, or that nothing was.
func (l *leg) observe(m *sip.Message, err error) {
	var st *rtc.Status
	switch {
	case l.Trunk == nil:
	case m != nil:
		if m.StatusCode()/100 == 2 {
			l.Toll.Answered(l.Trunk.Name, l.usedUp)
		}
		seconds, _ := m.RetryAfter()
		l.Trunk.Answered(m.StatusCode(), time.Duration(seconds)*time.Second)
	case errors.Is(err, dialog.ErrCanceled), errors.As(err, &st): // it was not asked
	case err != nil:
		l.Trunk.Missed("no answer to a call: " + err.Error())
	}
}
