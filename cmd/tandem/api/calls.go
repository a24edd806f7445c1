package api

import (
	"cmp"
	"context"
	"iter"
	"net/http"
	"slices"
	"strings"
	"time"

	"tandem/cmd/tandem/api/access"
	op "tandem/cmd/tandem/api/operation"
	"tandem/cmd/tandem/api/problem"
	"tandem/rtc"
	"tandem/telephony"
	"tandem/telephony/cdr"
)

// Call is one call as shown, whether it goes on or has ended.
type Call struct {
	ID       string     `json:"id" yaml:"id"`
	State    string     `json:"state" yaml:"state" doc:"open, completed, failed, or interrupted: the server ended during it"`
	From     string     `json:"from" yaml:"from" doc:"Address of the user who calls, or the number a trunk gave"`
	Display  string     `json:"display_name,omitempty" yaml:"display_name,omitempty"`
	To       string     `json:"to" yaml:"to" doc:"As dialled"`
	Number   string     `json:"number,omitempty" yaml:"number,omitempty" doc:"The number called, E.164"`
	Called   string     `json:"called,omitempty" yaml:"called,omitempty" doc:"Address of the user called"`
	Payer    string     `json:"payer,omitempty" yaml:"payer,omitempty" doc:"User whose rights the call uses"`
	Trunk    string     `json:"trunk,omitempty" yaml:"trunk,omitempty"`
	Tried    []cdr.Try  `json:"tried,omitempty" yaml:"tried,omitempty" doc:"Destinations in the order they were tried"`
	Story    []cdr.Step `json:"story,omitempty" yaml:"story,omitempty" doc:"What happened between its beginning and its end"`
	Started  time.Time  `json:"started" yaml:"started"`
	Ringing  *time.Time `json:"ringing,omitempty" yaml:"ringing,omitempty"`
	Answered *time.Time `json:"answered,omitempty" yaml:"answered,omitempty"`
	Ended    *time.Time `json:"ended,omitempty" yaml:"ended,omitempty"`
	Rang     float64    `json:"rang_s,omitempty" yaml:"rang_s,omitempty" doc:"Seconds, until it was answered or ended"`
	Talked   float64    `json:"talked_s,omitempty" yaml:"talked_s,omitempty" doc:"Seconds"`
	Held     float64    `json:"held_s,omitempty" yaml:"held_s,omitempty" doc:"Seconds in which one side or both were on hold"`
	EndedBy  string     `json:"ended_by,omitempty" yaml:"ended_by,omitempty"`
	Code     int        `json:"code,omitempty" yaml:"code,omitempty" doc:"SIP status"`
	Cause    int        `json:"cause,omitempty" yaml:"cause,omitempty" doc:"Q.850"`
	Text     string     `json:"text,omitempty" yaml:"text,omitempty"`
	CallIDs  []string   `json:"call_ids" yaml:"call_ids" doc:"Of the caller's leg and of the leg that was answered"`
	Caller   *cdr.Sound `json:"caller_sound,omitempty" yaml:"caller_sound,omitempty" doc:"What came from the caller"`
	Callee   *cdr.Sound `json:"callee_sound,omitempty" yaml:"callee_sound,omitempty" doc:"What came from the called side"`
}

func (a *API) registerCalls() {
	op.Read(a.set, op.Op{Path: "/calls", ID: "list-calls", Short: "List the calls that go on",
		Scope: access.Read("calls"), Needs: a.running}, a.listCalls)
	op.Read(a.set, op.Op{Path: "/calls/{id}", ID: "show-call", Short: "Show a call that goes on",
		Scope: access.Read("calls"), Needs: a.running}, a.showCall)
	op.Change(a.set, op.Op{Method: http.MethodDelete, Path: "/calls/{id}", ID: "hang-up-call", Short: "Hang up a call",
		Scope: access.Write("calls"), Event: "call.hung_up", Needs: a.running}, a.hangUpCall)
	op.Read(a.set, op.Op{Path: "/call-records", ID: "list-call-records", Short: "List the records of calls, the latest first",
		Scope: access.Read("calls"), Needs: a.running}, a.listRecords)
	op.Read(a.set, op.Op{Path: "/call-records/{id}", ID: "get-call-record", Short: "Show the record of one call",
		Scope: access.Read("calls"), Needs: a.running}, a.getRecord)
}

// shownCall is a record as shown.
func shownCall(r *cdr.Record) Call {
	c := Call{ID: r.ID, State: string(r.State), From: string(r.From), Display: r.Display, To: r.To, Number: r.Number,
		Called: string(r.Called), Payer: string(r.Payer), Trunk: r.Trunk, Tried: r.Tried, Story: r.Story, Started: r.Started,
		Ringing: moment(r.Ringing), Answered: moment(r.Answered), Ended: moment(r.Ended), Rang: r.Rang().Seconds(), Talked: r.Talked().Seconds(),
		Held: r.Held.Seconds(), EndedBy: r.EndedBy, Code: r.Code, Cause: r.Cause, Text: r.Text, CallIDs: []string{}}
	for _, id := range r.CallIDs {
		if id != "" {
			c.CallIDs = append(c.CallIDs, id)
		}
	}
	for w, to := range []**cdr.Sound{&c.Caller, &c.Callee} {
		if s := r.Sides[w]; s != (cdr.Sound{}) {
			*to = &s
		}
	}
	return c
}

