package routing

import (
	"strings"

	"tandem/rtc/policy"
	"tandem/telephony/group"
	"tandem/telephony/rights"
)

// inside asks whether who pays for a call may make it to somebody of this house, by the
// extension of that one, if there is any, and has the call counted. Nobody is asked about
// a call for which nobody here pays, as those from trunks. Numbers for help do not come
// here.
func (p *Plan) inside(route Route, extension string) (Route, error) {
	payer, ok := p.Users.User(route.Payer)
	if !ok {
		return route, nil
	}
	question := rights.Inside(extension)
	d, rules := p.may(payer, question, route.log != nil)
	if d.Rule == nil || d.Rule.Level != policy.BuiltIn { // most houses have no rule about it
		route.log.policy(d, rules)
	}
	if !d.Allowed {
		return p.refused(route, payer, question.Kind, d.Reason)
	}
	route.Kind, route.Inside = question.Kind, p.toll(payer, question.Kind)
	return route, nil
}

// mayInside reports whether a user may have another one called.
func (p *Plan) mayInside(by, called User) bool {
	d, _ := p.may(by, rights.Inside(called.Extension), false)
	return d.Allowed
}

// extensionOf is the first extension of a group, "" when it has none.
func extensionOf(g *group.Group) string {
	for _, n := range g.Numbers {
		if !strings.HasPrefix(n, "+") {
			return n
		}
	}
	return ""
}
