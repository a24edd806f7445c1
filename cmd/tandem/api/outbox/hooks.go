package outbox

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"
)

// State is a hook and how it fares.
type State struct {
	Hook
	Pending   int       // deliveries that wait
	Oldest    time.Time // of them
	Paused    time.Time // nothing is tried until then; in the past: it is
	Delivered uint64    // since the server started, as the next two
	Failed    uint64    // given up
	Missed    uint64    // left out because the queue was full
	Took      time.Time // when it last took one
	Fault     string    // why it takes nothing, or not all that waits; "" when it is well
}

// Add makes a hook. A secret is generated when h has none.
func (o *Outbox) Add(ctx context.Context, h Hook) (Hook, error) {
	if err := checkHook(&h); err != nil {
		return h, err
	}
	if len(h.Secret) == 0 {
		h.Secret = make([]byte, 32)
		rand.Read(h.Secret) // never fails: it ends the process instead
	}
	done, err := o.begin(ctx)
	if err != nil {
		return h, err
	}
	defer done()
	if err := o.free(h.Name); err != nil {
		return h, err
	}
	h.Created = time.Now().Truncate(time.Millisecond)
	if err := o.store.PutHook(context.WithoutCancel(ctx), h); err != nil {
		return h, fmt.Errorf("storing a webhook: %w", err)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	q := newQueue(h)
	o.hooks[h.Name] = q
	if o.launch != nil {
		o.launch(q)
	}
	return h, nil
}

func (o *Outbox) free(name string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.hooks[name] != nil {
		return fmt.Errorf("webhook %q: %w: remove it first, or choose another name", name, ErrTaken)
	}
	if len(o.hooks) >= maxHooks {
		return fmt.Errorf("webhook %q: %w: there are %d, remove one first", name, ErrTooMany, maxHooks)
	}
	return nil
}

// Remove forgets a hook and what waits for it.
func (o *Outbox) Remove(ctx context.Context, name string) error {
	done, err := o.begin(ctx)
	if err != nil {
		return err
	}
	defer done()
	if _, err := o.Get(name); err != nil {
		return err
	}
	if err := o.store.DeleteHook(context.WithoutCancel(ctx), name); err != nil {
		return fmt.Errorf("removing a webhook: %w", err)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if q := o.hooks[name]; q.stop != nil {
		q.stop()
	}
	delete(o.hooks, name)
	return nil
}

// begin waits for the turn to change hooks.
func (o *Outbox) begin(ctx context.Context) (done func(), err error) {
	select {
	case <-o.turn:
		return func() { o.turn <- struct{}{} }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// List returns all hooks by name.
func (o *Outbox) List() []State {
	o.mu.Lock()
	defer o.mu.Unlock()
	var list []State
	for _, q := range slices.SortedFunc(maps.Values(o.hooks), func(a, b *queue) int { return cmp.Compare(a.hook.Name, b.hook.Name) }) {
		list = append(list, q.state())
	}
	return list
}

// Get finds a hook by name.
func (o *Outbox) Get(name string) (State, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	q := o.hooks[name]
	if q == nil {
		return State{}, fmt.Errorf("webhook %q: %w: see: tandem webhooks list", name, ErrUnknown)
	}
	return q.state(), nil
}

func (q *queue) state() State {
	return State{Hook: q.hook, Pending: q.count, Oldest: q.oldest(), Paused: q.paused, Delivered: q.delivered, Failed: q.failed,
		Missed: q.missed, Took: q.took, Fault: q.trouble()}
}

func checkHook(h *Hook) error {
	if err := checkName(h.Name); err != nil {
		return err
	}
	u, err := url.Parse(h.URL)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return fmt.Errorf("URL %q: %w: write it as https://host/path", h.URL, ErrInvalid)
	}
	if u.User != nil || u.Fragment != "" {
		return fmt.Errorf("URL of %q: %w: leave out user, password and fragment; requests are signed instead", h.Name, ErrInvalid)
	}
	if n := len(h.Secret); n != 0 && (n < 24 || n > 64) {
		return fmt.Errorf("secret of %q: %w: it has 24 to 64 octets; leave it out to have one generated", h.Name, ErrInvalid)
	}
	if len(h.Types) > 64 || len(h.URL) > 2048 {
		return fmt.Errorf("webhook %q: %w: at most 64 types and an URL of 2048 octets", h.Name, ErrInvalid)
	}
	for _, t := range h.Types {
		if t == "" || len(t) > 64 || strings.ContainsAny(t, " ,\n") {
			return fmt.Errorf("type %q: %w: write it as user.changed, user.* or *", t, ErrInvalid)
		}
	}
	return nil
}

// checkName: names are part of paths and command lines.
func checkName(name string) error {
	ok := name != "" && len(name) <= 64
	for _, c := range name {
		ok = ok && ('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.ContainsRune("-_.", c))
	}
	if !ok {
		return fmt.Errorf("webhook name %q: %w: 1 to 64 letters, digits, points, - and _", name, ErrInvalid)
	}
	return nil
}

// secretPrefix marks a secret as one of Standard Webhooks.
const secretPrefix = "whsec_"

// SecretText is a secret as it is shown and given.
func SecretText(secret []byte) string {
	return secretPrefix + base64.StdEncoding.EncodeToString(secret)
}

// ParseSecret reads what SecretText wrote.
func ParseSecret(text string) ([]byte, error) {
	b, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(text, secretPrefix))
	if err != nil || text == "" {
		return nil, fmt.Errorf("secret: %w: write it as whsec_ and base64 of 24 to 64 octets", ErrInvalid)
	}
	return b, nil
}
