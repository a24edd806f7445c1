package routing

import (
	"cmp"
	"iter"
	"slices"

	"tandem/gateways"
	"tandem/rtc"
	"tandem/telephony/number"
	"tandem/telephony/outcome"
)

// Emergency is how emergency calls leave a site.
type Emergency struct {
	Trunk    string // or trunk group, "" for any that serves the number
	Caller   string // number shown, E.164: by which the site is called back; "" for the caller's own
	Location string // URI sent as Geolocation (RFC 6442) when the phone sends none
}

// toEmergency routes an emergency call from a user's site, or from that at which his phone
// stands, if that is known: by the site's trunk first, then by all that
// serve the number, then by any at all. No policy, limit of calls or channel and no
// wish for privacy stands against it.
func (p *Plan) toEmergency(route Route, site string, n number.Number) (Route, error) {
	site = cmp.Or(route.place, site)
	var how Emergency
	if p.Emergency != nil {
		how = p.Emergency(site)
	}
	route.Number, route.Kind = n.String(), number.ClassEmergency.String()
	route.Emergency, route.Caller.Private = true, false
	if how.Caller != "" {
		route.Caller.Number = how.Caller
	}
	route.Location = how.Location
	route.log.help(site, route)
	var tried []*gateways.Trunk
	seen := map[*gateways.Trunk]bool{}
	for _, list := range []iter.Seq[*gateways.Trunk]{p.Trunks().Via(how.Trunk), p.Trunks().Choose(route.Number), p.anyTrunk} {
		for trunk := range list {
			if !seen[trunk] && !trunk.Disabled {
				seen[trunk], tried = true, append(tried, trunk)
				route.Rounds = append(route.Rounds, p.roundsBy(trunk, route.Number, nil)...)
			}
		}
	}
	route.log.trunks(p.Trunks(), slices.Values(tried))
	if len(route.Rounds) == 0 {
		return route, &rtc.Status{Code: 404, Header: outcome.Warning(p.Domain, "there is no trunk to make an emergency call by")}
	}
	route.Rounds = p.silentLast(route.Rounds)
	return route, nil
}

// anyTrunk yields all trunks.
func (p *Plan) anyTrunk(yield func(*gateways.Trunk) bool) {
	for _, t := range p.Trunks().All() {
		if !yield(t) {
			return
		}
	}
}
