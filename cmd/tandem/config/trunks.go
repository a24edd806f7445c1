package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"tandem/gateways"
)

// Trunks are what the routes for numbers stand for, of a file written before there were
// trunks: one for all routes with the same next hops, named as the first of them.
func (c *Config) Trunks() (list []gateways.Trunk) {
	at := map[string]int{} // next hops to place in the list
	for i, r := range c.Routes {
		if !r.Numbers() {
			continue
		}
		hops := strings.Join(r.NextHop, " ")
		if _, ok := at[hops]; !ok {
			at[hops] = len(list)
			list = append(list, gateways.Trunk{Name: trunkName(cmp.Or(r.Name, fmt.Sprintf("route %d", i+1))),
				Note: "made of routes in tandem.yaml", Addresses: r.NextHop})
		}
		t := &list[at[hops]]
		t.Prefixes = append(t.Prefixes, r.Match.Prefix)
		t.Out = append(t.Out, gateways.Rule{Match: strings.TrimSuffix(r.Match.Prefix, "*"), Strip: r.Strip, Add: r.Add})
	}
	for i := range list {
		t := &list[i]
		if !slices.ContainsFunc(t.Out, func(r gateways.Rule) bool { return r.Strip > 0 || r.Add != "" }) {
			t.Out = nil // none changes anything
		}
		// The longest beginning has to be found first.
		slices.SortStableFunc(t.Out, func(a, b gateways.Rule) int { return len(b.Match) - len(a.Match) })
	}
	return list
}

// trunkName makes a name of what a route is called.
func trunkName(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '-', r == '_', r == '.':
			return r
		}
		return '-'
	}, strings.ToLower(s))
	return s[:min(len(s), 64)]
}
