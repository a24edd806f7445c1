package routing

import (
	"errors"
	"fmt"

	"tandem/gateways"
	"tandem/rtc"
	"tandem/rtc/sip"
	"tandem/telephony/diversion"
	"tandem/telephony/number"
	"tandem/telephony/rights"
)

// Redirect is the route of a call that a trunk has sent elsewhere (RFC 3261 §21.3):
// from, the number called by it, to target, a URI. Only the number in that counts,
// and whether its host is one of our trunks: a call goes nowhere but to users and
// trunks. It uses the rights and the limits of payer, as if he had dialled the
// number. The error is a *rtc.Status.
func (p *Plan) Redirect(route Route, by *gateways.Trunk, payer rtc.AOR, from, target string) (Route, error) {
	who, ok := p.Users.User(payer)
	if !ok {
		return route, &rtc.Status{Code: 403, Err: errors.New("nobody pays for the number")}
	}
	uri, perr := sip.ParseURI([]byte(target))
	if perr != nil || uri.Kind == sip.URIOther {
		return route, &rtc.Status{Code: 404, Err: fmt.Errorf("trunk %s sends the call to %q, which is not a number", by.Name, target)}
	}
	plan := p.abroad(by)
	called, err := plan.Subscriber(by.Received(written(uri)))
	if err != nil {
		return route, &rtc.Status{Code: 404, Err: fmt.Errorf("trunk %s sends the call to %q: %w", by.Name, target, err)}
	}
	chain, err := route.Chain.Add(diversion.Hop{User: rtc.AOR("tel:" + from), URI: "sip:" + from + "@" + p.Domain + ";user=phone", Reason: diversion.Deflection})
	if err != nil {
		return route, &rtc.Status{Code: 482, Err: fmt.Errorf("trunk %s sends the call to %q: %w", by.Name, target, err)}
	}
	next := Route{Caller: route.Caller, Trunk: route.Trunk, Dialled: route.Dialled, Want: route.Want, Chain: chain, Payer: payer, Number: called.String()}
	if user, ok := p.Users.Number(next.Number); ok {
		return p.toUser(next, user)
	}
	if g := p.groupOf(next.Number); g != nil {
		return p.toGroup(next, g)
	}
	if p.Users.Disabled(next.Number, "", "") {
		return next, &rtc.Status{Code: 480}
	}
	question := rights.Question(p.Numbers(who.Site), called)
	if question.Kind == number.ClassEmergency.String() { // who needs help has called for it
		return p.refused(next, who, question.Kind, "a gateway sends no call to emergency numbers")
	}
	if d, _ := p.may(who, question, false); !d.Allowed {
		return p.refused(next, who, question.Kind, d.Reason)
	}
	via := ""
	if t := p.Trunks().At(uri); t != nil {
		via = t.Name
	}
	return p.toTrunks(next, who, question.Kind, via)
}
