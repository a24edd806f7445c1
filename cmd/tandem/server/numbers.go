package server

import (
	"context"
	"log/slog"

	"tandem/cmd/tandem/config"
	"tandem/cmd/tandem/people"
	"tandem/rtc/policy"
	policystore "tandem/rtc/policy/sqlstore"
	"tandem/rtc/store"
	"tandem/telephony/number"
	"tandem/telephony/rights"
)

// openPolicy builds what says who may call what.
func (s *Server) openPolicy(ctx context.Context, _ *config.Config) error {
	s.policy = newPolicy(s.store, s.log)
	return s.policy.Load(ctx)
}

func newPolicy(db *store.DB, log *slog.Logger) *policy.Engine {
	return policy.New(policystore.New(db), actions(), log)
}

// plan is how numbers are dialled at a site.
func (s *Server) plan(site string) *number.Plan { return s.numbers.Of(site) }

// actions are what rules of policy can be about.
func actions() []policy.Action {
	return []policy.Action{rights.Calls(), rights.Recordings(), rights.Announcements(), people.Writing()}
}

// Policy of the server.
func (s *Server) Policy() *policy.Engine { return s.policy }
