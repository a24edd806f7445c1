package operation

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"tandem/cmd/tandem/api/access"
)

// Deed is one change, for the record.
type Deed struct {
	Operation string // "change-user"
	Resource  string // "users/sip:alice@example.com"
	Who       string // the caller
	Event     string // what is published when it is done, "" nothing
	Scope     access.Scope
	Before    any // the resource as it was shown, nil when there was none
	After     any // as it is shown now, nil when there is none; set when it is done
}

// Resource is the name of a resource: the path of its operations below Base.
func Resource(parts ...string) string {
	for i, p := range parts {
		parts[i] = url.PathEscape(p)
	}
	return strings.Join(parts, "/")
}

// Recorder keeps what was changed: the audit rows, the events, the webhooks.
type Recorder interface {
	// Begin keeps that a deed is about to be done; its error prevents the deed.
	Begin(ctx context.Context, d *Deed) (id int64, err error)
	// Done keeps that it was done, and publishes it.
	Done(ctx context.Context, id int64, d *Deed) error
	// Failed keeps that it was not done, and why.
	Failed(ctx context.Context, id int64, d *Deed, why error) error
}

// Doing is a change under way. Its function calls Begin when it knows what it is
// about to change, and sets After when it has changed it.
type Doing struct {
	Deed
	set     *Set
	release func()
	id      int64
	notice  *notice
}

// Begin takes the turn of the resource, looks with before at what is there now,
// and checks it against If-Match. Nothing may be changed until it has returned
// nil. before may be nil: there is nothing yet.
func (d *Doing) Begin(ctx context.Context, resource string, before func() (any, error)) error {
	release, err := d.set.turns.take(ctx, resource)
	if err != nil {
		return err
	}
	d.release = release
	d.Resource = resource
	if before != nil {
		if d.Before, err = before(); err != nil {
			return err
		}
	}
	if err := conditionOf(ctx).check(entityTag(d.Before)); err != nil {
		return err
	}
	if d.set.cfg.Record != nil {
		id, err := d.set.cfg.Record.Begin(ctx, &d.Deed)
		if err != nil {
			return err
		}
		d.id = id
		d.notice.begun = true
	}
	return nil
}

// leave gives the turn back.
func (d *Doing) leave() {
	if d.release != nil {
		d.release()
	}
}

// end records what became of it.
func (d *Doing) end(ctx context.Context, err error) error {
	if d.id == 0 {
		return err
	}
	ctx = context.WithoutCancel(ctx) // what was begun is recorded though the client has gone
	if err != nil {
		if lost := d.set.cfg.Record.Failed(ctx, d.id, &d.Deed, err); lost != nil {
			d.set.cfg.Log.Error("audit row not finished", "err", lost)
		}
		return err
	}
	return d.set.cfg.Record.Done(ctx, d.id, &d.Deed)
}

// changed is the answer of a Change.
type changed[T any] struct {
	ETag     string `header:"ETag"`
	Location string `header:"Location" doc:"The new resource"`
	Body     T
}

// Change adds an operation that changes something.
func Change[I, T any](s *Set, op Op, f func(context.Context, *Doing, *I) (T, error)) {
	h := s.describe(op, "If-Match", "Idempotency-Key")
	register(s, h, func(ctx context.Context, in *I) (*changed[T], error) {
		d := &Doing{set: s, Deed: Deed{Operation: op.ID, Who: access.Of(ctx).Name, Event: op.Event, Scope: op.Scope}, notice: noticeOf(ctx)}
		defer d.leave()
		v, err := f(ctx, d, in)
		if err = d.end(ctx, err); err != nil {
			return nil, s.problem(ctx, op, err)
		}
		out := &changed[T]{ETag: entityTag(d.After), Body: v}
		if op.Status == http.StatusCreated {
			out.Location = Base + "/" + d.Resource
		}
		return out, nil
	})
}
