// Package dialroom puts what becomes of dialled numbers among the other rooms: the dial
// plan's rules, the limits, how numbers are written elsewhere, and who is told of calls
// that are refused. It leads no calls.
package dialroom

import (
	"context"
	"errors"
	"log/slog"

	"tandem/cmd/tandem/api/access"
	"tandem/cmd/tandem/api/admin"
	"tandem/cmd/tandem/api/audit"
	op "tandem/cmd/tandem/api/operation"
	"tandem/rtc/store"
	"tandem/telephony/dialplan"
	dialplanstore "tandem/telephony/dialplan/sqlstore"
	"tandem/telephony/guard"
	guardstore "tandem/telephony/guard/sqlstore"
	"tandem/telephony/rights"
	"tandem/telephony/routing"
)

// Room is the rules, the limits, and the refusals that follow from them.
type Room struct {
	Rules *dialplan.Rules
	Guard *guard.Guard

	state     *admin.State
	log       *slog.Logger
	impostors impostors
}

// New makes the room. Refusals are told to state, and kept in its audit log.
func New(db *store.DB, state *admin.State, log *slog.Logger) *Room {
	var kinds []string
	for _, k := range rights.Calls().Kinds {
		kinds = append(kinds, k.Name)
	}
	d := &Room{Rules: dialplan.New(dialplanstore.New(db)), Guard: guard.New(guardstore.New(db), kinds), state: state, log: log}
	d.impostors.tell = func(r routing.Refusal) { r.Tell(d.Refuse) }
	return d
}

// Load reads rules and limits. One that cannot be used is left out, and logged.
func (d *Room) Load(ctx context.Context) error {
	return errors.Join(
		d.Rules.Load(ctx, func(r dialplan.Rule, err error) {
			d.log.Error("stored rule of the dial plan left out", "rule", r.Name, "err", err)
		}),
		d.Guard.Load(ctx, func(l guard.Limit, err error) { d.log.Error("stored limit left out", "limit", l.Scope(), "err", err) }))
}

// Run returns when ctx ends, and what was counted of impostors is told.
func (d *Room) Run(ctx context.Context) error {
	<-ctx.Done()
	d.impostors.endAll()
	return nil
}

// Refuse tells of a call that is not allowed, or that is ended since it has used up a
// limit. It does not wait: it is called on the lanes of calls, and by their owners. The
// error says that the audit log does not have it.
func (d *Room) Refuse(r routing.Refusal) error {
	text, event := "call not allowed", "call.refused"
	if r.Ended {
		text, event = "call ended by a limit", "call.limited"
	}
	d.log.Warn(text, "aor", string(r.User), "number", r.Number, "kind", r.Kind, "err", r.Why)
	d.state.Tell(event, op.Resource("users", string(r.User)), access.Read("calls"), func() any {
		return map[string]string{"user": string(r.User), "dialled": r.Dialled, "number": r.Number, "kind": r.Kind, "why": r.Why}
	})
	resource := op.Resource("numbers", r.Number)
	if r.Number == "" {
		resource = op.Resource("addresses", r.Dialled)
	}
	return d.state.Audit.Note(audit.Deed{Who: string(r.User), Operation: "call", Resource: resource,
		Before: map[string]string{"dialled": r.Dialled, "kind": r.Kind}, Why: errors.New(r.Why)})
}
