package admin

import (
	"context"
	"strings"

	"tandem/cmd/tandem/api/access"
	"tandem/cmd/tandem/api/events"
	op "tandem/cmd/tandem/api/operation"
)

func (n *nouns) registerEvents() {
	op.Stream(n.set, op.Op{Path: "/events", ID: "follow-events", Short: "Follow what happens",
		Long:  "Tells those events whose resources the caller may read. The name of each is event; its type is in the data.",
		Scope: access.Read("events"), Own: true, Needs: n.running},
		map[string]any{"event": events.Event{}}, n.followEvents)
}

func (n *nouns) followEvents(ctx context.Context, in *struct {
	op.Resume
	Types []string `query:"types" doc:"Only these: user.changed, user.*; absent: all"`
}) (op.Source, error) {
	return &feed{reader: n.Events.Follow(in.LastEventID), types: in.Types, caller: access.Of(ctx)}, nil
}

// feed is the events as one caller may see them.
type feed struct {
	reader *events.Reader
	types  []string
	caller access.Caller
}

// about tells whether a caller who acts for one user may see what is about a
// resource.
func (f *feed) about(resource string) bool {
	user := f.caller.User
	return user == "" || strings.HasPrefix(resource, op.Resource("users", user)+"/") || strings.HasPrefix(resource+"/", op.Resource("presence", user)+"/")
}

// Next implements operation.Source.
func (f *feed) Next(ctx context.Context) ([]op.Event, error) {
	for {
		list, missed, err := f.reader.Next(ctx)
		if err != nil {
			return nil, err
		}
		var out []op.Event
		if missed {
			out = append(out, op.Event{Type: op.Missed,
				Data: op.Lost{Why: "they are older than the events that the server still has", Remedy: "read the resources again"}})
		}
		for _, e := range list {
			if events.Matches(f.types, e.Type) && f.caller.Scopes.Allow(e.Scope) && f.about(e.Resource) {
				out = append(out, op.Event{ID: e.Mark, Type: "event", Data: e.Event})
			}
		}
		if len(out) > 0 {
			return out, nil
		}
	}
}
