package server

import (
	"context"
	"errors"
	"log/slog"

	"tandem/cmd/tandem/api/access"
	"tandem/cmd/tandem/api/audit"
	op "tandem/cmd/tandem/api/operation"
	"tandem/cmd/tandem/config"
	"tandem/rtc"
	"tandem/rtc/sip"
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
	rules *dialplan.Rules
	guard *guard.Guard
}

func newDialling(db *store.DB) dialling {
	var kinds []string
	for _, k := range rights.Calls().Kinds {
		kinds = append(kinds, k.Name)
	}
	return dialling{rules: dialplan.New(dialplanstore.New(db)), guard: guard.New(guardstore.New(db), kinds)}
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

// refuse tells of a call that is not allowed, or that is ended since it has used up a
// limit. It does not wait: it is called on the lanes of calls, and by their owners. The
// error says that the audit log does not have it.
func (s *Server) refuse(r routing.Refusal) error {
	text, event := "call not allowed", "call.refused"
	if r.Ended {
		text, event = "call ended by a limit", "call.limited"
	}
	s.log.Warn(text, "aor", string(r.User), "number", r.Number, "kind", r.Kind, "err", r.Why)
	s.state.Tell(event, op.Resource("users", string(r.User)), access.Read("calls"), func() any {
		return map[string]string{"user": string(r.User), "dialled": r.Dialled, "number": r.Number, "kind": r.Kind, "why": r.Why}
	})
	resource := op.Resource("numbers", r.Number)
	if r.Number == "" {
		resource = op.Resource("addresses", r.Dialled)
	}
	return s.state.Audit.Note(audit.Deed{Who: string(r.User), Operation: "call", Resource: resource,
		Before: map[string]string{"dialled": r.Dialled, "kind": r.Kind}, Why: errors.New(r.Why)})
}

// impostor tells of a call that a user tries to make in somebody else's name.
func (s *Server) impostor(m *sip.Message, user rtc.AOR) {
	uri, err := sip.ParseURI(m.RequestURI())
	if err != nil || m.Method() != sip.INVITE {
		return
	}
	from, _ := m.From()
	r := routing.Refusal{User: user, Dialled: routing.Dialled(uri), Why: "From is " + string(from.URI) + ", not the user who calls"}
	if n, err := s.numbers.URI(uri); err == nil && n.Global() {
		r.Number = n.String()
	}
	r.Tell(s.refuse)
}

// Guard keeps the limits of calls outside.
func (s *Server) Guard() *guard.Guard { return s.dialling.guard }
