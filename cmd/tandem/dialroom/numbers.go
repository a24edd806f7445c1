package dialroom

import (
	"context"
	"errors"
	"sync"

	"tandem/cmd/tandem/config"
	"tandem/rtc/resolve"
	"tandem/telephony/enum"
	"tandem/telephony/number"
	"tandem/telephony/routing"
)

// ENUM asks DNS for numbers, nil when no domain is to be asked.
func ENUM(n config.Numbers, r *resolve.Resolver) routing.Enum {
	if len(n.ENUM) == 0 {
		return nil
	}
	return &enum.Finder{Domains: n.ENUM, Source: func(ctx context.Context, name string) (out []enum.Record, err error) {
		list, err := r.Naptr(ctx, name)
		if errors.Is(err, resolve.ErrNotFound) {
			return nil, nil
		}
		for _, x := range list {
			out = append(out, enum.Record{Order: x.Order, Preference: x.Preference, Flags: x.Flags, Service: x.Service, Expression: x.Expression})
		}
		return out, err
	}}
}

// Countries are how numbers are written in other countries, each made when it is
// first needed. No country has more than one plan, so that there are few.
type Countries struct {
	World *number.World
	plans sync.Map // *number.Plan by ISO 3166-1 code
}

// Of is nil for a country that is not known.
func (c *Countries) Of(country string) *number.Plan {
	if p, ok := c.plans.Load(country); ok {
		return p.(*number.Plan)
	}
	p, err := c.World.Plan(number.Site{Country: country})
	if err != nil {
		return nil
	}
	kept, _ := c.plans.LoadOrStore(country, p)
	return kept.(*number.Plan)
}
