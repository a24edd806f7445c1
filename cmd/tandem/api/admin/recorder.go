package admin

import (
	"context"
	"encoding/json"
	"net/http"

	"tandem/cmd/tandem/api/audit"
	"tandem/cmd/tandem/api/events"
	op "tandem/cmd/tandem/api/operation"
	"tandem/cmd/tandem/api/problem"
)

// A State keeps what operations change: the audit row first, then, when it is
// done, the deliveries to webhooks, the end of the row, and the event for those who
// follow.
var _ op.Recorder = (*State)(nil)

// Begin implements operation.Recorder.
func (s *State) Begin(ctx context.Context, d *op.Deed) (int64, error) {
	return s.Audit.Begin(ctx, d.Who, d.Operation, d.Resource, d.Before)
}

// Done implements operation.Recorder.
func (s *State) Done(ctx context.Context, id int64, d *op.Deed) error {
	e := s.Events.Stamp(events.Event{Type: d.Event, Resource: d.Resource, Scope: d.Scope.Reading(), Data: difference(d)})
	var err error
	if d.Event != "" {
		err = s.Outbox.Put(ctx, e)
	}
	if err == nil {
		err = s.Audit.Done(ctx, id, d.After)
	}
	if err != nil {
		return problem.New(http.StatusInternalServerError, "record_failed", "the change was made, but its record could not be written").
			Fix("look at the resource, and at the server's log").Because(err)
	}
	if d.Event != "" {
		s.Events.Publish(e)
	}
	return nil
}

// Failed implements operation.Recorder.
func (s *State) Failed(ctx context.Context, id int64, _ *op.Deed, why error) error {
	return s.Audit.Failed(ctx, id, why)
}

// difference is what an event tells of a change.
func difference(d *op.Deed) json.RawMessage {
	b, _ := json.Marshal(struct { // of valid JSON: cannot fail
		Who    string          `json:"who"`
		Before json.RawMessage `json:"before,omitempty"`
		After  json.RawMessage `json:"after,omitempty"`
	}{d.Who, audit.Mask(d.Before), audit.Mask(d.After)})
	return b
}
