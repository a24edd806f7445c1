package routing

import (
	"cmp"
	"errors"
	"fmt"

	"tandem/rtc"
	"tandem/rtc/reach"
	"tandem/rtc/sip"
	"tandem/telephony/diversion"
	"tandem/telephony/group"
	"tandem/telephony/identity"
	"tandem/telephony/number"
	"tandem/telephony/outcome"
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

// engaged reports whether a user who wants one call at a time is in one.
func (p *Plan) engaged(set settings.User) bool {
	return set.NoWaiting && p.Engaged != nil && p.Engaged(set.AOR)
}

// bars is what the caller is told when the user has blocked him, nil when not. Before
// there is a caller it is the payer who calls.
func (p *Plan) bars(route Route, called User) error {
	caller := route.Caller
	if caller == (identity.Party{}) {
		caller.User = route.Payer
	}
	if p.Bars == nil || caller.User == called.AOR {
		return nil
	}
	return p.Bars(called.AOR, caller)
}

// toUser rings the phones of a user, or sends the call where the user wants it: but
// for those whom the user has blocked, who get to neither.
func (p *Plan) toUser(route Route, called User) (Route, error) {
	if err := p.bars(route, called); err != nil {
		return route, err
	}
	route, err := p.inside(route, called.Extension)
	if err != nil {
		return route, err
	}
	set := p.settings(called.AOR)
	route.log.user(called, set, p.engaged(set))
	switch {
	case route.Chain.Has(called.AOR): // who has sent the call on is not rung for it again
		return route, &rtc.Status{Code: 482, Reason: "Forwarding Loop", Err: fmt.Errorf("the call comes back to %s: %w", called.AOR, diversion.ErrLoop)}
	case set.RefuseAnonymous && route.Caller.Private:
		return route, &rtc.Status{Code: 433, Header: outcome.Warning(p.Domain, "the user takes no anonymous calls")} // RFC 5079
	case route.whatever(called):
		return p.toPhones(route, called)
	case set.Always != "":
		return p.sendOn(route, p.sentOn(called, diversion.Unconditional), called, set.Always)
	case set.DoNotDisturb && set.Busy != "":
		return p.sendOn(route, p.sentOn(called, diversion.DoNotDisturb), called, set.Busy)
	case set.DoNotDisturb:
		return route, &rtc.Status{Code: 486, Reason: "Do Not Disturb"}
	case p.engaged(set) && set.Busy != "":
		return p.sendOn(route, p.sentOn(called, diversion.Busy), called, set.Busy)
	case p.engaged(set):
		return route, &rtc.Status{Code: 486}
	}
	route, err = p.toPhones(route, called)
	if called.Only == (reach.Want{}) && route.device == "" && !route.Auto { // who hears at once is the one who was called
		p.also(&route, called, set)
	}
	if len(route.Rounds) > 0 || route.device != "" { // RFC 5627 §3.2: that device, and no other
		return route, err
	}
	if set.Unreachable != "" {
		return p.sendOn(route, p.sentOn(called, diversion.Unavailable), called, set.Unreachable)
	}
	return route, err
}

// wanted are the ways to a user that a call is for: of all devices, unless a GRUU or the
// number called leads to one of them.
func (t *Route) wanted(called User) reach.Want {
	want := called.Only
	if t.device != "" {
		want = reach.Want{Instance: t.device}
	}
	want.Max = MaxDevices
	return want
}

// toPhones rings all devices of a user: those of the highest q at once, then those
// of the next, with the spare ways of each device; but one device alone when the call is
// for that. Every way to phones is found here, and none for a caller whom the user has
// blocked.
func (p *Plan) toPhones(route Route, called User) (Route, error) {
	route.Called, route.CalledName, route.CalledNumber = called.AOR, called.Display, called.Number
	route.CalledPrivate = p.settings(called.AOR).Withhold
	route.Rings, route.Rounds = called, nil
	if err := p.bars(route, called); err != nil {
		return route, err
	}
	set := p.settings(called.AOR)
	ring := set.RingTime
	if ring == 0 && set.NoAnswer != "" {
		ring = group.DefaultRing
	}
	q := uint16(0)
	ways := p.Reach.Ways(called.AOR, route.wanted(called))
	for i, w := range ways {
		if w.Spare {
			continue
		}
		if i == 0 || w.Q != q {
			if last := len(route.Rounds) - 1; last >= 0 {
				route.Rounds[last].Patience = cmp.Or(ring, group.DefaultRing)
			}
			route.Rounds, q = append(route.Rounds, Round{Patience: ring}), w.Q
		}
		d := p.device(called, w)
		for _, spare := range ways[i+1:] {
			if spare.Spare && spare.Instance == w.Instance {
				d.Spares = append(d.Spares, p.device(called, spare))
			}
		}
		last := &route.Rounds[len(route.Rounds)-1]
		last.To = append(last.To, d)
		route.log.phone(d)
	}
	if len(route.Rounds) == 0 {
		route.log.add("phone", string(called.AOR), "has none that is registered")
		return route, &rtc.Status{Code: 480}
	}
	return route, nil
}

// device is a way to a device of a user as a destination.
func (p *Plan) device(called User, w reach.Way) Destination {
	return Destination{Way: p.wayTo(w), Want: deviceWant(w.Flow), Who: p.party(called), Phone: w.Device}
}

// also rings another user, or a number outside, together with the user's phones.
func (p *Plan) also(route *Route, called User, set settings.User) {
	if set.Also == "" {
		return
	}
	var to []Destination
	uri, ours := p.read(set.Also)
	if other, ok := p.userAt(called.Site, uri); ours && ok {
		if other.AOR != called.AOR && p.mayInside(called, other) {
			to = p.besides(*route, other)
		}
	} else if ours {
		to = p.alsoOutside(*route, called, uri)
	}
	if len(to) == 0 {
		return
	}
	if len(route.Rounds) == 0 {
		route.Rounds = Rounds{{Patience: set.RingTime}}
	}
	first := &route.Rounds[0]
	first.To = append(first.To, to...)
	first.To = first.To[:min(len(first.To), maxParallel)]
}

// alsoOutside is the trunks for a number outside that rings for a user: at the user's
// expense, by the dial plan, and as far as the user may call it.
func (p *Plan) alsoOutside(route Route, called User, also sip.URI) []Destination {
	out, err := p.toNumber(Route{Caller: route.Caller}, called, also)
	if err != nil || out.Emergency || len(out.Rounds) == 0 {
		return nil
	}
	return out.Rounds.beside(called.AOR)
}

// sentOn is a user in the chain of those who sent a call on.
func (p *Plan) sentOn(by User, why diversion.Reason) diversion.Hop {
	hop := diversion.Hop{User: by.AOR, Name: by.Display, URI: string(by.AOR), Reason: why, Private: p.settings(by.AOR).Withhold}
	if by.Number != "" {
		hop.URI = "sip:" + by.Number + "@" + p.Domain + ";user=phone"
	}
	return hop
}

// sendOn routes a call to where the one it was for wants it: at the payer's expense,
// and only where the payer may call.
func (p *Plan) sendOn(route Route, by diversion.Hop, payer User, target string) (Route, error) {
	route.log.add("forward", string(by.Reason), "from "+string(by.User)+" to "+target)
	chain, err := route.Chain.Add(by)
	if err != nil {
		return route, &rtc.Status{Code: 482, Reason: "Forwarding Loop", Err: fmt.Errorf("%s forwards to %s: %w", by.User, target, err)}
	}
	uri, ok := p.read(target)
	if !ok {
		if route.log == nil {
			p.leaves(by.User, target, "a call that is sent on leaves this server")
		}
		return route, &rtc.Status{Code: 404, Err: fmt.Errorf("%s forwards to %q, which is not an address or number of this server", by.User, target)}
	}
	next := Route{Caller: route.Caller, Trunk: route.Trunk, Dialled: route.Dialled, Want: route.Want, Chain: chain, Payer: payer.AOR, log: route.log}
	next, err = p.toWhom(next, payer, uri)
	if errors.Is(err, rtc.Next) {
		err = &rtc.Status{Code: 404, Err: fmt.Errorf("%s forwards to %q, which is neither a user nor a number", by.User, target)}
	}
	return next, err
}

// Leads reports what stands against sending calls of a user to a target: it is none of a
// call, a number for help, or one that the user may not call now. The error is a
// *rtc.Status.
func (p *Plan) Leads(user rtc.AOR, target string) error {
	who, ok := p.Users.User(user)
	uri, ours := p.read(target)
	if !ok || !ours {
		return &rtc.Status{Code: 404}
	}
	if _, ok := p.userAt(who.Site, uri); ok || p.group(who.Site, uri) != nil || p.Rules.Find(who.Site, Dialled(uri), nil) != nil {
		return nil
	}
	plan := p.Numbers(who.Site)
	n, err := plan.URI(uri)
	if err != nil {
		return &rtc.Status{Code: 404, Err: err}
	}
	question := rights.Question(plan, n)
	if question.Kind == number.ClassEmergency.String() {
		return &rtc.Status{Code: 403, Err: errors.New("calls are not forwarded to numbers for help")}
	}
	if d, _ := p.may(who, question, false); !d.Allowed {
		return &rtc.Status{Code: 403, Err: errors.New(d.Reason)}
	}
	return nil
}

// leaves tells of a call that a user wanted to send to an address of somebody else.
func (p *Plan) leaves(by rtc.AOR, target, why string) {
	Refusal{User: by, Dialled: target, Why: why}.Tell(p.Refused)
}

// Divert implements Router.
func (p *Plan) Divert(route Route, why diversion.Reason, target string) (Route, error) {
	switch {
	case route.group != nil && route.group.Overflow != "":
		return p.overflow(route, route.group, why)
	case route.Rings.AOR == "":
		return route, rtc.Next // a number: others see to it
	}
	set := p.settings(route.Rings.AOR)
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
	return p.sendOn(route, p.sentOn(route.Rings, why), route.Rings, target)
}
