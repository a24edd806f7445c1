package routing

import (
	"slices"
	"strings"

	"tandem/rtc"
	"tandem/rtc/label"
	"tandem/rtc/policy"
	"tandem/rtc/sip"
	"tandem/telephony/diversion"
	"tandem/telephony/group"
)

// Groups finds ring groups. A Table of telephony/group is one.
type Groups interface {
	Group(aor rtc.AOR) *group.Group
	Number(number string) *group.Group
	All() []*group.Group
}

// group finds the ring group that a URI of ours means to somebody at a site, nil when it
// means none.
func (p *Plan) group(site string, uri sip.URI) *group.Group {
	if p.Groups == nil {
		return nil
	}
	if uri.Kind != sip.URITel && uri.User != nil {
		var buf [128]byte
		if g := p.Groups.Group(rtc.AOR(p.Users.InDomain(uri).AppendAOR(buf[:0]))); g != nil {
			return g
		}
	}
	if n, err := p.Numbers(site).URI(uri); err == nil {
		return p.Groups.Number(n.String())
	}
	return nil
}

// GroupAt finds the ring group that an address of ours means.
func (p *Plan) GroupAt(address rtc.AOR) (rtc.AOR, bool) {
	uri, err := sip.ParseURI([]byte(address))
	if err != nil {
		return "", false
	}
	g := p.group("", uri)
	if g == nil {
		return "", false
	}
	return g.AOR, true
}

// IsMember reports whether a user is a member of a ring group.
func (p *Plan) IsMember(of, user rtc.AOR) bool {
	if p.Groups == nil {
		return false
	}
	g := p.Groups.Group(of)
	return g != nil && p.isMember(g, user)
}

// toGroup rings the members of a group: all at once, or one after the other.
func (p *Plan) toGroup(route Route, g *group.Group) (Route, error) {
	route, err := p.inside(route, extensionOf(g))
	if err != nil {
		return route, err
	}
	route.log.add("group", string(g.AOR), "is called: "+strings.Join(g.Members, ", "))
	route.Called, route.CalledName, route.group = g.AOR, g.Note, g
	route.Rings, route.Rounds = User{}, nil
	for _, member := range g.Members {
		to := p.member(route, g, member)
		switch {
		case len(to) == 0:
		case g.Hunt == group.Parallel && len(route.Rounds) > 0:
			first := &route.Rounds[0]
			first.To = append(first.To, to...)
			first.To = first.To[:min(len(first.To), maxParallel)]
		default:
			route.Rounds = append(route.Rounds, Round{To: to, Patience: g.Ring()})
		}
	}
	if len(route.Rounds) > 0 {
		return route, nil
	}
	if g.Overflow != "" {
		return p.overflow(route, g, diversion.Unavailable)
	}
	return route, &rtc.Status{Code: 480, Reason: "Nobody of the Group Is There"}
}

// maxParallel is how many devices ring at the same time.
const maxParallel = 60

// member are the ways to a member of a group: all phones of a user who takes calls,
// or the trunks for a number, as far as the group's payer may call it.
func (p *Plan) member(route Route, g *group.Group, member string) (to []Destination) {
	if called, ok := p.memberUser(g, member); ok {
		return p.besides(route, called)
	}
	uri, ok := p.read(member)
	payer, pays := p.Users.User(g.Payer)
	if !ok || !pays {
		return nil
	}
	out, err := p.toNumber(Route{Caller: route.Caller, Chain: route.Chain, group: g, log: route.log}, payer, uri)
	if err != nil || len(out.Rounds) == 0 {
		return nil
	}
	return out.Rounds.beside(payer.AOR)
}

// besides are all phones of a user that ring together with others, none when the user
// takes no call.
func (p *Plan) besides(route Route, called User) (to []Destination) {
	set := p.settings(called.AOR)
	if set.DoNotDisturb || p.engaged(set) || set.RefuseAnonymous && route.Caller.Private {
		route.log.add("user", string(called.AOR), "is passed over: takes no call now")
		return nil
	}
	phones, _ := p.toPhones(Route{Caller: route.Caller, Payer: route.Payer, log: route.log}, called)
	for _, r := range phones.Rounds {
		to = append(to, r.To...)
	}
	return to
}

// overflow routes a call that no member has taken.
func (p *Plan) overflow(route Route, g *group.Group, why diversion.Reason) (Route, error) {
	payer, _ := p.Users.User(g.Payer)
	return p.sendOn(route, diversion.Hop{User: g.AOR, Name: g.Note, URI: string(g.AOR), Reason: why}, payer, g.Overflow)
}

// May implements Router of telephony.
func (p *Plan) May(user rtc.AOR, what policy.Question) bool {
	who, ok := p.Users.User(user)
	if !ok {
		return false
	}
	d, _ := p.may(who, what, false)
	return d.Allowed
}

// MayPickUp implements Router: users pick up each other's calls who are of the same
// group of users, or members of the same ring group.
func (p *Plan) MayPickUp(by, at rtc.AOR) bool {
	a, ok := p.Users.User(by)
	b, found := p.Users.User(at)
	if !ok || !found || by == at {
		return ok && found
	}
	for _, g := range a.Groups {
		if slices.ContainsFunc(b.Groups, func(other string) bool { return label.Same(g, other) }) {
			return true
		}
	}
	if p.Groups == nil {
		return false
	}
	for _, g := range p.Groups.All() {
		if p.isMember(g, by) && p.isMember(g, at) {
			return true
		}
	}
	return false
}

func (p *Plan) isMember(g *group.Group, user rtc.AOR) bool {
	return slices.ContainsFunc(g.Members, func(m string) bool {
		u, ok := p.memberUser(g, m)
		return ok && u.AOR == user
	})
}

// memberUser is the user that a member of a group is; false for a number outside.
func (p *Plan) memberUser(g *group.Group, member string) (User, bool) {
	uri, ok := p.read(member)
	if !ok {
		return User{}, false
	}
	payer, _ := p.Users.User(g.Payer)
	return p.userAt(payer.Site, uri)
}
