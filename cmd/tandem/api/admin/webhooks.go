package admin

import (
	"context"
	"net/http"
	"time"

	"tandem/cmd/tandem/api/access"
	"tandem/cmd/tandem/api/events"
	op "tandem/cmd/tandem/api/operation"
	"tandem/cmd/tandem/api/outbox"
)

// Webhook is a webhook as shown, and how it fares. Secret is set once, in the
// answer that made it.
type Webhook struct {
	Name      string    `json:"name" yaml:"name"`
	URL       string    `json:"url" yaml:"url"`
	Types     []string  `json:"types,omitempty" yaml:"types,omitempty" doc:"Types of events it gets; absent: all"`
	By        string    `json:"by" yaml:"by" doc:"Who made it"`
	Created   time.Time `json:"created" yaml:"created"`
	Secret    string    `json:"secret,omitempty" yaml:"secret,omitempty" doc:"Requests are signed with it. Only in the answer that made it"`
	Pending   int       `json:"pending" yaml:"pending" doc:"Events that wait to be taken"`
	Oldest    time.Time `json:"oldest,omitzero" yaml:"oldest,omitempty" doc:"When the oldest of them happened"`
	Delivered uint64    `json:"delivered" yaml:"delivered" doc:"Since the server started, as failed and missed"`
	Failed    uint64    `json:"failed" yaml:"failed" doc:"Given up, since they were refused for three days"`
	Missed    uint64    `json:"missed" yaml:"missed" doc:"Left out, since the queue was full"`
	Took      time.Time `json:"took,omitzero" yaml:"took,omitempty" doc:"When it last took an event"`
	Fault     string    `json:"fault,omitempty" yaml:"fault,omitempty" doc:"Why it takes nothing, or not all that waits; absent when it is well"`
	Paused    time.Time `json:"paused_until,omitzero" yaml:"paused_until,omitempty" doc:"It does not answer, and is asked again then"`
}

// NewWebhook is a webhook to be made.
type NewWebhook struct {
	Name   string   `json:"name" example:"crm"`
	URL    string   `json:"url" doc:"https; http only to networks in api.webhooks_to" example:"https://crm.example.com/tandem"`
	Types  []string `json:"types,omitempty" doc:"user.changed, user.*; absent: all"`
	Secret string   `json:"secret,omitempty" doc:"whsec_ and base64 of 24 to 64 octets; absent: one is generated and answered this once"`
}

// Tested is how a webhook answered a test.
type Tested struct {
	Delivered bool   `json:"delivered" yaml:"delivered"`
	Took      string `json:"took" yaml:"took" doc:"Time to the answer"`
	Fault     string `json:"fault,omitempty" yaml:"fault,omitempty" doc:"Why it was not delivered"`
}

// Webhooks are a matter for administrators alone: they hear of everything.
func (n *nouns) registerWebhooks() {
	op.Read(n.set, op.Op{Path: "/webhooks", ID: "list-webhooks", Short: "List webhooks and how they fare", Scope: access.Admin}, n.listWebhooks)
	op.Read(n.set, op.Op{Path: "/webhooks/{name}", ID: "show-webhook", Short: "Show one webhook and how it fares", Scope: access.Admin}, n.showWebhook)
	op.Change(n.set, op.Op{Method: http.MethodPost, Path: "/webhooks", ID: "add-webhook", Short: "Send events to a URL", Scope: access.Admin,
		Status: http.StatusCreated, Event: "webhook.added"}, n.addWebhook)
	op.Change(n.set, op.Op{Method: http.MethodDelete, Path: "/webhooks/{name}", ID: "remove-webhook",
		Short: "Send no more events to a webhook; what waits for it is dropped", Scope: access.Admin, Event: "webhook.removed"}, n.removeWebhook)
	op.Change(n.set, op.Op{Method: http.MethodPost, Path: "/webhooks/{name}/test", ID: "test-webhook",
		Short: "Send one event to a webhook now, past its queue", Scope: access.Admin, Needs: n.running}, n.testWebhook)
}

func webhook(s outbox.State) Webhook {
	w := Webhook{Name: s.Name, URL: s.URL, Types: s.Types, By: s.By, Created: s.Created, Pending: s.Pending, Oldest: s.Oldest,
		Delivered: s.Delivered, Failed: s.Failed, Missed: s.Missed, Took: s.Took, Fault: s.Fault}
	if s.Paused.After(time.Now()) {
		w.Paused = s.Paused
	}
	return w
}

func (n *nouns) listWebhooks(_ context.Context, in *struct{ op.Paging }) (op.Page[Webhook], error) {
	list := []Webhook{}
	for _, s := range n.Outbox.List() {
		list = append(list, webhook(s))
	}
	return op.InOrder(in.Paging, list)
}

func (n *nouns) showWebhook(_ context.Context, in *Named) (Webhook, error) {
	s, err := n.Outbox.Get(in.Name)
	return webhook(s), err
}

func (n *nouns) addWebhook(ctx context.Context, do *op.Doing, in *struct{ Body NewWebhook }) (Webhook, error) {
	h := outbox.Hook{Name: in.Body.Name, URL: in.Body.URL, Types: in.Body.Types, By: do.Who}
	if in.Body.Secret != "" {
		var err error
		if h.Secret, err = outbox.ParseSecret(in.Body.Secret); err != nil {
			return Webhook{}, err
		}
	}
	if err := do.Begin(ctx, op.Resource("webhooks", h.Name), nil); err != nil {
		return Webhook{}, err
	}
	h, err := n.Outbox.Add(ctx, h)
	if err != nil {
		return Webhook{}, err
	}
	out := webhook(outbox.State{Hook: h})
	do.After = out
	out.Secret = outbox.SecretText(h.Secret)
	return out, nil
}

// beginWebhook begins the change of a webhook that is there.
func (n *nouns) beginWebhook(ctx context.Context, do *op.Doing, in *Named) error {
	return do.Begin(ctx, op.Resource("webhooks", in.Name), func() (any, error) { return n.showWebhook(ctx, in) })
}

func (n *nouns) removeWebhook(ctx context.Context, do *op.Doing, in *Named) (Webhook, error) {
	if err := n.beginWebhook(ctx, do, in); err != nil {
		return Webhook{}, err
	}
	return do.Before.(Webhook), n.Outbox.Remove(ctx, in.Name)
}

func (n *nouns) testWebhook(ctx context.Context, do *op.Doing, in *Named) (Tested, error) {
	if err := n.beginWebhook(ctx, do, in); err != nil {
		return Tested{}, err
	}
	e := n.Events.Stamp(events.Event{Type: "webhook.tested", Resource: do.Resource})
	took, err := n.Outbox.Test(ctx, in.Name, e)
	out := Tested{Delivered: err == nil, Took: took.Round(time.Millisecond).String()}
	if err != nil {
		out.Fault = err.Error()
	}
	do.After = out
	return out, nil
}
