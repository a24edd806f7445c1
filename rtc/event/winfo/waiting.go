package winfo

import (
	"slices"
	"sync"
	"time"

	"tandem/rtc"
	"tandem/rtc/event"
)

// waiting is the state of a subscription that ended before its owner decided about it
// (RFC 3857 §4.7.1): he learns of it when he looks again.
const waiting event.State = "waiting"

// waiters are those. They are forgotten with the process, and when they are too many.
type waiters struct {
	decided func(resource, watcher rtc.AOR, proved bool) string
	mu      sync.Mutex
	m       map[rtc.AOR][]waiter // guarded by mu; the latest last
}

type waiter struct {
	id     string
	aor    rtc.AOR
	proved bool
	since  time.Time
}

// patience is how long somebody waits.
const patience = 7 * 24 * time.Hour

// add has somebody wait, in place of an earlier time. He is one of few (maxEndings), of
// few resources (maxResources).
func (w *waiters) add(resource rtc.AOR, x waiter) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.m[resource]) == 0 && len(w.m) >= maxResources {
		clear(w.m)
	}
	list := slices.DeleteFunc(w.m[resource], func(o waiter) bool { return o.aor == x.aor })
	if len(list) == maxEndings {
		list = slices.Delete(list, 0, 1)
	}
	w.m[resource] = append(list, x)
}

// of are those who wait for the decision of a resource.
func (w *waiters) of(resource rtc.AOR, now time.Time) (list []waiter) {
	w.mu.Lock()
	all := slices.Clone(w.m[resource])
	w.mu.Unlock()
	for _, x := range all {
		if now.Sub(x.since) < patience && w.decided(resource, x.aor, x.proved) == "" {
			list = append(list, x)
		}
	}
	return list
}

// end forgets one who does not wait any more, and returns what ended that: who asks
// again waits by that, and this is given up.
func (w *waiters) end(resource rtc.AOR, id string) string {
	w.mu.Lock()
	list := w.m[resource]
	i := slices.IndexFunc(list, func(x waiter) bool { return x.id == id })
	if i < 0 {
		w.mu.Unlock()
		return "giveup"
	}
	x := list[i]
	if w.m[resource] = slices.Delete(list, i, i+1); len(list) == 1 {
		delete(w.m, resource)
	}
	w.mu.Unlock()
	if how := w.decided(resource, x.aor, x.proved); how != "" {
		return how
	}
	return "giveup"
}
