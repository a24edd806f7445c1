package api

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"strconv"
	"time"

	"tandem/cmd/tandem/api/access"
	op "tandem/cmd/tandem/api/operation"
	"tandem/cmd/tandem/api/problem"
	"tandem/rtc/trace"
)

// Message is one traced message.
type Message struct {
	Seq    uint64    `json:"seq" yaml:"seq" doc:"Number of the message since the server started"`
	Time   time.Time `json:"time" yaml:"time"`
	Out    bool      `json:"out" yaml:"out" doc:"Sent by the server"`
	Unsent string    `json:"unsent,omitempty" yaml:"unsent,omitempty" doc:"Why the message did not leave, when it did not"`
	Flow   string    `json:"flow" yaml:"flow"`
	Local  string    `json:"local" yaml:"local"`
	Remote string    `json:"remote" yaml:"remote"`
	Text   string    `json:"text" yaml:"text" doc:"The message as it was on the wire"`
}

// Tracing chooses messages.
type Tracing struct {
	CallID string    `query:"call_id" doc:"Only this Call-ID, and those of the other legs of its call"`
	User   string    `query:"user" doc:"Only messages from, to or for this user"`
	Addr   string    `query:"addr" doc:"Only messages from or to this address, host or host:port"`
	Since  time.Time `query:"since" doc:"Only messages from this time on"`
}

// filter is what of the trace is meant. By a Call-ID the other legs of its call are
// meant as well.
func (a *API) filter(ctx context.Context, t Tracing) trace.Filter {
	var legs []string
	if t.CallID != "" && a.Exchange != nil {
		legs = a.legsOf(ctx, t.CallID)
	}
	return trace.Filter{CallID: t.CallID, Legs: legs, User: t.User, Addr: t.Addr, Since: t.Since}
}

func (a *API) registerTrace() {
	op.Read(a.set, op.Op{Path: "/trace", ID: "list-trace", Short: "List the SIP messages kept, oldest first",
		Scope: access.Read("trace"), Needs: a.running}, a.listTrace)
	op.Stream(a.set, op.Op{Path: "/trace/live", ID: "follow-trace", Short: "Follow SIP messages as they come and go",
		Long: "Begins with the newest. With after or Last-Event-ID 0 it begins with all that are kept.", Scope: access.Read("trace"), Needs: a.running},
		map[string]any{"message": Message{}}, a.followTrace)
}

func message(e trace.Entry) Message {
	return Message{Seq: e.Seq, Time: e.Time, Out: e.Out, Unsent: e.Unsent, Flow: e.Flow, Local: e.Local, Remote: e.Remote, Text: string(e.Bytes)}
}

func (a *API) listTrace(ctx context.Context, in *struct {
	op.Paging
	Tracing
}) (op.Page[Message], error) {
	filter := a.filter(ctx, in.Tracing)
	return op.Paginate(in.Paging, func(m Message) string { return strconv.FormatUint(m.Seq, 10) }, func(after string) iter.Seq[Message] {
		seq, err := strconv.ParseUint(after, 10, 64)
		if err != nil {
			seq = 0
		}
		return func(yield func(Message) bool) {
			for _, e := range a.Trace.Entries(seq, filter) {
				if !yield(message(e)) {
					return
				}
			}
		}
	})
}

func (a *API) followTrace(ctx context.Context, in *struct {
	op.Resume
	Tracing
	After string `query:"after" doc:"As Last-Event-ID, for clients that cannot set it first"`
}) (op.Source, error) {
	f := &follower{ring: a.Trace, filter: a.filter(ctx, in.Tracing), after: a.Trace.Last()}
	if from := cmp.Or(in.LastEventID, in.After); from != "" {
		seq, err := strconv.ParseUint(from, 10, 64)
		if err != nil {
			return nil, problem.Invalid("event_id_invalid", from+" is not a number of a message", "use the id of an event of this stream")
		}
		f.after = seq
	}
	if f.after > a.Trace.Last() {
		f.after = 0 // of a server before this one
	}
	return f, nil
}

// follower is the trace as a stream of events.
type follower struct {
	ring   *trace.Ring
	filter trace.Filter
	after  uint64
}

// Next implements operation.Source. The ring tells nobody of what comes into it,
// since each message would cost more: it is looked at five times a second.
func (f *follower) Next(ctx context.Context) ([]op.Event, error) {
	for {
		last := f.ring.Last()
		var list []op.Event
		if gone := f.ring.Gone(); f.after > 0 && gone > f.after {
			list = append(list, op.Event{Type: op.Missed, Data: op.Lost{
				Why:    fmt.Sprintf("up to %d messages came and went", gone-f.after),
				Remedy: "choose fewer, or keep more: trace.bytes"}})
		}
		for _, e := range f.ring.Entries(f.after, f.filter) {
			list = append(list, op.Event{ID: strconv.FormatUint(e.Seq, 10), Type: "message", Data: message(e)})
			last = max(last, e.Seq)
		}
		f.after = last
		if len(list) > 0 {
			return list, nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}
