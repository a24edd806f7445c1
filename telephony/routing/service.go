package routing

import (
	"tandem/rtc"
	"tandem/telephony/feature"
	"tandem/telephony/outcome"
)

// toService routes what was dialled to the server itself.
func (p *Plan) toService(route Route, caller User, code feature.Code) (Route, error) {
	route.Code = code
	switch code.Kind {
	case feature.Withhold:
		route.Code, route.Caller.Private = feature.Code{}, true
		uri, ok := p.read(code.Arg)
		if !ok {
			return route, &rtc.Status{Code: 404}
		}
		return p.toWhom(route, caller, uri)
	case feature.Intercom:
		uri, ok := p.read(code.Arg)
		if !ok {
			return route, &rtc.Status{Code: 404}
		}
		called, ok := p.userAt(caller.Site, uri)
		switch {
		case !ok:
			return route, &rtc.Status{Code: 404, Header: outcome.Warning(p.Domain, "nobody is called "+code.Arg)}
		case !p.MayPickUp(caller.AOR, called.AOR):
			return route, &rtc.Status{Code: 403, Header: outcome.Warning(p.Domain, "intercom is for users of the same group")}
		}
		route.Code, route.Auto = feature.Code{}, true
		return p.toUser(route, called)
	case feature.Conference:
		return p.inside(route, "")
	case feature.Paging:
		return p.toPage(route, caller, code.Arg)
	case feature.Pickup:
		uri, ok := p.read(code.Arg)
		if !ok {
			return route, &rtc.Status{Code: 404}
		}
		if called, ok := p.userAt(caller.Site, uri); ok {
			route.Called, route.CalledName = called.AOR, called.Display
			break
		}
		g := p.group(caller.Site, uri)
		if g == nil {
			return route, &rtc.Status{Code: 404, Header: outcome.Warning(p.Domain, "nobody is called "+code.Arg)}
		}
		route.Called, route.CalledName = g.AOR, g.Note
	}
	return route, nil
}
