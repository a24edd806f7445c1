package telephony

import (
	"slices"
	"time"

	"tandem/media"
	"tandem/media/sound"
	"tandem/rtc"
	"tandem/rtc/sip"
	"tandem/telephony/cdr"
	"tandem/telephony/content"
	"tandem/telephony/feature"
	"tandem/telephony/outcome"
)

// serve answers a caller who has dialled a code: the server itself is the other side.
func (c *Call) serve(invite *sip.Message) {
	if o := c.admit(); o.Code != 0 {
		c.refuse(o)
		return
	}
	switch code := c.route.Code; code.Kind {
	case feature.Pickup, feature.GroupPickup:
		c.pickUp(invite)
	case feature.Retrieve:
		c.retrieve(invite)
	case feature.Conference:
		c.meet(invite)
	case feature.Paging:
		c.page(invite)
	case feature.Park:
		c.refuse(outcome.Outcome{Code: 403, Text: "a call is parked by a transfer to the code"})
	default:
		c.change(invite)
	}
}

// alone answers the caller with nobody on the other side yet, and goes on with then.
func (c *Call) alone(invite *sip.Message, then func()) {
	if !c.describeAlone(invite) {
		return
	}
	c.callee = c.nobody(media.B)
	answer := c.caller.ours
	c.whenKept(func() {
		if c.over {
			return
		}
		if err := c.caller.accept(content.Of(answer)); err != nil {
			c.end(End{By: c.caller.name(), Code: 487})
			return
		}
		c.record.Answered = time.Now()
		c.bear(c.caller)
		c.tell(Answered)
		then()
	})
}

// describeAlone opens the call and writes the description that the caller is answered
// with while nobody is on the other side. It reports whether the call goes on.
func (c *Call) describeAlone(invite *sip.Message) bool {
	if c.open(); c.over {
		return false
	}
	err := c.listen()
	if err == nil {
		err = c.caller.takeOffer(invite)
	}
	switch {
	case err != nil:
	case c.caller.late:
		c.caller.ours, err = c.media.MakeOffer(media.A, c.caller.Want)
	default:
		c.caller.ours, err = c.media.MakeAnswer(media.A, c.caller.Want)
	}
	if err != nil {
		c.refuse(outcome.Described(err))
	}
	return err == nil
}

// change sets what the caller wants, and lets him hear whether that was done.
func (c *Call) change(invite *sip.Message) {
	c.alone(invite, func() {
		signal, length := sound.Dial, 1500*time.Millisecond
		err := c.x.cfg.Setting(c.caller.Who.User, c.caller.Phone, c.route.Code)
		if err != nil {
			c.log.Info("a setting dialled was refused", "aor", string(c.caller.Who.User), "err", err)
			signal, length = sound.Congestion, 3*time.Second
		}
		if err := c.media.Tone(media.A, c.x.cfg.Country, signal, length); err != nil {
			c.log.Warn("no tone", "err", err)
		}
		c.limit = time.AfterFunc(length, func() {
			c.box.Must(func() { c.end(End{By: "server", Code: 200}) })
		})
	})
}

// pickUp answers the caller and gives it to a call that rings elsewhere.
func (c *Call) pickUp(invite *sip.Message) {
	at := c.route.Called
	target := c.x.ringingAt(func(p *Party) bool {
		return (c.route.Code.Kind == feature.GroupPickup || p.User == at || p.Group == at) && c.x.cfg.Router.MayPickUp(c.caller.Who.User, p.User)
	})
	if target == nil {
		c.refuse(outcome.Outcome{Code: 404, Text: "no call rings there that may be picked up"})
		return
	}
	c.alone(invite, func() {
		c.give(c.caller, target, End{By: "pickup", Code: 200, Text: "joined with call " + target.id}, target.pickedUp)
	})
}

// Engaged reports whether a user is in a call, or one rings there. It looks at all
// calls.
func (x *Exchange) Engaged(user rtc.AOR) bool {
	return slices.ContainsFunc(x.Calls(), func(c *Call) bool {
		return slices.ContainsFunc(c.shown.Load().parties, func(p Party) bool { return p.User == user })
	})
}

// ringingAt finds the call that has rung for longest at a user's phone, nil when
// there is none.
func (x *Exchange) ringingAt(fits func(*Party) bool) (found *Call) {
	var since time.Time
	for _, c := range x.Calls() {
		if !slices.ContainsFunc(c.shown.Load().parties, func(p Party) bool {
			return !p.Initiator && p.State == Early && p.User != "" && fits(&p)
		}) {
			continue
		}
		if begun := c.Record().Started; found == nil || begun.Before(since) {
			found, since = c, begun
		}
	}
	return found
}

// pickedUp joins the caller with a leg that another call gave, while phones ring.
func (c *Call) pickedUp(l *leg, from *media.Session) {
	if c.over || c.callee != nil || len(c.ringing) == 0 || c.dialling() {
		from.Close()
		l.release()
		l.bye(outcome.ReasonLine(`SIP;cause=481;text="The call is not there any more"`))
		return
	}
	l.group = c.ringing[0].group
	c.chosen(nil)
	c.wait(0)
	if _, err := c.take(media.B, l, from); err != nil {
		c.log.Warn("a call is not picked up", "leg", l.callID, "err", err)
		c.refuse(outcome.Outcome{Code: 500, Text: err.Error()})
		return
	}
	a := c.caller
	var err error
	switch {
	case a.late:
		a.ours, err = c.media.MakeOffer(media.A, a.Want)
	case c.media.Awaits(media.A):
		a.ours, err = c.media.MakeAnswer(media.A, a.Want)
	}
	if err != nil {
		c.refuse(outcome.Described(err))
		return
	}
	c.note(cdr.PickedUp, l.Who.Address())
	c.whenKept(func() {
		c.connect(a.ours)
		if !c.over && c.errand == nil {
			c.introduce(l, a)
		}
	})
}
