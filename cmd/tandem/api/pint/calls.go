package pint

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"tandem/cmd/tandem/api/access"
	op "tandem/cmd/tandem/api/operation"
	"tandem/cmd/tandem/api/problem"
	"tandem/pint"
	"tandem/pint/executive"
	"tandem/pint/schedule"
	"tandem/pint/service"
)

// NewPINTCall asks for a service.
type NewPINTCall struct {
	Service  string            `json:"service,omitempty" default:"R2C" doc:"Name of the service"`
	User     string            `json:"user" doc:"Whose call it is: the user's rights hold for both numbers" example:"alice"`
	A        string            `json:"a,omitempty" doc:"Who is to be called: a number or a user" example:"+49301234567"`
	B        string            `json:"b,omitempty" doc:"Who wants the call; absent: the user's phones"`
	First    string            `json:"first,omitempty" enum:"a,b" doc:"Party called first; absent: as the service has it"`
	At       string            `json:"at,omitempty" doc:"When to begin: RFC 3339, or a local time in zone; absent: at once" example:"2027-03-28T09:30"`
	Zone     string            `json:"zone,omitempty" doc:"Zone of at" example:"Europe/Berlin"`
	RingTime int               `json:"ring_s,omitempty" minimum:"5" maximum:"300" doc:"Seconds each party may ring"`
	MaxTalk  int               `json:"talk_s,omitempty" minimum:"1" doc:"Longest talk time in seconds"`
	Retries  int               `json:"retries,omitempty" minimum:"0" maximum:"10" doc:"Tries after one that was busy or not answered"`
	Pause    int               `json:"pause_s,omitempty" minimum:"1" doc:"Seconds between two tries"`
	Record   bool              `json:"record,omitempty" doc:"Keep the sound; the service must allow it"`
	Hide     []string          `json:"hide,omitempty" enum:"a,b" doc:"Parties whose number the other one is not shown"`
	Labels   map[string]string `json:"labels,omitempty" doc:"Yours; given back in answers and events"`
}

// ID names a request in a path.
type ID struct {
	ID string `path:"id"`
}

func (n *nouns) registerCalls(set *op.Set) {
	read, write := access.Read("pint"), access.Write("pint")
	op.Change(set, op.Op{Method: http.MethodPost, Path: "/pint/calls", ID: "ask-pint-call", Short: "Have two parties called and joined, now or later",
		Long: "The answer says that the request was taken on. What becomes of it: the events pint.*, or the resource.", Scope: write,
		Status: http.StatusCreated, Record: true, Needs: n.Running}, n.ask)
	op.Read(set, op.Op{Path: "/pint/calls", ID: "list-pint-calls", Short: "List requests for calls, the latest first", Scope: read, Needs: n.Running}, n.list)
	op.Read(set, op.Op{Path: "/pint/calls/{id}", ID: "show-pint-call", Short: "Show one request and what became of it", Scope: read, Needs: n.Running}, n.show)
	op.Change(set, op.Op{Method: http.MethodDelete, Path: "/pint/calls/{id}", ID: "cancel-pint-call", Short: "Cancel a request: it does not begin, or its call ends",
		Scope: write, Record: true, Needs: n.Running}, n.cancel)
}

// order reads what a client asks for.
func (n *nouns) order(ctx context.Context, in *NewPINTCall) (o pint.Order, err error) {
	o = pint.Order{Service: in.Service, Door: pint.REST, Client: access.Of(ctx).Name, First: service.Leg(in.First), Zone: in.Zone,
		RingTime: seconds(in.RingTime), MaxTalk: seconds(in.MaxTalk), Retries: in.Retries, Pause: seconds(in.Pause), Record: in.Record, Labels: in.Labels}
	if o.By, err = n.ParseAOR(in.User); err != nil {
		return o, err
	}
	if o.A, err = n.party("a", in.A); err != nil {
		return o, err
	}
	if o.B, err = n.party("b", cmp.Or(in.B, string(o.By))); err != nil {
		return o, err
	}
	o.A.Hide, o.B.Hide = slices.Contains(in.Hide, "a"), slices.Contains(in.Hide, "b")
	if in.At != "" {
		if o.At, err = schedule.Parse(in.At, in.Zone); err != nil {
			return o, problem.Invalid("invalid", "at: "+err.Error(), "write 2027-03-28T09:30 and a zone, or RFC 3339")
		}
	}
	return o, labels(in.Labels)
}

