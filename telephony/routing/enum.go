package routing

import (
	"context"
	"time"

	"tandem/gateways"
	"tandem/media"
	"tandem/rtc/dialog"
	"tandem/rtc/sip"
	"tandem/telephony/guard"
	"tandem/telephony/identity"
	"tandem/telephony/number"
)

// Enum is what DNS says of numbers, in E.164 with '+' (RFC 6116): the URIs at which one
// is reached, best first. It may wait. A Finder of telephony/enum is one.
type Enum interface {
	Find(ctx context.Context, number string) (uris []string, err error)
}

// enumTime bounds how long a call waits for DNS before it goes to the trunks.
const enumTime = 2 * time.Second

// asks reports whether DNS is asked about a number that is called: not when a rule of
// the dial plan or the caller has named the trunk.
func (p *Plan) asks(number, via string) bool {
	return p.Enum != nil && via == "" && number != "" && number[0] == '+'
}

// Elsewhere is the rounds of a route whose number DNS is to be asked about: what DNS
// says of it stands before the trunks. It waits for DNS, for two seconds at most. The
// error is a *rtc.Status: nothing is left to be tried.
//
// Policy has allowed the number that was called, so that number alone is called by a
// trunk, whatever DNS says. An address that is no trunk's is called as any user may
// call it, and counts as no call outside.
func (p *Plan) Elsewhere(ctx context.Context, route Route) (Rounds, error) {
	rounds, replace := p.found(ctx, route)
	if !replace {
		rounds = append(rounds, route.Rounds...)
	}
	if len(rounds) == 0 {
		return nil, p.noTrunk(route.Number, "")
	}
	return rounds, nil
}

// found is what DNS says of a route's number. replace says that the trunks are chosen
// anew, since the number is ported.
func (p *Plan) found(ctx context.Context, route Route) (rounds Rounds, replace bool) {
	log := route.log
	ctx, cancel := context.WithTimeout(ctx, enumTime)
	defer cancel()
	uris, err := p.Enum.Find(ctx, route.Number)
	switch {
	case err != nil:
		log.add("enum", route.Number, "DNS does not tell: "+err.Error())
	case len(uris) == 0:
		log.add("enum", route.Number, "is not in DNS")
	}
	for _, text := range uris {
		uri, perr := sip.ParseURI([]byte(text))
		if perr != nil {
			log.add("enum", text, "cannot be read")
			continue
		}
		if uri.Kind == sip.URITel {
			if ported := p.ported(route, uri); len(ported) > 0 {
				return append(rounds, ported...), true
			}
			continue
		}
		rounds = append(rounds, p.at(route, uri, text)...)
	}
	return rounds, false
}

// at is how the address is called that DNS names for a number.
func (p *Plan) at(route Route, uri sip.URI, text string) Rounds {
	log := route.log
	if p.Users.Ours(uri.Host, uri.Port) {
		called, ok := p.user(uri)
		if !ok {
			log.add("enum", text, "is no user of this server")
			return nil
		}
		to, err := p.toPhones(Route{Caller: route.Caller}, called)
		if err != nil {
			log.add("enum", text, "is a user without a phone")
			return nil
		}
		log.add("enum", text, "rings first")
		for _, round := range to.Rounds {
			for i := range round.To {
				round.To[i].Instead = true
			}
		}
		return to.Rounds
	}
	if trunk := p.Trunks().At(uri); trunk != nil {
		if n, err := p.abroad(trunk).Subscriber(trunk.Received(written(uri))); err != nil || n.String() != route.Number {
			log.add("enum", text, "is left out: it names another number at trunk "+trunk.Name)
			return nil
		}
		if !p.takes(trunk) {
			log.add("enum", text, "is left out: trunk "+trunk.Name+" takes no calls now")
			return nil
		}
		log.add("enum", text, "is tried first, by trunk "+trunk.Name)
		return p.silentLast(p.roundsBy(trunk, route.Number, route.toll))
	}
	log.add("enum", text, "is called first")
	want := media.Want{Security: media.SecurityNone, ICE: media.No}
	if uri.Kind == sip.URISIPS {
		want.Security = media.SecurityOptional
	}
	return Rounds{{To: []Destination{{Way: dialog.Way{URI: text}, Want: want, Who: identity.Party{Number: route.Number, URI: text}, Instead: true}}}}
}

// takes reports whether a trunk may stand before others: it is not down, and within its
// hours.
func (p *Plan) takes(trunk *gateways.Trunk) bool {
	if trunk.State() >= gateways.Down {
		return false
	}
	for t := range p.Trunks().Via(trunk.Name) {
		if t.Name == trunk.Name {
			return true
		}
	}
	return false
}

// ported is the trunks for a number of which DNS says how it is ported (RFC 4769, RFC
// 4694): those that serve the number that leads there. None when it says nothing.
func (p *Plan) ported(route Route, uri sip.URI) (rounds Rounds) {
	log := route.log
	plan := p.Numbers("")
	n, err := plan.URI(uri)
	if err != nil || n.String() != route.Number {
		log.add("enum", string(uri.User), "is left out: it names another number")
		return nil
	}
	_, asked := uri.Param("npdi")
	leads, leading := route.Number, ""
	if rn, ok := uri.Param("rn"); ok {
		if r, err := routingNumber(plan, uri, string(rn)); err == nil {
			leads, leading, asked = r, r, true
		}
	}
	if !asked {
		log.add("enum", route.Number, "is not ported, as far as DNS says")
		return nil
	}
	for trunk := range p.Trunks().Choose(leads) {
		log.add("enum", route.Number, "is tried by trunk "+trunk.Name+", which serves "+leads)
		rounds = append(rounds, p.portedBy(trunk, route.Number, leading, route.toll)...)
	}
	return p.silentLast(rounds)
}

// routingNumber reads an rn, which has a context of its own when it has no '+' (RFC 4694
// §3).
func routingNumber(plan *number.Plan, uri sip.URI, rn string) (string, error) {
	if context, ok := uri.Param("rn-context"); ok && rn != "" && rn[0] != '+' {
		rn = string(context) + rn
	}
	n, err := plan.Subscriber(rn)
	if err == nil && !n.Global() {
		err = number.ErrContext
	}
	return n.String(), err
}

// portedBy tries the addresses of a trunk, which is told how the number is ported.
func (p *Plan) portedBy(trunk *gateways.Trunk, called, leading string, toll *guard.Toll) Rounds {
	rounds := p.roundsBy(trunk, called, toll)
	for i := range rounds {
		rounds[i].To[0].Way.URI = trunk.PortedURI(i, called, leading)
	}
	return rounds
}
