package pintroom

import (
	"context"
	"errors"
	"slices"
	"testing"

	"tandem/pint"
	"tandem/rtc"
	"tandem/telephony"
	"tandem/telephony/cdr"
)

// quick is an exchange whose calls have ended, after these events, before their record is
// on disk, by an error.
type quick struct {
	events []telephony.EventKind
	err    error
}

func (q quick) Connect(_ context.Context, _, _ string, o telephony.Options) (*telephony.Call, error) {
	for _, kind := range q.events {
		record := cdr.Record{ID: "call-1"}
		if kind == telephony.Ended {
			record.Code, record.Cause, record.Text = 486, 17, "Busy Here"
		}
		o.Watch(telephony.Event{Kind: kind, Record: &record})
	}
	return nil, q.err
}

func (q quick) Play(ctx context.Context, to string, _ []string, o telephony.Options) (*telephony.Call, error) {
	return q.Connect(ctx, to, "", o)
}

// TestQuickCall: a call that ends before its record is on disk is told as any other, with
// its record and with the party that could not be reached, also when nobody was called; one
// that never began is an error otherwise.
func TestQuickCall(t *testing.T) {
	busy := &rtc.Status{Code: 486, Err: errors.New("Busy Here")}
	for _, row := range []struct {
		name   string
		events []telephony.EventKind
		err    error
		steps  []pint.Step
		second bool
	}{
		{"the first is busy", []telephony.EventKind{telephony.Started, telephony.Ended}, busy, []pint.Step{pint.Begun, pint.Ended}, false},
		{"the second is busy", []telephony.EventKind{telephony.Started, telephony.CallerRings, telephony.CallerReached, telephony.Ended}, busy,
			[]pint.Step{pint.Begun, pint.FirstRinging, pint.FirstAnswered, pint.Ended}, true},
		{"the first cannot be called", nil, &telephony.Uncallable{To: "a", Err: busy}, []pint.Step{pint.Ended}, false},
		{"the second cannot be called", nil, &telephony.Uncallable{Second: true, To: "b", Err: busy}, []pint.Step{pint.Ended}, true},
		{"none begins", nil, busy, nil, false},
	} {
		var steps []pint.Step
		var last pint.Progress
		calls := Calls{Exchange: func() Exchange { return quick{row.events, row.err} }}
		handle, err := calls.Connect(pint.Call{First: pint.Leg{To: "a"}, Second: pint.Leg{To: "b"}}, func(p pint.Progress) {
			if p.Step == pint.Begun && p.Call != "call-1" {
				t.Errorf("%s: begun as %q", row.name, p.Call)
			}
			steps, last = append(steps, p.Step), p
		})
		if (err != nil) != (row.steps == nil) || (handle == nil) != (err != nil) {
			t.Errorf("%s: %v, %v", row.name, handle, err)
		}
		if !slices.Equal(steps, row.steps) || last.Second != row.second || err == nil && last.Code != 486 {
			t.Errorf("%s: told %v, at last %+v", row.name, steps, last)
		}
		if handle != nil {
			handle.Hangup("requester") // has nothing to do
		}
	}
}

// TestProviders: the trunk of a telephone provider, in any case of letters.
func TestProviders(t *testing.T) {
	some := Providers{"Telco.com": "berlin"}
	for name, row := range map[string]struct {
		known Providers
		trunk string
		code  int
	}{
		"": {some, "", 0}, "telco.COM": {some, "berlin", 0}, "telco.org": {some, "", 606}, "any.example": {nil, "", 0},
	} {
		trunk, err := row.known.trunk(name)
		var refused *pint.Refusal
		if errors.As(err, &refused); trunk != row.trunk || (refused != nil) != (row.code != 0) || refused != nil && refused.Code != row.code {
			t.Errorf("%q: %q, %v", name, trunk, err)
		}
	}
}
