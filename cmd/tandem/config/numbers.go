package config

import (
	"cmp"
	"fmt"
	"strings"

	"tandem/rtc/label"
	"tandem/telephony/number"
)

// Numbers is how telephone numbers are dialled here.
type Numbers struct {
	Country   string        `yaml:"country" json:"country,omitempty"`
	Area      string        `yaml:"area" json:"area,omitempty"`
	Outside   string        `yaml:"outside" json:"outside,omitempty"`
	Emergency []string      `yaml:"emergency" json:"emergency,omitempty"`
	ENUM      []string      `yaml:"enum" json:"enum,omitempty"`
	Sites     []NumbersSite `yaml:"sites" json:"sites,omitempty"`
}

// NumbersSite is how they are dialled at a site, where that differs.
type NumbersSite struct {
	Site    string `yaml:"site" json:"site,omitempty"`
	Country string `yaml:"country" json:"country,omitempty"`
	Area    string `yaml:"area" json:"area,omitempty"`
	Outside string `yaml:"outside" json:"outside,omitempty"`
}

// Plans are how numbers are dialled at each site.
type Plans struct {
	World *number.World
	Usual *number.Plan
	sites map[string]*number.Plan // by label.Fold
}

// Of is how numbers are dialled at a site.
func (p *Plans) Of(site string) *number.Plan {
	if len(p.sites) > 0 {
		if plan := p.sites[label.Fold(site)]; plan != nil {
			return plan
		}
	}
	return p.Usual
}

// All yields all of them.
func (p *Plans) All(yield func(*number.Plan) bool) {
	if !yield(p.Usual) {
		return
	}
	for _, plan := range p.sites {
		if !yield(plan) {
			return
		}
	}
}

// Plans makes the plans of all sites.
func (n Numbers) Plans(domains []string) (*Plans, error) {
	world, err := number.NewWorld()
	if err != nil {
		return nil, err
	}
	usual := number.Site{Country: n.Country, Area: n.Area, Outside: n.Outside, Emergency: n.Emergency, Domains: domains}
	p := &Plans{World: world, sites: make(map[string]*number.Plan, len(n.Sites))}
	if p.Usual, err = world.Plan(usual); err != nil {
		return nil, err
	}
	for _, s := range n.Sites {
		if p.sites[label.Fold(s.Site)], err = world.Plan(s.of(usual)); err != nil {
			return nil, fmt.Errorf("site %s: %w", s.Site, err)
		}
	}
	return p, nil
}

// of is the site with what is usual where nothing is said. No area is one of another
// country.
func (s NumbersSite) of(usual number.Site) number.Site {
	if s.Country != "" && !strings.EqualFold(s.Country, usual.Country) {
		usual.Area = ""
	}
	usual.Country, usual.Area, usual.Outside = cmp.Or(s.Country, usual.Country), cmp.Or(s.Area, usual.Area), cmp.Or(s.Outside, usual.Outside)
	return usual
}

// faults finds what is no number, sites without a name or with two plans, and domains that
// are none.
func (n Numbers) faults(bad func(key, format string, args ...any)) {
	told := func(key string, err error) {
		if err == nil {
			return
		}
		for line := range strings.Lines(err.Error()) {
			bad(key, "%s", strings.TrimSpace(line))
		}
	}
	_, err := Numbers{Country: n.Country, Area: n.Area, Outside: n.Outside, Emergency: n.Emergency}.Plans(nil)
	told("numbers", err)
	seen := make(map[string]bool)
	for i, s := range n.Sites {
		key, name := fmt.Sprintf("numbers.sites[%d]", i), label.Fold(s.Site)
		if name == "" || seen[name] {
			bad(key+".site", "%q: give the name of a site, each once, such as Berlin", s.Site)
			continue
		}
		seen[name] = true
		if err == nil {
			_, wrong := Numbers{Country: n.Country, Area: n.Area, Outside: n.Outside, Sites: []NumbersSite{s}}.Plans(nil)
			told(key, wrong)
		}
	}
	for i, d := range n.ENUM {
		if d == "" || len(d) > 200 || strings.Trim(strings.ToLower(d), "abcdefghijklmnopqrstuvwxyz0123456789-.") != "" {
			bad(fmt.Sprintf("numbers.enum[%d]", i), "%q is not a domain of DNS; write it as e164.arpa", d)
		}
	}
}
