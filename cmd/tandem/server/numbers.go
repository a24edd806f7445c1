package server

import (
	"context"
	"errors"
	"log/slog"
	"sync"

	"tandem/cmd/tandem/config"
	"tandem/rtc/policy"
	policystore "tandem/rtc/policy/sqlstore"
	"tandem/rtc/resolve"
	"tandem/rtc/store"
	"tandem/telephony/enum"
	"tandem/telephony/number"
	"tandem/telephony/rights"
	"tandem/telephony/routing"
)

// openPolicy builds what says who may call what.
func (s *Server) openPolicy(ctx context.Context, _ *config.Config) error {
	s.policy = newPolicy(s.store, s.log)
	return s.policy.Load(ctx)
}

func newPolicy(db *store.DB, log *slog.Logger) *policy.Engine {
	return policy.New(policystore.New(db), Actions(), log)
}

// plan is how numbers are dialled at a site. All sites dial alike as yet.
func (s *Server) plan(string) *number.Plan { return s.numbers }

// enumOf asks DNS for numbers, nil when no domain is to be asked.
func enumOf(n config.Numbers, r *resolve.Resolver) routing.Enum {
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

// countries are how numbers are written in other countries, each made when it is
// first needed. No country has more than one plan, so that there are few.
type countries struct {
	world *number.World
	plans sync.Map // *number.Plan by ISO 3166-1 code
}

// of is nil for a country that is not known.
func (c *countries) of(country string) *number.Plan {
	if p, ok := c.plans.Load(country); ok {
		return p.(*number.Plan)
	}
	p, err := c.world.Plan(number.Site{Country: country})
	if err != nil {
		return nil
	}
	kept, _ := c.plans.LoadOrStore(country, p)
	return kept.(*number.Plan)
}

// Actions are what rules of policy can be about.
func Actions() []policy.Action {
	return []policy.Action{rights.Calls(), rights.Recordings(), rights.Announcements(), writing()}
}

// Policy of the server.
func (s *Server) Policy() *policy.Engine { return s.policy }
