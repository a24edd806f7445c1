package admin

import (
	"encoding/json"

	"tandem/cmd/tandem/api/access"
	"tandem/cmd/tandem/api/audit"
	"tandem/cmd/tandem/api/events"
)

// Tell publishes an event that no operation caused, such as the end of a call:
// to webhooks by way of the store, to those who follow when it is on disk. It does
// not wait, and may be called from anywhere. kind is "call.ended"; resource is a
// path of the API, "call-records/ID"; scope is who may see it; what data returns is
// written as JSON, secrets masked, when somebody reads it: nearly nothing is done
// while nobody does. Events of one resource must be told one after the other.
func (s *State) Tell(kind, resource string, scope access.Scope, data func() any) {
	e := s.Events.Stamp(events.Event{Type: kind, Resource: resource, Scope: scope, Later: func() json.RawMessage { return audit.Mask(data()) }})
	if !s.Outbox.Awaits(kind) {
		s.Events.Publish(e)
		return
	}
	s.toHooks(e)
}

// toHooks stores an event for webhooks before it is published.
func (s *State) toHooks(e events.Event) {
	done := func(err error) {
		if err != nil {
			s.log.Error("event not stored for webhooks", "type", e.Type, "resource", e.Resource, "err", err)
		}
		s.Events.Publish(e)
	}
	if err := s.Outbox.Send(e, done); err != nil {
		done(err)
	}
}
