package telephony

import (
	"errors"
	"fmt"

	"tandem/rtc"
	"tandem/rtc/dialog"
	"tandem/rtc/reach"
	"tandem/telephony/cdr"
	"tandem/telephony/diversion"
	"tandem/telephony/rights"
	"tandem/telephony/settings"
)

// settings are how a user wants to be called.
func (p *Plan) settings(aor rtc.AOR) settings.User {
	if p.Settings == nil {
		return settings.User{AOR: aor}
	}
	return p.Settings(aor)
}

// toUser rings the phones of a user, or sends the call where the user wants it.
func (p *Plan) toUser(route Route, called Settings) (Route, error) {
	set := p.settings(called.AOR)
	switch {
	case route.device != "":
		return p.toPhones(route, called) // that one is meant, and no other
	case set.RefuseAnonymous && route.caller.private:
		return route, &rtc.Status{Code: 433, Header: warning(p.Domain, "the user takes no anonymous calls")} // RFC 5079
	case set.Always != "":
		return p.sendOn(route, p.sentOn(called, diversion.Unconditional), called, set.Always)
	case set.DoNotDisturb && set.Busy != "":
		return p.sendOn(route, p.sentOn(called, diversion.DoNotDisturb), called, set.Busy)
	case set.DoNotDisturb:
		return route, &rtc.Status{Code: 486, Reason: "Do Not Disturb"}
	}
	route, err := p.toPhones(route, called)
	p.also(&route, called, set)
	if len(route.Rounds) > 0 {
		return route, nil
	}
	if set.Unreachable != "" {
		return p.sendOn(route, p.sentOn(called, diversion.Unavailable), called, set.Unreachable)
	}
	return route, err
}

// toPhones rings all devices of a user: those of the highest q at once, then those
// of the next, and each spare way of a device after the way it stands in for.
func (p *Plan) toPhones(route Route, called Settings) (Route, error) {
	route.called, route.calledName, route.calledNumber = called.AOR, called.Display, called.Number
	route.rings, route.Rounds = called, nil
	ring := p.settings(called.AOR).RingTime
	var spares rounds
	q := uint16(0)
	for i, w := range p.Reach.Ways(called.AOR, reach.Want{Max: maxDevices, Instance: route.device}) {
		d := destination{way: p.wayTo(w), want: deviceWant(w.Flow), who: called.party(), phone: w.Device}
		switch {
		case w.Spare:
			spares = append(spares, round{to: []destination{d}, patience: ring, spare: true})
			continue
		case i == 0 || w.Q != q:
			route.Rounds, q = append(route.Rounds, round{patience: ring}), w.Q
		}
		last := &route.Rounds[len(route.Rounds)-1]
		last.to = append(last.to, d)
	}
	route.Rounds = append(route.Rounds, spares...)
	if len(route.Rounds) == 0 {
		return route, &rtc.Status{Code: 480}
	}
	return route, nil
}

// also rings a number outside together with the user's phones, at the user's
// expense and as far as the user may call it.
func (p *Plan) also(route *Route, called Settings, set settings.User) {
	if set.Also == "" {
		return
	}
	plan := p.Numbers(called.Site)
	number, err := plan.Parse(set.Also)
	if err != nil {
		return
	}
	question := rights.Question(plan, number)
	if d, _ := p.may(called, question, false); !d.Allowed {
		return
	}
	out, err := p.toTrunks(Route{number: number.String(), caller: route.caller}, called, question.Kind, "", nil)
	if err != nil {
		return
	}
	d := out.Rounds[0].to[0]
	d.payer = called.AOR
	if len(route.Rounds) == 0 {
		route.Rounds = rounds{{patience: set.RingTime}}
	}
	route.Rounds[0].to = append(route.Rounds[0].to, d)
}

// sentOn is a user in the chain of those who sent a call on.
func (p *Plan) sentOn(by Settings, why diversion.Reason) diversion.Hop {
	hop := diversion.Hop{User: by.AOR, Name: by.Display, URI: string(by.AOR), Reason: why}
	if by.Number != "" {
		hop.URI = "sip:" + by.Number + "@" + p.Domain + ";user=phone"
	}
	return hop
}

// sendOn routes a call to where the one it was for wants it: at the payer's expense,
// and only where the payer may call.
func (p *Plan) sendOn(route Route, by diversion.Hop, payer Settings, target string) (Route, error) {
	chain, err := route.chain.Add(by)
	if err != nil {
		return route, &rtc.Status{Code: 482, Reason: "Forwarding Loop", Err: fmt.Errorf("%s forwards to %s: %w", by.User, target, err)}
	}
	uri, ok := p.read(target)
	if !ok {
		return route, &rtc.Status{Code: 404, Err: fmt.Errorf("%s forwards to %q, which is not an address or number of this server", by.User, target)}
	}
	next := Route{caller: route.caller, trunk: route.trunk, dialled: route.dialled, want: route.want, chain: chain, payer: payer.AOR}
	next, err = p.toWhom(next, payer, uri)
	if errors.Is(err, rtc.Next) {
		err = &rtc.Status{Code: 404, Err: fmt.Errorf("%s forwards to %q, which is neither a user nor a number", by.User, target)}
	}
	return next, err
}

// Divert implements Router.
func (p *Plan) Divert(route Route, why diversion.Reason, target string) (Route, error) {
	switch {
	case route.group != nil && route.group.Overflow != "":
		return p.overflow(route, route.group, why)
	case route.rings.AOR == "":
		return route, rtc.Next // a number: others see to it
	}
	set := p.settings(route.rings.AOR)
	switch {
	case target != "":
	case why == diversion.Busy:
		target = set.Busy
	case why == diversion.NoAnswer:
		target = set.NoAnswer
	case why == diversion.Unavailable:
		target = set.Unreachable
	}
	if target == "" {
		return route, rtc.Next
	}
	return p.sendOn(route, p.sentOn(route.rings, why), route.rings, target)
}

// divert sends the call on when all of a round have failed and the user it rings
// wants that. It reports whether there is more to try.
func (c *Call) divert(why diversion.Reason, target string) bool {
	route, err := c.x.cfg.Router.Divert(c.route, why, target)
	if err != nil {
		if !errors.Is(err, rtc.Next) {
			c.log.Warn("the call cannot be forwarded", "aor", string(c.route.rings.AOR), "err", err)
		}
		return false
	}
	before := len(c.route.chain.Hops())
	c.route, c.rounds, c.best, c.alerted = route, route.Rounds, outcome{}, false
	c.record.Payer = route.payer
	if route.number != "" {
		c.record.Number = route.number
	}
	c.limit.Reset(c.x.cfg.RingTime)
	c.noteHops(before)
	return true
}

// noteHops tells the caller and the record of those who sent the call on, from the
// n-th on.
func (c *Call) noteHops(n int) {
	hops := c.route.chain.Hops()[n:]
	for _, h := range hops {
		c.note(cdr.Forwarded, string(h.User)+" "+string(h.Reason))
	}
	if len(hops) > 0 && !c.dialling() {
		_ = c.caller.ring(181, dialog.Content{}) // RFC 3261 §21.1.3
	}
}

// diversion is why a call that nobody took is sent on. rang is whether a phone has
// rung.
func (o outcome) diversion(rang bool) diversion.Reason {
	switch {
	case o.code == 486 || o.code == 600 || o.code == 603:
		return diversion.Busy
	case rang:
		return diversion.NoAnswer
	}
	return diversion.Unavailable
}
