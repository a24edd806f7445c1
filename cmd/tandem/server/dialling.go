package server

import (
	"context"
	"errors"
	"log/slog"

	"tandem/cmd/tandem/api/access"
	op "tandem/cmd/tandem/api/operation"
	"tandem/cmd/tandem/config"
	"tandem/rtc/store"
	"tandem/telephony/dialplan"
	dialplanstore "tandem/telephony/dialplan/sqlstore"
	"tandem/telephony/guard"
	guardstore "tandem/telephony/guard/sqlstore"
	"tandem/telephony/rights"
	"tandem/telephony/routing"
)

// dialling is what becomes of numbers that are dialled: rules, and limits.
type dialling struct {
	rules   *dialplan.Rules
	guard   *guard.Guard
	refused chan routing.Refusal // wait for the audit log
}

// maxRefused bounds the refusals that wait for the audit log.
const maxRefused = 1024

func newDialling(db *store.DB) dialling {
	var kinds []string
	for _, k := range rights.Calls().Kinds {
		kinds = append(kinds, k.Name)
	}
	return dialling{rules: dialplan.New(dialplanstore.New(db)), guard: guard.New(guardstore.New(db), kinds),
		refused: make(chan routing.Refusal, maxRefused)}
}

func (d dialling) load(ctx context.Context, log *slog.Logger) error {
	return errors.Join(
		d.rules.Load(ctx, func(r dialplan.Rule, err error) {
			log.Error("stored rule of the dial plan left out", "rule", r.Name, "err", err)
		}),
		d.guard.Load(ctx, func(l guard.Limit, err error) { log.Error("stored limit left out", "limit", l.Scope(), "err", err) }))
}

func (s *Server) openDialling(ctx context.Context, _ *config.Config) error {
	s.dialling = newDialling(s.store)
	return s.dialling.load(ctx, s.log)
}

// refuse tells of a call that is not allowed. It does not wait: it is called on the
// lanes of calls.
func (s *Server) refuse(r routing.Refusal) {
	s.log.Warn("call not allowed", "aor", string(r.User), "number", r.Number, "kind", r.Kind, "err", r.Why)
	s.state.Tell("call.refused", op.Resource("users", string(r.User)), access.Read("calls"), func() any {
		return map[string]string{"user": string(r.User), "dialled": r.Dialled, "number": r.Number, "kind": r.Kind, "why": r.Why}
	})
	select {
	case s.dialling.refused <- r:
	default: // the record of the call has it
		s.log.Error("refused call not in the audit log: too many at once", "aor", string(r.User), "number", r.Number)
	}
}

// auditRefusals writes the calls that were not allowed to the audit log.
func (s *Server) auditRefusals(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case r := <-s.dialling.refused:
			resource := op.Resource("numbers", r.Number)
			if r.Number == "" {
				resource = op.Resource("addresses", r.Dialled)
			}
			id, err := s.state.Audit.Begin(ctx, string(r.User), "call", resource,
				map[string]string{"dialled": r.Dialled, "kind": r.Kind})
			if err == nil {
				err = s.state.Audit.Failed(ctx, id, errors.New(r.Why))
			}
			if err != nil && ctx.Err() == nil {
				s.log.Error("refused call not in the audit log", "aor", string(r.User), "number", r.Number, "err", err)
			}
		}
	}
}
