package presence

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"time"

	"tandem/cmd/tandem/api/access"
	op "tandem/cmd/tandem/api/operation"
	"tandem/cmd/tandem/api/problem"
	"tandem/rtc/event"
)

// Subscription is one subscription as shown.
type Subscription struct {
	ID       string    `json:"id" yaml:"id"`
	Event    string    `json:"event" yaml:"event" doc:"The event package" example:"presence"`
	Resource string    `json:"resource" yaml:"resource" doc:"What was subscribed to"`
	Watcher  string    `json:"watcher" yaml:"watcher" doc:"Who subscribed"`
	State    string    `json:"state" yaml:"state" enum:"active,pending,terminated"`
	Reason   string    `json:"reason,omitempty" yaml:"reason,omitempty" doc:"Why it is terminated"`
	List     bool      `json:"list,omitempty" yaml:"list,omitempty" doc:"It is about a list"`
	InList   bool      `json:"in_list,omitempty" yaml:"in_list,omitempty" doc:"It is part of the watcher's subscription to a list"`
	Contact  string    `json:"contact" yaml:"contact" doc:"Where it is told"`
	Expires  time.Time `json:"expires" yaml:"expires"`
	CallID   string    `json:"call_id" yaml:"call_id"`
}

func shown(s *event.Subscription) Subscription {
	return Subscription{s.ID, s.Package, string(s.Resource), string(s.Watcher), string(s.State), s.Reason, s.List, s.InList, s.Contact, s.Expires, s.CallID}
}

func (n *nouns) registerSubscriptions(set *op.Set) {
	read, write := access.Read("subscriptions"), access.Write("subscriptions")
	op.Read(set, op.Op{Path: "/subscriptions", ID: "list-subscriptions", Short: "List subscriptions", Scope: read, Needs: n.Running}, n.list)
	op.Read(set, op.Op{Path: "/subscriptions/{id}", ID: "show-subscription", Short: "Show one subscription", Scope: read, Needs: n.Running}, n.one)
	op.Change(set, op.Op{Method: http.MethodDelete, Path: "/subscriptions/{id}", ID: "end-subscription", Short: "End a subscription",
		Long: "The subscriber is told the reason: after deactivated it subscribes anew at once, after noresource it does not.", Scope: write, Event: "subscription.ended_by_hand", Needs: n.Running}, n.end)
}

// mostListed is how many subscriptions are looked at for one list.
const mostListed = 100_000

func (n *nouns) list(_ context.Context, in *struct {
	op.Paging
	Event    string `query:"event" doc:"Only those of this event package"`
	Resource string `query:"resource" doc:"Only those to this user"`
	Watcher  string `query:"watcher" doc:"Only those of this user"`
}) (op.Page[Subscription], error) {
	for _, s := range []*string{&in.Resource, &in.Watcher} {
		if *s != "" {
			aor, err := n.Directory.ParseAOR(*s)
			if err != nil {
				return op.Page[Subscription]{}, err
			}
			*s = string(aor)
		}
	}
	var list []Subscription
	for _, s := range n.Notifier.List(mostListed, func(s *event.Subscription) bool {
		return (in.Event == "" || in.Event == s.Package) && (in.Resource == "" || in.Resource == string(s.Resource)) && (in.Watcher == "" || in.Watcher == string(s.Watcher))
	}) {
		list = append(list, shown(&s))
	}
	slices.SortFunc(list, func(a, b Subscription) int {
		return cmp.Or(cmp.Compare(a.Resource, b.Resource), cmp.Compare(a.ID, b.ID))
	})
	return op.InOrder(in.Paging, list)
}

// ID names a subscription in a path.
type ID struct {
	ID string `path:"id"`
}

func (n *nouns) find(id string) (Subscription, error) {
	list := n.Notifier.List(1, func(s *event.Subscription) bool { return s.ID == id })
	if len(list) == 0 {
		return Subscription{}, problem.Unknown("subscription_unknown", "there is no subscription "+id, "see: tandem subscriptions list")
	}
	return shown(&list[0]), nil
}

func (n *nouns) one(_ context.Context, in *ID) (Subscription, error) { return n.find(in.ID) }

func (n *nouns) end(ctx context.Context, do *op.Doing, in *struct {
	ID
	Reason string `query:"reason" enum:"deactivated,probation,rejected,timeout,giveup,noresource" default:"deactivated" doc:"What the subscriber is told (RFC 6665 §4.1.3)"`
}) (Subscription, error) {
	s, err := n.find(in.ID.ID)
	if err != nil {
		return Subscription{}, err
	}
	if err := do.Begin(ctx, op.Resource("subscriptions", s.ID), func() (any, error) { return s, nil }); err != nil {
		return Subscription{}, err
	}
	if err := n.Notifier.End(s.ID, in.Reason); err != nil {
		return Subscription{}, problem.Unknown("subscription_unknown", "the subscription "+s.ID+" has ended", "see: tandem subscriptions list")
	}
	s.State, s.Reason = string(event.Terminated), in.Reason
	do.After = s
	return s, nil
}

// toRead is what tell needs so often that it is made once.
var toRead = access.Read("subscriptions")

// tell publishes what becomes of subscriptions.
func (n *nouns) tell(c event.Change) {
	if c.InList {
		return // a list of a thousand is one event
	}
	kind := "subscription.changed"
	switch {
	case c.State == event.Terminated:
		kind = "subscription.ended"
	case c.Event == "subscribe":
		kind = "subscription.begun"
	}
	n.Tell(kind, "subscriptions/"+c.ID, toRead, func() any { return shown(&c.Subscription) })
}
