package routing

import (
	"errors"
	"fmt"

	"tandem/gateways"
	"tandem/rtc"
	"tandem/telephony/identity"
	"tandem/telephony/number"
	"tandem/telephony/rights"
)

// By is the route of a call that the server makes to a number by one trunk alone,
// whatever prefixes that serves and however it does. It uses the rights and the
// limits of payer, or those that everybody has when that is "". The error is a
// *rtc.Status.
func (p *Plan) By(payer rtc.AOR, name, target string) (Route, error) {
	trunk := p.Trunks().ByName(name)
	var who User
	var ok bool
	switch {
	case trunk == nil:
		return Route{}, &rtc.Status{Code: 404, Err: fmt.Errorf("there is no trunk %s", name)}
	case trunk.Disabled || trunk.Draining:
		return Route{}, &rtc.Status{Code: 503, Err: fmt.Errorf("trunk %s is %s: enable it first", name, trunk.State())}
	case payer != "":
		if who, ok = p.Users.User(payer); !ok {
			return Route{}, &rtc.Status{Code: 403, Err: fmt.Errorf("no enabled user %s pays for the call", payer)}
		}
	}
	uri, ok := p.read(target)
	if !ok {
		return Route{}, &rtc.Status{Code: 404, Err: fmt.Errorf("%q is not a number", target)}
	}
	plan := p.Numbers(who.Site)
	called, err := plan.URI(uri)
	if err != nil {
		return Route{}, &rtc.Status{Code: 404, Err: fmt.Errorf("%q: %w", target, err)}
	}
	route := Route{Dialled: target, Number: called.String(), Payer: payer, Caller: p.callerBy(trunk, who)}
	question := rights.Question(plan, called)
	if question.Kind == number.ClassEmergency.String() {
		return route, &rtc.Status{Code: 403, Err: errors.New("emergency numbers are not for trials")}
	}
	if d, _ := p.may(who, question, false); !d.Allowed {
		return p.refused(route, who, question.Kind, d.Reason)
	}
	route.Kind, route.Rounds = question.Kind, p.silentLast(p.roundsBy(trunk, route.Number, p.toll(who, question.Kind)))
	return route, nil
}

// callerBy is who calls by a trunk when the server does: the payer, else the first
// number of the trunk that is no block.
func (p *Plan) callerBy(trunk *gateways.Trunk, payer User) identity.Party {
	if payer.AOR != "" {
		return p.party(payer)
	}
	caller := identity.Party{URI: "sip:" + p.Domain}
	for _, n := range trunk.Numbers {
		if n[len(n)-1] != '*' {
			caller.Number = n
			break
		}
	}
	return caller
}
