package routing

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"tandem/gateways"
	"tandem/gateways/dialect"
	"tandem/media"
	"tandem/rtc"
	"tandem/rtc/dialog"
	"tandem/rtc/policy"
	"tandem/rtc/sip"
	"tandem/telephony/dialplan"
	"tandem/telephony/group"
	"tandem/telephony/guard"
	"tandem/telephony/identity"
	"tandem/telephony/number"
	"tandem/telephony/outcome"
	"tandem/telephony/rights"
)

// Refusal is a call to a number that was not allowed, or not for any longer.
type Refusal struct {
	User    rtc.AOR // whose call it would have been: who caused it
	Dialled string
	Number  string // E.164 with '+', "" when it was refused as dialled or is an address
	Kind    string // of number
	Why     string // for people
	Ended   bool   // it was under way, and is ended
}

// Tell tells of a refusal, and returns why as the caller is told and the record has it.
// refused must be quick; its error says that nobody will find the refusal in the audit
// log, which why then says as well.
func (r Refusal) Tell(refused func(Refusal) error) (why string) {
	if refused != nil && refused(r) != nil {
		return r.Why + "; the audit log had no room for this"
	}
	return r.Why
}

// toNumber routes what a user dials, on behalf of that user: by the dial plan, to the
// group or user who has the extension or number, or outside.
func (p *Plan) toNumber(route Route, caller User, uri sip.URI) (Route, error) {
	log := route.log
	plan := p.Numbers(caller.Site)
	if n, err := plan.URI(uri); err == nil && plan.Class(n) == number.ClassEmergency {
		log.add("number", n.String(), "is for help: nothing stands against it")
		return p.toEmergency(route, caller.Site, n)
	}
	via := p.trunkGroup(uri)
	rule := p.Rules.Find(caller.Site, Dialled(uri), log.rule)
	if rule != nil {
		switch to := rule.Route; to.Kind {
		case dialplan.Refuse:
			return p.refused(route, caller, "", fmt.Sprintf("rule %s of the dial plan refuses it: %s", rule.Name, to.To))
		case dialplan.User:
			return p.toRuled(route, caller, rule)
		case dialplan.Trunk, dialplan.Group:
			via = to.To
		}
		changed := dialplan.Apply(rule, Dialled(uri))
		uri = sip.URI{Kind: sip.URISIP, User: []byte(changed), Host: []byte(p.Domain)}
		if g := p.ruledGroup(route, caller.Site, uri); g != nil && via == "" {
			return p.toGroup(route, g)
		}
	}
	if called, ok := p.Users.Extension(caller.Site, Dialled(uri)); ok && via == "" {
		return p.toUser(route, called)
	}
	called, err := plan.URI(uri)
	if err != nil {
		log.add("number", Dialled(uri), "is not a number: "+err.Error())
		return route, unreadable(err)
	}
	route.Number = called.String()
	question := rights.Question(plan, called)
	log.add("number", route.Number, question.Kind)
	if question.Kind == number.ClassEmergency.String() { // by a rule
		return p.toEmergency(route, caller.Site, called)
	}
	if called, ok := p.Users.Number(route.Number); ok && via == "" {
		return p.toUser(route, called)
	}
	if via == "" && p.Users.Disabled(route.Number, caller.Site, Dialled(uri)) { // a trunk would bring it back, at the caller's expense
		log.add("user", route.Number, "is disabled")
		return route, &rtc.Status{Code: 480}
	}
	if caller.AOR == "" { // nobody pays
		return p.refused(route, caller, question.Kind, "nobody pays for the number")
	}
	d, rules := p.may(caller, question, log != nil)
	log.policy(d, rules)
	if !d.Allowed {
		route, err := p.refused(route, caller, question.Kind, d.Reason)
		if question.Kind == rights.Unassigned && d.Rule != nil && d.Rule.Level == policy.BuiltIn {
			why := "nobody here has the number " + route.Number // most likely it is mistyped
			err = &rtc.Status{Code: 404, Header: outcome.Warning(p.Domain, why), Err: errors.New(why + ": " + d.Reason)}
		}
		return route, err
	}
	return p.toTrunks(route, caller, question.Kind, via)
}

// trunkGroup is the trunk group that a URI of ours names, "" for none (RFC 4904 §4).
// No other trunk is taken in place of one that is not there.
func (p *Plan) trunkGroup(uri sip.URI) string {
	if label, context, ok := groupIn(uri); ok && strings.EqualFold(context, p.Domain) {
		return label
	}
	return ""
}

// groupIn is the trunk group that a URI names, and whose it is.
func groupIn(uri sip.URI) (label, context string, ok bool) {
	params := uri.Params
	if uri.Kind != sip.URITel {
		_, inUser, ok := bytes.Cut(uri.User, []byte{';'})
		if !ok {
			return "", "", false
		}
		params = append([]byte{';'}, inUser...)
	}
	group, ok := sip.Param(params, "tgrp")
	of, named := sip.Param(params, "trunk-context")
	return string(group), string(of), ok && named
}

