package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"

	"tandem/rtc/policy"
	policystore "tandem/rtc/policy/sqlstore"
	"tandem/rtc/resolve"
	"tandem/rtc/store"
	"tandem/telephony/enum"
	"tandem/telephony/number"
	"tandem/telephony/rights"
	"tandem/telephony/routing"
)

// Numbers is how telephone numbers are dialled here.
type Numbers struct {
	Country   string   `yaml:"country" json:"country,omitempty" jsonschema_description:"Country of this site, as two letters of ISO 3166-1: DE, US. Without it every number with + counts as abroad, and 0 and 1 in front mean nothing"`
	Area      string   `yaml:"area" json:"area,omitempty" jsonschema_description:"Area code put before numbers of five digits and more dialled without any prefix: 30"`
	Outside   string   `yaml:"outside" json:"outside,omitempty" jsonschema_description:"Digits dialled first to leave the house: 0 or 9"`
	Emergency []string `yaml:"emergency" json:"emergency,omitempty" jsonschema_description:"Emergency numbers besides those of the country"`
	ENUM      []string `yaml:"enum" json:"enum,omitempty" jsonschema_description:"Domains of DNS that are asked for numbers called (RFC 6116), as e164.arpa; empty: none"`
}

// plan is how numbers are dialled here, and how they are written in other countries.
func (n Numbers) plan(domains []string) (*number.Plan, *countries, error) {
	world, err := number.NewWorld()
	if err != nil {
		return nil, nil, err
	}
	plan, err := world.Plan(number.Site{Country: n.Country, Area: n.Area, Outside: n.Outside, Emergency: n.Emergency, Domains: domains})
	return plan, &countries{world: world}, err
}

// openPolicy builds what says who may call what.
func (s *Server) openPolicy(ctx context.Context, _ *Config) error {
	s.policy = newPolicy(s.store, s.log)
	return s.policy.Load(ctx)
}

func newPolicy(db *store.DB, log *slog.Logger) *policy.Engine {
	return policy.New(policystore.New(db), Actions(), log)
}

// plan is how numbers are dialled at a site. All sites dial alike as yet.
func (s *Server) plan(string) *number.Plan { return s.numbers }

// enum asks DNS for numbers, nil when no domain is to be asked.
func (n Numbers) enum(r *resolve.Resolver) routing.Enum {
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

// enumFaults finds domains that are none.
func (n Numbers) enumFaults(bad func(key, format string, args ...any)) {
	for i, d := range n.ENUM {
		if d == "" || len(d) > 200 || strings.Trim(strings.ToLower(d), "abcdefghijklmnopqrstuvwxyz0123456789-.") != "" {
			bad(fmt.Sprintf("numbers.enum[%d]", i), "%q is not a domain of DNS; write it as e164.arpa", d)
		}
	}
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
