// Package outbox tells webhooks what happened, surely: an event for a hook is on
// disk before it is acknowledged, and is sent until the hook has taken it.
//
// Deliveries of one resource arrive in order; those of different resources do not
// wait for each other. A hook that does not answer is asked again after a pause
// that doubles up to ten minutes; what it has not taken within three days is given
// up, except that a hook which does not answer at all loses nothing but what its
// queue cannot hold. The queue of a hook is bounded. Whatever is left out is told to the hook by
// an event named events.missed, so that it can read the resources again.
//
// Requests are signed as Standard Webhooks have it (standardwebhooks.com):
// webhook-id, webhook-timestamp, webhook-signature.
package outbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"tandem/cmd/tandem/api/events"
)

// Hook is where events are sent.
type Hook struct {
	Name    string // unique
	URL     string // https, or http
	Types   []string
	Secret  []byte // it is signed with; empty when it cannot be read: then nothing is sent
	By      string // who made it
	Created time.Time
}

// Delivery is one event on its way to one hook.
type Delivery struct {
	ID       int64 // grows in the order of sending
	Hook     string
	Event    string // its ID
	Type     string
	Resource string
	Created  time.Time
	Size     int    // octets of Body
	Body     []byte // absent from what waits in memory
}

// Store keeps hooks and deliveries durably.
type Store interface {
	Hooks(ctx context.Context, each func(Hook)) error
	PutHook(ctx context.Context, h Hook) error
	DeleteHook(ctx context.Context, name string) error // and its deliveries
	// Add queues deliveries. done is called once when all are on disk, or none,
	// in the order of Add; not when Add returns an error.
	Add(list []Delivery, done func(error)) error
	// Pending yields all deliveries without their bodies, in order.
	Pending(ctx context.Context, each func(Delivery)) error
	Body(ctx context.Context, id int64) ([]byte, error)
	Delete(ctx context.Context, id int64) error
}

// Errors of hooks. What is returned wraps one of them and names the remedy.
var (
	ErrUnknown = errors.New("no such webhook")
	ErrTaken   = errors.New("webhook name is taken")
	ErrInvalid = errors.New("webhook not allowed")
	ErrTooMany = errors.New("too many webhooks")
)

// Bounds.
const (
	maxHooks   = 32
	maxPending = 10_000   // deliveries of a hook
	maxOctets  = 32 << 20 // of their bodies
	maxBody    = 256 << 10
	giveUp     = 72 * time.Hour
	workers    = 4 // of a hook: so many deliveries are under way at a time
)

// eventMissed is the type of the event that says others were left out.
const eventMissed = "events.missed"

// Config of an Outbox.
type Config struct {
	Store     Store
	Transport http.RoundTripper // how requests are sent; see NewTransport
	Log       *slog.Logger
}

// Outbox is the hooks and what waits for them.
type Outbox struct {
	store     Store
	transport http.RoundTripper
	log       *slog.Logger
	turn      chan struct{} // holds one element: whoever takes it may change hooks

	mu     sync.Mutex
	hooks  map[string]*queue
	last   int64        // ID of the newest delivery
	launch func(*queue) // starts the workers of a queue; nil while Run does not
}

// Open makes the Outbox of a store. Nothing is sent before Run.
func Open(ctx context.Context, cfg Config) (*Outbox, error) {
	o := &Outbox{store: cfg.Store, transport: cfg.Transport, log: cfg.Log, turn: make(chan struct{}, 1), hooks: map[string]*queue{}}
	o.turn <- struct{}{}
	if err := o.store.Hooks(ctx, func(h Hook) { o.hooks[h.Name] = newQueue(h) }); err != nil {
		return nil, fmt.Errorf("loading webhooks: %w", err)
	}
	err := o.store.Pending(ctx, func(d Delivery) {
		o.last = max(o.last, d.ID)
		if q := o.hooks[d.Hook]; q != nil {
			q.take(d.Size)
			q.push(d)
		}
	})
	if err != nil {
		return nil, fmt.Errorf("loading webhook deliveries: %w", err)
	}
	return o, nil
}

// Put keeps an event for all hooks that want it, and returns when it is on disk.
func (o *Outbox) Put(ctx context.Context, e events.Event) error {
	result := make(chan error, 1)
	if err := o.Send(e, func(err error) { result <- err }); err != nil {
		return err
	}
	select {
	case err := <-result:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Send is Put for callers that do not wait: done is called when the event is on
// disk. It must not block.
func (o *Outbox) Send(e events.Event, done func(error)) error {
	list := o.address(e)
	if len(list) == 0 {
		done(nil)
		return nil
	}
	return o.add(list, done)
}

// Awaits reports whether a hook wants events of a type.
func (o *Outbox) Awaits(kind string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, q := range o.hooks {
		if events.Matches(q.hook.Types, kind) {
			return true
		}
	}
	return false
}

// add stores deliveries and hands them to their queues when they are on disk.
func (o *Outbox) add(list []Delivery, done func(error)) error {
	err := o.store.Add(list, func(err error) {
		o.enqueue(list, err)
		done(err)
	})
	if err != nil {
		o.enqueue(list, err)
		return fmt.Errorf("storing webhook deliveries: %w", err)
	}
	return nil
}

// enqueue hands deliveries to their queues, or gives their places back.
func (o *Outbox) enqueue(list []Delivery, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, d := range list {
		q := o.hooks[d.Hook]
		switch {
		case q == nil: // removed meanwhile
		case err != nil:
			q.give(d.Size)
		default:
			d.Body = nil // read again when it is sent
			q.push(d)
		}
	}
}

// address makes the deliveries of an event. A hook whose queue is full gets one
// that says so, and no more until half of it is free.
func (o *Outbox) address(e events.Event) []Delivery {
	o.mu.Lock()
	defer o.mu.Unlock()
	var list []Delivery
	var body []byte
	for _, q := range o.hooks {
		if !events.Matches(q.hook.Types, e.Type) {
			continue
		}
		if body == nil {
			body = encode(e)
		}
		text, kind := body, e.Type
		if q.overflows(len(body)) {
			q.missed++
			if q.full {
				continue
			}
			q.full = true
			text, kind = encode(missed(e, "the queue of the webhook was full")), eventMissed
		}
		q.take(len(text))
		list = append(list, o.delivery(q, e, kind, text))
	}
	return list
}

func (o *Outbox) delivery(q *queue, e events.Event, kind string, body []byte) Delivery {
	o.last++
	return Delivery{ID: o.last, Hook: q.hook.Name, Event: e.ID, Type: kind, Resource: e.Resource, Created: time.Now(), Size: len(body), Body: body}
}

// missed is the event that stands for e and those after it.
func missed(e events.Event, why string) events.Event {
	data, _ := json.Marshal(map[string]string{"why": why, "remedy": "read the resources again"}) // cannot fail
	e.Type, e.Data, e.Later = eventMissed, data, nil
	return e
}

// encode is the body of a request.
func encode(e events.Event) []byte {
	e = e.Filled()
	b, err := json.Marshal(e)
	if err != nil || len(b) > maxBody {
		e.Data = json.RawMessage(`{"left_out":"too large to be sent"}`)
		b, _ = json.Marshal(e) // cannot fail
	}
	return b
}