// toRuled routes to the user or group that a rule of the dial plan names.
func (p *Plan) toRuled(route Route, caller User, rule *dialplan.Rule) (Route, error) {
	if uri, ok := p.read(rule.Route.To); ok {
		if called, ok := p.user(uri); ok {
			return p.toUser(route, called)
		}
		if g := p.ruledGroup(route, caller.Site, uri); g != nil {
			return p.toGroup(route, g)
		}
	}
	return route, &rtc.Status{Code: 404, Err: fmt.Errorf("rule %s of the dial plan leads to %q, who is neither a user nor a group", rule.Name, rule.Route.To)}
}

// ruledGroup is the group that a rule of the dial plan leads to, nil for none. A member
// of a group is no group, so that none rings itself.
func (p *Plan) ruledGroup(route Route, site string, uri sip.URI) *group.Group {
	if route.group != nil {
		return nil
	}
	return p.group(site, uri)
}

// may asks whether a user may call a number; explained, with the rules looked at.
func (p *Plan) may(s User, what policy.Question, explained bool) (policy.Decision, []policy.Step) {
	who := policy.Subject{User: s.AOR, Groups: s.Groups, Site: s.Site}
	if e, ok := p.Policy.(explainer); ok && explained {
		return e.Explain(who, what)
	}
	return p.Policy.May(who, what), nil
}

type explainer interface {
	Explain(who policy.Subject, what policy.Question) (policy.Decision, []policy.Step)
}

// refused is a call that is not allowed. Nobody is told of one that is only
// explained.
func (p *Plan) refused(route Route, by User, kind, why string) (Route, error) {
	route.Kind = kind
	if route.log == nil {
		why = Refusal{User: by.AOR, Dialled: route.Dialled, Number: route.Number, Kind: kind, Why: why}.Tell(p.Refused)
	}
	return route, &rtc.Status{Code: 403, Reason: "Not Allowed", Header: outcome.Warning(p.Domain, why), Err: errors.New(why)}
}

// toTrunks tries the trunks for a number one after the other, at the expense of a
// user: those for its beginning, or those of a name.
func (p *Plan) toTrunks(route Route, payer User, kind, via string) (Route, error) {
	trunks := p.Trunks().Choose(route.Number)
	if via != "" {
		trunks = p.Trunks().Via(via)
	}
	route.Kind, route.toll, route.Ask = kind, p.toll(payer, kind), p.asks(route.Number, via)
	if route.log != nil && route.Ask {
		p.found(context.Background(), route)
	}
	route.log.trunks(p.Trunks(), trunks)
	for trunk := range trunks {
		route.Rounds = append(route.Rounds, p.roundsBy(trunk, route.Number, route.toll)...)
	}
	if len(route.Rounds) == 0 && !route.Ask {
		return route, p.noTrunk(route.Number, via)
	}
	route.Rounds = p.silentLast(route.Rounds)
	return route, nil
}

// noTrunk says why a number cannot be called by any trunk.
func (p *Plan) noTrunk(number, via string) error {
	code, why := 404, "no trunk serves the number "+number
	if p.Trunks().Serves(number, via) {
		code, why = 503, "no trunk for the number "+number+" takes calls now"
	}
	return &rtc.Status{Code: code, Header: outcome.Warning(p.Domain, why), Err: errors.New(why)}
}

// roundsBy tries the addresses of a trunk one after the other. Users are shown the number
// at our own domain: who calls back from the list in his phone gets there by the plan.
func (p *Plan) roundsBy(trunk *gateways.Trunk, number string, toll *guard.Toll) (list Rounds) {
	for i := range trunk.Addresses {
		list = append(list, Round{To: []Destination{{
			Way: dialog.Way{URI: trunk.URI(i, number), Next: trunk.Next(i), Peer: trunk.Name}, Trunk: trunk, Want: trunkWant(trunk),
			Who: identity.Party{Number: number, URI: "sip:" + number + "@" + p.Domain + ";user=phone"}, Toll: toll,
		}}})
	}
	return list
}

// silentLast puts gateways that have not answered lately behind those that may, so
// that no caller waits for them. None is left out.
func (p *Plan) silentLast(rounds Rounds) Rounds {
	if p.Silent == nil || len(rounds) < 2 {
		return rounds
	}
	var first, last Rounds
	for _, r := range rounds {
		if way := r.To[0].Way; p.Silent(cmp.Or(way.Next, way.URI)) {
			last = append(last, r)
		} else {
			first = append(first, r)
		}
	}
	return append(first, last...)
}

// toll counts a call outside. Emergency calls are not counted and never refused.
func (p *Plan) toll(payer User, kind string) *guard.Toll {
	if kind == number.ClassEmergency.String() {
		return nil
	}
	return p.Guard.Toll(guard.Payer{User: string(payer.AOR), Groups: payer.Groups, Site: payer.Site}, kind)
}

// trunkWant is how the offer to a trunk is written.
func trunkWant(t *gateways.Trunk) media.Want {
	speaks := t.Speaks()
	w := media.Want{Codecs: t.Offers(), ICE: media.No}
	switch speaks.Keys {
	case dialect.KeysInband:
		w.Strip, w.Tones = []string{"telephone-event"}, media.TonesConverted
	case dialect.KeysInfo:
		w.Strip = []string{"telephone-event"}
	}
	switch speaks.Media {
	case dialect.MediaRequire:
		w.Security = media.SecuritySDES
	case dialect.MediaPrefer:
		w.Security = media.SecurityOptional
	default:
		w.Security = media.SecurityNone
	}
	return w
}