func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// seesCalls is who may see calls.
var seesCalls = access.Read("calls")

// callEvents are the kinds of events of calls, by theirs.
var callEvents = func() (names [telephony.Ended + 1]string) {
	for kind := range names {
		names[kind] = "call." + telephony.EventKind(kind).String()
	}
	return names
}()

// tellCall tells those who follow, and webhooks, of a change of a call.
func (a *API) tellCall(e telephony.Event) {
	record := e.Record
	a.Tell(callEvents[e.Kind], "call-records/"+record.ID, seesCalls, func() any { return shownCall(record) })
}

func (a *API) listCalls(_ context.Context, in *op.Paging) (op.Page[Call], error) {
	return op.Paginate(*in, func(c Call) string { return c.ID }, func(after string) iter.Seq[Call] {
		var list []Call
		for _, c := range a.Exchange.Calls() {
			if r := c.Record(); r.ID > after {
				list = append(list, shownCall(&r))
			}
		}
		slices.SortFunc(list, func(a, b Call) int { return cmp.Compare(a.ID, b.ID) })
		return slices.Values(list)
	})
}

func (a *API) showCall(_ context.Context, in *struct {
	ID string `path:"id"`
}) (Call, error) {
	c := a.Exchange.Call(in.ID)
	if c == nil {
		return Call{}, problem.Unknown("call_unknown", "no call "+in.ID+" goes on", "see: tandem calls list")
	}
	r := c.Record()
	return shownCall(&r), nil
}

// legsOf are the Call-IDs of all legs of the call that one belongs to, among those
// that go on and the latest records.
func (a *API) legsOf(ctx context.Context, callID string) []string {
	legs := func(r *cdr.Record) (list []string) {
		list = append(list, r.CallIDs[:]...)
		for _, t := range r.Tried {
			list = append(list, t.CallID)
		}
		return slices.DeleteFunc(list, func(id string) bool { return id == "" })
	}
	for _, c := range a.Exchange.Calls() {
		r := c.Record()
		if list := legs(&r); slices.Contains(list, callID) {
			return list
		}
	}
	records, err := a.Records.List(ctx, cdr.Query{Limit: cdr.MaxLimit})
	if err != nil {
		a.Log.Warn("the legs of a call are not known", "call_id", callID, "err", err)
	}
	for i := range records {
		if list := legs(&records[i]); slices.Contains(list, callID) {
			return list
		}
	}
	return nil
}

func (a *API) hangUpCall(ctx context.Context, do *op.Doing, in *struct {
	ID string `path:"id"`
}) (Call, error) {
	c := a.Exchange.Call(in.ID)
	if c == nil {
		return Call{}, problem.Unknown("call_unknown", "no call "+in.ID+" goes on", "see: tandem calls list")
	}
	r := c.Record()
	before := shownCall(&r)
	if err := do.Begin(ctx, op.Resource("calls", in.ID), func() (any, error) { return before, nil }); err != nil {
		return Call{}, err
	}
	c.Hangup("administrator")
	do.After = before
	return before, nil
}

func (a *API) listRecords(ctx context.Context, in *struct {
	op.Paging
	State  string    `query:"state" enum:"open,completed,failed,interrupted"`
	User   string    `query:"user" doc:"As caller or called"`
	Trunk  string    `query:"trunk"`
	After  time.Time `query:"after" doc:"Started then or later"`
	Before time.Time `query:"before" doc:"Started before"`
}) (op.Page[Call], error) {
	q := cdr.Query{State: cdr.State(in.State), Trunk: in.Trunk, After: in.After, Before: in.Before}
	if strings.HasPrefix(in.User, "tel:") {
		q.User = rtc.AOR(in.User)
	} else if in.User != "" {
		var err error
		if q.User, err = a.Directory.ParseAOR(in.User); err != nil {
			return op.Page[Call]{}, err
		}
	}
	return op.Newest(in.Paging, func(c Call) (time.Time, string) { return c.Started, c.ID }, func(before time.Time, limit int) (list []Call, err error) {
		if q.Limit = limit; !before.IsZero() {
			q.Before = before
		}
		records, err := a.Records.List(ctx, q)
		for i := range records {
			list = append(list, shownCall(&records[i]))
		}
		return list, err
	})
}

func (a *API) getRecord(ctx context.Context, in *struct {
	ID string `path:"id"`
}) (Call, error) {
	r, ok, err := a.Records.Record(ctx, in.ID)
	if err == nil && !ok {
		err = problem.Unknown("call_unknown", "there is no record of a call "+in.ID, "see: tandem cdr list")
	}
	return shownCall(&r), err
}
