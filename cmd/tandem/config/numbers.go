package config

import (
	"fmt"
	"strings"

	"tandem/telephony/number"
)

// Numbers is how telephone numbers are dialled here.
type Numbers struct {
	Country   string   `yaml:"country" json:"country,omitempty"`
	Area      string   `yaml:"area" json:"area,omitempty"`
	Outside   string   `yaml:"outside" json:"outside,omitempty"`
	Emergency []string `yaml:"emergency" json:"emergency,omitempty"`
	ENUM      []string `yaml:"enum" json:"enum,omitempty"`
}

// Plan is how numbers are dialled here, in the world of all countries.
func (n Numbers) Plan(domains []string) (*number.World, *number.Plan, error) {
	world, err := number.NewWorld()
	if err != nil {
		return nil, nil, err
	}
	plan, err := world.Plan(number.Site{Country: n.Country, Area: n.Area, Outside: n.Outside, Emergency: n.Emergency, Domains: domains})
	return world, plan, err
}

// faults finds what is no number, and domains that are none.
func (n Numbers) faults(bad func(key, format string, args ...any)) {
	if _, _, err := n.Plan(nil); err != nil {
		for line := range strings.Lines(err.Error()) {
			bad("numbers", "%s", strings.TrimSpace(line))
		}
	}
	for i, d := range n.ENUM {
		if d == "" || len(d) > 200 || strings.Trim(strings.ToLower(d), "abcdefghijklmnopqrstuvwxyz0123456789-.") != "" {
			bad(fmt.Sprintf("numbers.enum[%d]", i), "%q is not a domain of DNS; write it as e164.arpa", d)
		}
	}
}
