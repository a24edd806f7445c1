package routing

import (
	"fmt"

	"tandem/rtc"
	"tandem/rtc/dialog/refer"
	"tandem/rtc/sip"
	"tandem/telephony/feature"
	"tandem/telephony/identity"
)

// Refer implements Router. A user may transfer to whom it may call. A trunk pays
// nothing, so that it may transfer to users alone; an extension is that of the site of
// whom it speaks with.
func (p *Plan) Refer(by, with rtc.AOR, target refer.Target) (Route, error) {
	uri, ok := p.read(target.URI)
	if !ok {
		p.leaves(by, target.URI, "a transfer leaves this server")
		return Route{}, &rtc.Status{Code: 403, Reason: "Not a Destination of This Server", Err: fmt.Errorf("a transfer to %q leaves this server", target.URI)}
	}
	route := Route{Dialled: Dialled(uri), Payer: by, joins: target.Replaces != (refer.Replaced{})}
	if code, ok := feature.Read(route.Dialled); ok {
		route.Dialled, route.Code = feature.Shown(route.Dialled), code
		if code.Kind == feature.Conference {
			return p.inside(route, "")
		}
		return route, nil
	}
	uri, route.device = p.gruu(uri)
	if called, ok := p.user(uri); ok {
		return p.toUser(route, called)
	}
	who, ok := p.Users.User(by)
	other, _ := p.Users.User(with)
	site := other.Site
	if ok {
		site = who.Site
	}
	if g := p.group(site, uri); g != nil {
		return p.toGroup(route, g)
	}
	if !ok {
		if called, ok := p.userAt(site, uri); ok {
			return p.toUser(route, called)
		}
		return route, &rtc.Status{Code: 403, Reason: "Transfers to Users Alone"}
	}
	if route, err := p.toNumber(route, who, uri); err != rtc.Next {
		return route, err
	}
	return route, &rtc.Status{Code: 404}
}

// Caller implements Router.
func (p *Plan) Caller(r *rtc.Request) (Route, error) {
	uri, perr := sip.ParseURI(r.RequestURI())
	if perr != nil {
		return Route{}, &rtc.Status{Code: perr.Code, Reason: perr.Reason}
	}
	if trunk := p.trunkOf(r, uri); trunk != nil {
		return Route{Trunk: trunk, Caller: p.partyFrom(r.Message, trunk)}, nil
	}
	caller, known := p.caller(r.Identity)
	if !known {
		return Route{}, &rtc.Status{Code: 403}
	}
	return Route{Caller: p.partyOf(r.Message, caller), Payer: caller.AOR}, nil
}

// Party is whom the route leads to.
func (t Route) Party() identity.Party {
	p := identity.Party{User: t.Called, Number: t.Number, Name: t.CalledName, URI: string(t.Target()), Private: t.CalledPrivate}
	if p.Number == "" {
		p.Number = t.CalledNumber
	}
	return p
}

// Target is whom a route leads to: a user, or a number as a tel URI.
func (t Route) Target() rtc.AOR {
	if t.Called != "" {
		return t.Called
	}
	return rtc.AOR("tel:" + t.Number)
}