// labels are the client's, but not without bounds.
func labels(l map[string]string) error {
	size := 0
	for k, v := range l {
		size += len(k) + len(v)
	}
	if len(l) > 16 || size > 2048 {
		return problem.Invalid("invalid", "labels: too many", "use at most 16 with 2048 octets in all")
	}
	return nil
}

func seconds(n int) time.Duration { return time.Duration(n) * time.Second }

func (n *nouns) ask(ctx context.Context, do *op.Doing, in *struct{ Body NewPINTCall }) (PINTCall, error) {
	if err := do.Begin(ctx, op.Resource("pint", "calls"), nil); err != nil {
		return PINTCall{}, err
	}
	o, err := n.order(ctx, &in.Body)
	if err != nil {
		return PINTCall{}, err
	}
	type outcome struct {
		s   pint.Session
		err error
	}
	kept := make(chan outcome, 1)
	if err := n.Executive.Accept(o, true, func(s pint.Session, err error) { kept <- outcome{s, err} }); err != nil {
		return PINTCall{}, refused(err)
	}
	got := <-kept // it may be done, so that giving up would say what is not true
	if got.err != nil {
		return PINTCall{}, refused(got.err)
	}
	do.Resource = op.Resource("pint", "calls", got.s.ID)
	out := Shown(&got.s)
	do.After = out
	return out, nil
}

func (n *nouns) show(ctx context.Context, in *ID) (PINTCall, error) {
	s, err := n.find(ctx, in.ID)
	return Shown(&s), err
}

// list shows the requests, those under way as they are now.
func (n *nouns) list(ctx context.Context, in *struct {
	op.Paging
	User  string `query:"user" doc:"Only those of this user"`
	State string `query:"state" enum:"accepted,scheduled,dialling,joining,connected,completed,failed,cancelled"`
}) (op.Page[PINTCall], error) {
	q := pint.Query{State: pint.State(in.State)}
	if in.User != "" {
		var err error
		if q.By, err = n.ParseAOR(in.User); err != nil {
			return op.Page[PINTCall]{}, err
		}
	}
	return op.Newest(in.Paging, func(c PINTCall) (time.Time, string) { return c.Created, c.ID }, func(before time.Time, limit int) (list []PINTCall, err error) {
		if q.Limit = limit; !before.IsZero() {
			q.Before = before
		}
		kept, err := n.sessions(ctx, q)
		for i := range kept {
			list = append(list, Shown(&kept[i]))
		}
		return list, err
	})
}

// sessions are those that fit, as they are now: of the steps of a call the store has but
// the first.
func (n *nouns) sessions(ctx context.Context, q pint.Query) (list []pint.Session, err error) {
	if q.State.Active() {
		return n.Executive.UnderWay(q), nil
	}
	kept, err := n.Executive.Store().List(ctx, q)
	for _, s := range kept {
		if now, ok := n.Executive.Session(s.ID); ok {
			s = now
		}
		if q.State == "" || q.State == s.State {
			list = append(list, s)
		}
	}
	return list, err
}

func (n *nouns) cancel(ctx context.Context, do *op.Doing, in *ID) (PINTCall, error) {
	s, err := n.find(ctx, in.ID)
	if err != nil {
		return PINTCall{}, err
	}
	before := Shown(&s)
	if err := do.Begin(ctx, op.Resource("pint", "calls", in.ID), func() (any, error) { return before, nil }); err != nil {
		return PINTCall{}, err
	}
	err = n.Executive.CancelKept(ctx, in.ID, access.Of(ctx).Name)
	switch {
	case errors.Is(err, executive.ErrNotKept):
		return PINTCall{}, problem.New(http.StatusServiceUnavailable, "pint_call_not_kept", err.Error()).Fix("see: tandem pint show " + in.ID)
	case errors.Is(err, executive.ErrUnknown), errors.Is(err, executive.ErrEnded):
		return PINTCall{}, problem.New(http.StatusConflict, "pint_call_ended", "the request "+in.ID+" has ended").Fix("see: tandem pint show " + in.ID)
	case err != nil:
		return PINTCall{}, problem.New(http.StatusConflict, "pint_call_unstoppable", err.Error()).Fix("wait until it has ended")
	}
	do.After = before
	return before, nil
}
