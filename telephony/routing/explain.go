package routing

import (
	"cmp"
	"errors"
	"fmt"
	"iter"
	"strings"

	"tandem/gateways"
	"tandem/rtc"
	"tandem/rtc/policy"
	"tandem/rtc/reach"
	"tandem/telephony/dialplan"
	"tandem/telephony/diversion"
	"tandem/telephony/feature"
	"tandem/telephony/outcome"
	"tandem/telephony/settings"
)

// Step is one thing that was looked at on the way of a call.
type Step struct {
	What    string // "code", "rule", "number", "user", "group", "phone", "forward", "policy", "emergency", "enum", "trunk", "end"
	Name    string
	Verdict string
}

// steps collects them; a nil one collects nothing.
type steps struct{ list []Step }

func (s *steps) add(what, name, verdict string) {
	if s != nil {
		s.list = append(s.list, Step{what, name, verdict})
	}
}

func (s *steps) rule(r *dialplan.Rule, v dialplan.Verdict) {
	if s != nil {
		s.add("rule", fmt.Sprintf("%s (%s)", r.Name, r.Match), fmt.Sprintf("%s: %s", v, r.Route))
	}
}

// user tells of a user who is called, and of what he wants that counts before a phone
// rings.
func (s *steps) user(u User, set settings.User, engaged bool) {
	if s == nil {
		return
	}
	verdict := "is called"
	for _, x := range []struct {
		holds bool
		text  string
	}{
		{u.Only != (reach.Want{}), ", at the device " + cmp.Or(u.Only.Device, u.Only.Instance) + " alone"},
		{set.Always != "", ", and has all calls go to " + set.Always},
		{set.DoNotDisturb, ", and is not to be disturbed"},
		{engaged, ", and is busy: a call goes on, and there is no call waiting"},
		{set.RefuseAnonymous, ", and takes no anonymous calls"},
		{set.Also != "", ", and at " + set.Also + " as well"},
	} {
		if x.holds {
			verdict += x.text
		}
	}
	s.add("user", string(u.AOR), verdict)
}

// phone tells of a device that rings.
func (s *steps) phone(d Destination) {
	if s != nil {
		s.add("phone", cmp.Or(d.Phone, d.Way.URI), "rings for "+string(d.Who.User))
	}
}

func (s *steps) policy(d policy.Decision, rules []policy.Step) {
	if s == nil {
		return
	}
	for _, r := range rules {
		s.add("policy", r.Rule.Scope()+" "+r.Rule.Target(), string(r.Verdict))
	}
	verdict := "refused: "
	if d.Allowed {
		verdict = "allowed: "
	}
	s.add("policy", "decision", verdict+d.Reason)
}

// help tells what those who are called for help learn: whom to call back, and where.
func (s *steps) help(site string, route Route) {
	if s == nil {
		return
	}
	s.add("emergency", cmp.Or(site, "default site"), fmt.Sprintf("shows the number %s; its location is %s",
		cmp.Or(route.Caller.Number, "of nobody"), cmp.Or(route.Location, "as the phone tells it, if it does")))
}

// trunks tells of all trunks: those that are tried, in order, and why others are not.
func (s *steps) trunks(table *gateways.Table, tried iter.Seq[*gateways.Trunk]) {
	if s == nil {
		return
	}
	seen := make(map[string]bool)
	for t := range tried {
		seen[t.Name] = true
		s.add("trunk", t.Name, fmt.Sprintf("is tried as number %d; it is %s", len(seen), t.State()))
	}
	for _, t := range table.All() {
		switch {
		case seen[t.Name]:
		case t.State() > gateways.Degraded:
			s.add("trunk", t.Name, "is left out: it is "+t.State().String())
		default:
			s.add("trunk", t.Name, "is left out: it does not serve the number now; its prefixes are "+strings.Join(t.Prefixes, " "))
		}
	}
}

// Explain says what becomes of a number that a user dials, by the code that routes
// calls: a code, a user, a group, else a number; what was looked at on the way; and where
// the call goes on to when nobody takes it. Nothing is called, and nobody is told.
func (p *Plan) Explain(user rtc.AOR, dialled string) ([]Step, error) {
	who, ok := p.Users.User(user)
	if !ok {
		return nil, &rtc.Status{Code: 404, Err: fmt.Errorf("%s is not an enabled user", user)}
	}
	log := new(steps)
	route := Route{Dialled: dialled, Payer: who.AOR, Caller: p.party(who), log: log}
	uri, ok := p.read(dialled)
	if !ok {
		log.add("end", dialled, "is not an address or number of this server")
		return log.list, nil
	}
	if code, ok := feature.Read(Dialled(uri)); ok {
		shown := feature.Shown(Dialled(uri))
		if code.Kind != feature.Withhold {
			log.add("code", shown, "is a code for this server, which no rule or number comes before")
			_, err := p.toService(Route{Dialled: shown, Payer: who.AOR, log: log}, who, code)
			log.end(shown, err)
			return log.list, nil
		}
		log.add("code", shown, "calls "+code.Arg+" and does not show who calls")
		route.Caller.Private = true
		if uri, ok = p.read(code.Arg); !ok {
			log.add("end", code.Arg, "is not an address or number of this server")
			return log.list, nil
		}
	}
	route, err := p.toWhom(route, who, uri)
	log.end(dialled, err)
	if err == nil {
		p.later(route)
	}
	return log.list, nil
}

// later explains where a call goes that nobody takes on its way.
func (p *Plan) later(route Route) {
	if g := route.group; g != nil && g.Overflow != "" {
		_, err := p.Divert(route, diversion.NoAnswer, "")
		route.log.end(g.Overflow, err)
	}
	if route.Rings.AOR == "" {
		return
	}
	set := p.settings(route.Rings.AOR)
	for _, f := range []struct {
		why    diversion.Reason
		target string
	}{{diversion.Busy, set.Busy}, {diversion.NoAnswer, set.NoAnswer}, {diversion.Unavailable, set.Unreachable}} {
		if f.target != "" {
			_, err := p.Divert(route, f.why, "")
			route.log.end(f.target, err)
		}
	}
}

// end tells what becomes of the call.
func (s *steps) end(dialled string, err error) {
	var st *rtc.Status
	switch {
	case errors.Is(err, rtc.Next):
		s.add("end", dialled, "is neither a user nor a number")
	case errors.As(err, &st):
		s.add("end", dialled, fmt.Sprintf("is answered %d: %s", st.Code, outcome.Text(st)))
	default:
		s.add("end", dialled, "is called")
	}
}
