package routing

import (
	"strings"

	"tandem/gateways"
	"tandem/rtc"
	"tandem/rtc/sip"
	"tandem/telephony/diversion"
	"tandem/telephony/group"
	"tandem/telephony/number"
)

// inbound routes a call that comes from a trunk: to a user or a group, nowhere else.
func (p *Plan) inbound(r *rtc.Request, uri sip.URI, trunk *gateways.Trunk) (Route, error) {
	trunk = p.Trunks().Owner(trunk, func(t *gateways.Trunk) string { return p.calledIn(r.Message, uri, t).String() })
	route := Route{Trunk: trunk, Dialled: Dialled(uri), Caller: p.partyFrom(r.Message, trunk), Chain: diversion.Read(r.Message)}
	uri, route.device = p.gruu(uri)
	if called := p.calledIn(r.Message, uri, trunk); called != (number.Number{}) {
		if route.Number = called.String(); !trunk.Owns(route.Number) {
			return route, &rtc.Status{Code: 404}
		}
		if called, ok := p.Users.Number(route.Number); ok {
			return p.toUser(route, called)
		}
		if g := p.groupOf(route.Number); g != nil {
			return p.toGroup(route, g)
		}
	}
	if called, ok := p.user(uri); ok {
		return p.toUser(route, called)
	}
	if g := p.group("", uri); g != nil {
		return p.toGroup(route, g)
	}
	return route, &rtc.Status{Code: 404}
}

// calledIn is the number that a call from a trunk is for, the zero value when that is
// none. Many providers leave out the '+': digits that are nobody's number as they would
// be dialled are read so, if the number is of the house then.
func (p *Plan) calledIn(m *sip.Message, uri sip.URI, trunk *gateways.Trunk) number.Number {
	text := calledThrough(trunk, m, uri)
	if text == Dialled(uri) {
		text = written(uri)
	}
	text = trunk.Received(text)
	called, err := p.abroad(trunk).Subscriber(text)
	if err != nil {
		called = number.Number{}
	}
	if !p.ours(called) && text != "" && text[0] >= '1' && text[0] <= '9' {
		if global, err := p.abroad(trunk).Subscriber("+" + text); err == nil && p.ours(global) {
			return global
		}
	}
	return called
}

// ours reports whether a user or a group of the house has a number.
func (p *Plan) ours(n number.Number) bool {
	_, user := p.Users.Number(n.String())
	return user || p.groupOf(n.String()) != nil
}

// groupOf is the group that has a number, nil for none.
func (p *Plan) groupOf(number string) *group.Group {
	if p.Groups == nil {
		return nil
	}
	return p.Groups.Number(number)
}

// abroad is how numbers are written at a trunk.
func (p *Plan) abroad(trunk *gateways.Trunk) *number.Plan {
	if p.Countries != nil && trunk.Country != "" {
		if plan := p.Countries(trunk.Country); plan != nil {
			return plan
		}
	}
	return p.Numbers("")
}

// written is the number in a URI with its parameters (RFC 3966 §3).
func written(u sip.URI) string {
	text := sip.AppendUnescaped(nil, u.User)
	if u.Kind == sip.URITel {
		text = append(text, u.Params...)
	}
	return string(text)
}

// calledThrough is the number called through a trunk as the trunk wrote it. One
// that this server registered with may call the address registered, and tell the
// number elsewhere.
func calledThrough(trunk *gateways.Trunk, m *sip.Message, uri sip.URI) string {
	user := Dialled(uri)
	if trunk.Register != gateways.RegisterLine || user != trunk.User() {
		return user
	}
	for _, v := range [][]byte{m.GetName("P-Called-Party-ID"), m.Get(sip.HdrTo)} {
		if a, err := sip.ParseNameAddr(v); err == nil {
			if u, err := sip.ParseURI(a.URI); err == nil && Dialled(u) != "" && Dialled(u) != user {
				return Dialled(u)
			}
		}
	}
	if len(trunk.Numbers) == 1 && !strings.HasSuffix(trunk.Numbers[0], "*") {
		return trunk.Numbers[0]
	}
	return user
}
