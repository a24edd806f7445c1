package telephony

import (
	"tandem/rtc/policy"
	"tandem/telephony/number"
)

// ActionCall is the name of what policy is asked before a number is called.
const ActionCall = "call"

// CallAction is what telephony asks of policy: may a user call a number? Its
// kinds are the classes of numbers. Out of the box a user calls what costs
// little; whatever can cost much has to be allowed by an administrator.
func CallAction() policy.Action {
	a := policy.Action{Name: ActionCall, About: "call a telephone number"}
	for _, class := range number.Classes() {
		k := policy.Kind{Name: class.String()}
		switch class {
		case number.ClassEmergency:
			k.About, k.Always = "emergency services", true
		case number.ClassInternal:
			k.About, k.Allow = "extensions and codes of the house", true
		case number.ClassNational:
			k.About, k.Allow = "fixed numbers of the own country", true
		case number.ClassMobile:
			k.About, k.Allow = "mobile numbers of the own country", true
		case number.ClassTollFree:
			k.About, k.Allow = "numbers that cost nothing", true
		case number.ClassInternational:
			k.About = "other countries"
		case number.ClassPremium:
			k.About = "premium rate numbers"
		case number.ClassSatellite:
			k.About = "satellite telephones"
		case number.ClassSharedCost:
			k.About = "numbers of shared cost"
		}
		a.Kinds = append(a.Kinds, k)
	}
	return a
}

// mayCall asks whether a user may call a number, as seen from the user's site.
func (p *Plan) mayCall(s Settings, plan *number.Plan, n number.Number) policy.Decision {
	return p.Policy.May(policy.Subject{User: s.AOR, Group: s.Group, Site: s.Site},
		policy.Question{Action: ActionCall, Kind: plan.Class(n).String(), Object: n.String()})
}
