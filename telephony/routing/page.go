package routing

import (
	"tandem/rtc"
	"tandem/telephony/feature"
	"tandem/telephony/outcome"
)

// maxPaged is how many phones one page reaches.
const maxPaged = 48

// toPage routes a page: to every phone of every member of a group but the caller, who
// has to be one of them. Those who do not want to be disturbed are not.
func (p *Plan) toPage(route Route, caller User, name string) (Route, error) {
	uri, ok := p.read(name)
	if !ok {
		return route, &rtc.Status{Code: 404}
	}
	g := p.group(caller.Site, uri)
	switch {
	case g == nil:
		return route, &rtc.Status{Code: 404, Header: outcome.Warning(p.Domain, "no group is called "+name)}
	case !p.isMember(g, caller.AOR):
		return route, &rtc.Status{Code: 403, Header: outcome.Warning(p.Domain, "only members page a group")}
	}
	route, err := p.inside(route, extensionOf(g))
	if err != nil {
		return route, err
	}
	for _, member := range g.Members {
		called, ok := p.memberUser(g, member)
		if !ok || called.AOR == caller.AOR || p.settings(called.AOR).DoNotDisturb {
			continue
		}
		phones, _ := p.toPhones(Route{Caller: route.Caller, Payer: route.Payer, log: route.log}, called)
		for _, r := range phones.Rounds {
			for _, d := range r.To {
				if len(route.Paged) == maxPaged {
					continue
				}
				one := phones
				one.Rounds, one.Caller, one.Payer, one.Auto = Rounds{{To: []Destination{d}}}, route.Caller, caller.AOR, true
				one.Code, one.Dialled = feature.Code{Kind: feature.Paging}, route.Dialled
				route.Paged = append(route.Paged, one)
			}
		}
	}
	if len(route.Paged) == 0 {
		return route, &rtc.Status{Code: 480, Reason: "Nobody of the Group Is There"}
	}
	route.CalledName = g.Note
	return route, nil
}
