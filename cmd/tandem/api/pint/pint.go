// Package pint is the operations on click-to-call: requests for calls, the numbers
// users have proved to be theirs, services and counters.
//
// It is a door of the executive as SIP is: policy, limits and records are the same.
package pint

import (
	"context"
	"errors"
	"net/http"
	"time"

	op "tandem/cmd/tandem/api/operation"
	"tandem/cmd/tandem/api/problem"
	"tandem/pint"
	"tandem/pint/executive"
	"tandem/pint/own"
	"tandem/pint/party"
	"tandem/rtc"
)

// Rooms are what the operations act on.
type Rooms struct {
	Executive *executive.Executive // nil when no server runs
	Numbers   *own.Numbers
	ParseAOR  func(string) (rtc.AOR, error)
	Running   func() error // nil while a server runs
}

// nouns are the operations on Rooms.
type nouns struct{ Rooms }

// Register adds the operations on rooms to set.
func Register(set *op.Set, rooms Rooms) {
	n := &nouns{rooms}
	n.registerCalls(set)
	n.registerNumbers(set)
	n.registerCounters(set)
}

// PINTCall is a request for a service and what became of it.
type PINTCall struct {
	ID        string            `json:"id" yaml:"id"`
	Service   string            `json:"service" yaml:"service"`
	Door      string            `json:"door" yaml:"door" doc:"How it was asked for: sip, rest or camara"`
	State     string            `json:"state" yaml:"state" doc:"accepted, scheduled, dialling, joining, connected, completed, failed or cancelled"`
	Info      string            `json:"info,omitempty" yaml:"info,omitempty" doc:"For people"`
	User      string            `json:"user" yaml:"user" doc:"Whose rights it uses"`
	Client    string            `json:"client,omitempty" yaml:"client,omitempty" doc:"Who asked: a token, an address"`
	A         string            `json:"a,omitempty" yaml:"a,omitempty"`
	B         string            `json:"b" yaml:"b" doc:"Who wanted the call"`
	First     string            `json:"first,omitempty" yaml:"first,omitempty" doc:"Party called first: a or b"`
	At        *time.Time        `json:"at,omitempty" yaml:"at,omitempty" doc:"When it is to begin"`
	Zone      string            `json:"zone,omitempty" yaml:"zone,omitempty"`
	Created   time.Time         `json:"created" yaml:"created"`
	Due       *time.Time        `json:"due,omitempty" yaml:"due,omitempty" doc:"The next try"`
	Started   *time.Time        `json:"started,omitempty" yaml:"started,omitempty"`
	Connected *time.Time        `json:"connected,omitempty" yaml:"connected,omitempty"`
	Ended     *time.Time        `json:"ended,omitempty" yaml:"ended,omitempty"`
	Talked    float64           `json:"talked_s,omitempty" yaml:"talked_s,omitempty" doc:"Seconds"`
	Tries     int               `json:"tries,omitempty" yaml:"tries,omitempty"`
	EndedBy   string            `json:"ended_by,omitempty" yaml:"ended_by,omitempty"`
	Code      int               `json:"code,omitempty" yaml:"code,omitempty" doc:"SIP status of its end"`
	Cause     int               `json:"cause,omitempty" yaml:"cause,omitempty" doc:"Q.850"`
	Trunk     string            `json:"trunk,omitempty" yaml:"trunk,omitempty"`
	Recording string            `json:"recording,omitempty" yaml:"recording,omitempty" doc:"File of its sound, in the folder telephony.recordings"`
	Machine   string            `json:"machine,omitempty" yaml:"machine,omitempty" doc:"Party whose answering machine answered: a or b"`
	Records   []string          `json:"records,omitempty" yaml:"records,omitempty" doc:"IDs of its call records"`
	Labels    map[string]string `json:"labels,omitempty" yaml:"labels,omitempty"`
	Steps     []PINTStep        `json:"steps" yaml:"steps" nullable:"false"`
}

// PINTStep is one step of a call.
type PINTStep struct {
	Time  time.Time `json:"time" yaml:"time"`
	State string    `json:"state" yaml:"state"`
	Info  string    `json:"info,omitempty" yaml:"info,omitempty"`
}

// Shown is a session as shown.
func Shown(s *pint.Session) PINTCall {
	c := PINTCall{ID: s.ID, Service: s.Service, Door: string(s.Door), State: string(s.State), Info: s.Info, User: string(s.By), Client: s.Client,
		A: s.A.String(), B: s.B.String(), First: string(s.First), At: moment(s.At), Zone: s.Zone, Created: s.Created, Due: moment(s.Due),
		Started: moment(s.Started), Connected: moment(s.Connected), Ended: moment(s.Ended), Talked: s.Talked().Seconds(), Tries: s.Tries,
		EndedBy: s.EndedBy, Code: s.Code, Cause: s.Cause, Trunk: s.Gateway, Recording: s.Recording, Machine: string(s.Machine), Records: s.Calls, Labels: s.Labels, Steps: []PINTStep{}}
	for _, e := range s.Events {
		c.Steps = append(c.Steps, PINTStep{e.Time, string(e.State), e.Info})
	}
	return c
}

func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// party reads a party as people write it: a number, or a user.
func (n *nouns) party(where, text string) (p party.Party, err error) {
	if text == "" {
		return p, nil
	}
	if text[0] == '+' || text[0] >= '0' && text[0] <= '9' {
		if p.Number, err = party.ParseNumber(compact(text)); err != nil {
			return p, problem.Invalid("invalid", where+": "+err.Error(), "write a number, +49 30 1234567, or a user")
		}
		return p, nil
	}
	aor, err := n.ParseAOR(text)
	if err != nil {
		return p, problem.Invalid("invalid", where+": "+err.Error(), "write a number, +49 30 1234567, or a user")
	}
	p.Address = string(aor)
	return p, nil
}

// compact is a number without what makes it easier to read.
func compact(text string) string {
	var b []byte
	for i := range len(text) {
		switch text[i] {
		case ' ', '-', '.', '(', ')', '/':
		default:
			b = append(b, text[i])
		}
	}
	return string(b)
}

// refused explains why an order was not taken on.
func refused(err error) error {
	var r *pint.Refusal
	if !errors.As(err, &r) {
		return err
	}
	p := problem.New(http.StatusUnprocessableEntity, "not_acceptable", r.Text)
	switch {
	case r.Code == 403:
		p = problem.New(http.StatusForbidden, "not_allowed", r.Text)
	case r.Code == 404:
		p = problem.New(http.StatusNotFound, "service_unknown", r.Text).Fix("see: tandem pint services")
	case r.Code == 480:
		p = problem.New(http.StatusTooManyRequests, "try_later", r.Text)
	case r.Code == 501:
		p = problem.New(http.StatusNotImplemented, "not_possible", r.Text)
	case r.Code == 503:
		p = problem.New(http.StatusServiceUnavailable, "busy", r.Text)
	}
	return p.After(r.After)
}

// find is a session, ended or not.
func (n *nouns) find(ctx context.Context, id string) (pint.Session, error) {
	s, ok, err := n.Executive.Find(ctx, id)
	if err == nil && !ok {
		err = problem.Unknown("pint_call_unknown", "there is no request "+id, "see: tandem pint list")
	}
	return s, err
}
