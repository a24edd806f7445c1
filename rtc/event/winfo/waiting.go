package winfo

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"tandem/rtc"
	"tandem/rtc/event"
	"tandem/rtc/internal/rows"
)

// waiting is the state of a subscription that ended before its owner decided about it
// (RFC 3857 §4.7.1): he learns of it when he looks again.
const waiting event.State = "waiting"

// Waiter is somebody whose subscription ended so.
type Waiter struct {
	Resource, Watcher rtc.AOR
	ID                string // of the subscription
	Proved            bool   // it was he who subscribed
	Since             time.Time
}

// Store keeps who waits durably, one Waiter for a resource and a watcher. Put and
// Delete are as in event.Store: they do not block, and call done from another
// goroutine.
type Store interface {
	Put(w Waiter, done func(error)) error
	Delete(resource, watcher rtc.AOR, done func(error)) error
	Load(ctx context.Context, each func(Waiter)) error
}

// Memory is a Store that forgets with the process.
type Memory struct {
	rows *rows.Rows[[2]rtc.AOR, Waiter]
}

// NewMemory makes an empty one.
func NewMemory() *Memory { return &Memory{rows.New[[2]rtc.AOR, Waiter]()} }

// Put implements Store.
func (m *Memory) Put(w Waiter, done func(error)) error {
	return m.rows.Put([2]rtc.AOR{w.Resource, w.Watcher}, w, done)
}

// Delete implements Store.
func (m *Memory) Delete(resource, watcher rtc.AOR, done func(error)) error {
	return m.rows.Delete([2]rtc.AOR{resource, watcher}, done)
}

// Load implements Store.
func (m *Memory) Load(_ context.Context, each func(Waiter)) error {
	m.rows.Each(func(_ [2]rtc.AOR, w Waiter) { each(w) })
	return nil
}

// waiters are those who wait. They are forgotten when they are too many: who asks is a
// stranger.
type waiters struct {
	store   Store
	decided func(resource, watcher rtc.AOR, proved bool) string
	mu      sync.Mutex
	m       map[rtc.AOR][]Waiter // guarded by mu; the latest last
}

// Bounds of those who wait.
const (
	maxWaiters   = 64   // of a resource
	maxResources = 1024 // others are forgotten
)

// patience is how long somebody waits.
const patience = 7 * 24 * time.Hour

// before marks the ID of one who waited before a restart: another subscription may have
// it now.
const before = ".before"

// load has those wait who did before a restart.
func (w *waiters) load(ctx context.Context) error {
	var list []Waiter
	if err := w.store.Load(ctx, func(x Waiter) { list = append(list, x) }); err != nil {
		return err
	}
	slices.SortFunc(list, func(a, b Waiter) int { return a.Since.Compare(b.Since) })
	for _, x := range list {
		if time.Since(x.Since) >= patience {
			w.lose(x)
			continue
		}
		x.ID = strings.TrimSuffix(x.ID, before) + before
		w.enter(x)
	}
	return nil
}

// add has somebody wait, in place of an earlier time. When the disk does not take it a
// restart forgets him.
func (w *waiters) add(x Waiter) {
	w.enter(x)
	_ = w.store.Put(x, func(error) {})
}

// enter has somebody wait. He is one of few (maxWaiters), of few resources
// (maxResources).
func (w *waiters) enter(x Waiter) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.m[x.Resource]) == 0 && len(w.m) >= maxResources {
		for resource, list := range w.m {
			w.lose(list...)
			delete(w.m, resource)
			break
		}
	}
	list := slices.DeleteFunc(w.m[x.Resource], func(o Waiter) bool { return o.Watcher == x.Watcher })
	if len(list) == maxWaiters {
		w.lose(list[0])
		list = slices.Delete(list, 0, 1)
	}
	w.m[x.Resource] = append(list, x)
}

// lose deletes some from the disk; the next start tries again what it does not take.
func (w *waiters) lose(list ...Waiter) {
	for _, x := range list {
		_ = w.store.Delete(x.Resource, x.Watcher, func(error) {})
	}
}

// of are those who wait for the decision of a resource.
func (w *waiters) of(resource rtc.AOR, now time.Time) (list []Waiter) {
	w.mu.Lock()
	all := slices.Clone(w.m[resource])
	w.mu.Unlock()
	for _, x := range all {
		if now.Sub(x.Since) < patience && w.decided(resource, x.Watcher, x.Proved) == "" {
			list = append(list, x)
		}
	}
	return list
}

// end forgets one who does not wait any more, and returns what ended that: who asks
// again waits by that, and this is given up.
func (w *waiters) end(resource rtc.AOR, id string) string {
	x, found := w.take(resource, id)
	if !found {
		return "giveup"
	}
	w.lose(x)
	if how := w.decided(resource, x.Watcher, x.Proved); how != "" {
		return how
	}
	return "giveup"
}

// take takes one out.
func (w *waiters) take(resource rtc.AOR, id string) (x Waiter, found bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	list := w.m[resource]
	i := slices.IndexFunc(list, func(x Waiter) bool { return x.ID == id })
	if i < 0 {
		return x, false
	}
	x = list[i]
	if w.m[resource] = slices.Delete(list, i, i+1); len(list) == 1 {
		delete(w.m, resource)
	}
	return x, true
}
