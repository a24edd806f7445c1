package operation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"

	"tandem/cmd/tandem/api/access"
	"tandem/cmd/tandem/api/problem"
)

// Event is one server-sent event.
type Event struct {
	ID   string // where a stream goes on after it; "" leaves the one before
	Type string // Missed, or one of those named to Stream
	Data any    // written as JSON
}

// Lost is the event by which a stream says that others before it are missing: the
// client was away for longer than they are kept, or the server was restarted.
type Lost struct {
	Why    string `json:"why"`
	Remedy string `json:"remedy"`
}

// Missed is the Type of the event with a Lost.
const Missed = "missed"

// Source is where the events of one stream come from.
type Source interface {
	// Next waits for events. The error of ctx means that there are none yet, any
	// other error ends the stream, io.EOF as intended.
	Next(ctx context.Context) ([]Event, error)
}

// Resume is the header by which a client says after which event to go on.
type Resume struct {
	LastEventID string `header:"Last-Event-ID" maxLength:"64" doc:"Go on after this event. What the server no longer has is told by an event named missed"`
}

const (
	maxStreams = 64               // at a time; each holds a connection
	beat       = 15 * time.Second // a comment at least so often, so that a dead peer is found
	writing    = 10 * time.Second // for a peer that does not read
)

// Stream adds an operation that answers with server-sent events until the client
// goes. data are examples of what the events hold, by their type; Missed is known.
func Stream[I any](s *Set, op Op, data map[string]any, f func(context.Context, *I) (Source, error)) {
	op.Method = http.MethodGet
	h := s.describe(op)
	s.describeEvents(&h, data)
	register(s, h, func(ctx context.Context, in *I) (*huma.StreamResponse, error) {
		src, err := f(ctx, in)
		if err != nil {
			return nil, s.problem(ctx, op, err)
		}
		select {
		case s.streams <- struct{}{}:
		default:
			return nil, problem.New(http.StatusServiceUnavailable, "too_many_streams", fmt.Sprintf("%d streams are open already", maxStreams)).
				Fix("end one, or try again later").After(beat)
		}
		return &huma.StreamResponse{Body: func(hc huma.Context) {
			defer func() { <-s.streams }()
			r, w := humachi.Unwrap(hc)
			w.Header().Set("Content-Type", "text/event-stream")
			w.Header().Set("Cache-Control", "no-store")
			_ = pump(r.Context(), w, src, access.Of(ctx)) // the client has gone, or the source has ended
		}}, nil
	})
}

// describeEvents tells the schema of each event's data.
func (s *Set) describeEvents(h *huma.Operation, data map[string]any) {
	var schemas []*huma.Schema
	data = maps.Clone(data)
	data[Missed] = Lost{}
	for _, name := range slices.Sorted(maps.Keys(data)) {
		schema := s.huma.OpenAPI().Components.Schemas.Schema(reflect.TypeOf(data[name]), true, name)
		schemas = append(schemas, &huma.Schema{Title: name, Type: "object", Required: []string{"data", "event"},
			Properties: map[string]*huma.Schema{
				"id":    {Type: "string", Description: "Value for Last-Event-ID"},
				"event": {Type: "string", Enum: []any{name}},
				"data":  schema,
			}})
	}
	h.Responses["200"] = &huma.Response{Description: "Events until the client goes; a comment every 15 s", Content: map[string]*huma.MediaType{
		"text/event-stream": {Schema: &huma.Schema{Type: "array", Items: &huma.Schema{OneOf: schemas}}}}}
}

// pump writes what the source has until either side ends.
func pump(ctx context.Context, w http.ResponseWriter, src Source, caller access.Caller) error {
	out := http.NewResponseController(w)
	write := func(b []byte) error {
		// A writer that has no deadline is one of this process: it does not block.
		if err := out.SetWriteDeadline(time.Now().Add(writing)); err != nil && !errors.Is(err, http.ErrNotSupported) {
			return err
		}
		if _, err := w.Write(b); err != nil {
			return err
		}
		return out.Flush()
	}
	if err := write([]byte(": tandem\n\n")); err != nil {
		return err
	}
	for {
		wait, stop := context.WithTimeout(ctx, beat)
		list, err := src.Next(wait)
		stop()
		ended := errors.Is(err, io.EOF)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, context.DeadlineExceeded):
			list = nil
		case err != nil && !ended:
			return err
		}
		if caller.Valid != nil && !caller.Valid() {
			return nil // the token was revoked, or has expired
		}
		text := []byte(":\n\n")
		if len(list) > 0 {
			if text, err = appendEvents(text[:0], list); err != nil {
				return err
			}
		}
		if err := write(text); err != nil || ended {
			return err
		}
	}
}

// appendEvents writes events as HTML §9.2.5 has them.
func appendEvents(dst []byte, list []Event) ([]byte, error) {
	for _, e := range list {
		b, err := json.Marshal(e.Data)
		if err != nil {
			return dst, err
		}
		if e.ID != "" {
			dst = fmt.Appendf(dst, "id: %s\n", e.ID)
		}
		dst = fmt.Appendf(dst, "event: %s\ndata: %s\n\n", e.Type, b)
	}
	return dst, nil
}
