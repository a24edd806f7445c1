package resolve

import (
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"tandem/rtc/transport"
)

// Back-off of a failed place.
const (
	firstWait   = 2 * time.Second
	longestWait = 64 * time.Second
	maxRetry    = 10 * time.Minute // longest Retry-After believed
	maxFailures = 4096             // places remembered
)

type place struct {
	proto transport.Proto
	addr  netip.AddrPort
}

type failure struct {
	until  time.Time
	wait   time.Duration
	silent bool             // it has to answer a probe first
	asked  bool             // a probe is under way
	wanted time.Time        // it was last among others to choose from
	target transport.Target // to probe
}

// failed reports whether the place stands behind others.
func (x failure) failed(now time.Time) bool { return x.silent || now.Before(x.until) }

// failures remembers the places that failed. Nearly always there is none, and
// then it costs one atomic load.
type failures struct {
	now   func() time.Time
	count atomic.Int32
	mu    sync.Mutex
	m     map[place]failure
}

func newFailures(now func() time.Time) *failures {
	return &failures{now: now, m: make(map[place]failure)}
}

func placeOf(t transport.Target) place { return place{t.Proto, t.Addr} }

// add notes a failure. Further failures during a back-off (of requests sent
// before it) do not prolong it; fresh is false then.
func (f *failures) add(t transport.Target, retryAfter time.Duration, silent bool) (wait time.Duration, fresh bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now, key := f.now(), placeOf(t)
	old, known := f.m[key]
	asked := now.Add(min(retryAfter, maxRetry))
	if known && old.failed(now) {
		if asked.After(old.until) {
			old.until = asked
			f.m[key] = old
		}
		return max(old.until.Sub(now), 0), false
	}
	wait = firstWait
	if known && now.Sub(old.until) < longestWait { // it had its chance and failed again
		wait = min(2*old.wait, longestWait)
	}
	if !known && len(f.m) >= maxFailures {
		f.evict()
	}
	until := now.Add(wait)
	if asked.After(until) {
		until = asked
	}
	f.m[key] = failure{until: until, wait: wait, silent: silent, wanted: now, target: t}
	f.count.Store(int32(len(f.m)))
	return until.Sub(now), true
}

// evict drops, of a few taken at random, the one whose back-off ends first.
func (f *failures) evict() {
	var victim place
	var until time.Time
	n := 0
	for k, v := range f.m {
		if n == 0 || v.until.Before(until) {
			victim, until = k, v.until
		}
		if n++; n == 8 {
			break
		}
	}
	delete(f.m, victim)
}

func (f *failures) remove(t transport.Target) {
	if f.count.Load() == 0 {
		return
	}
	f.mu.Lock()
	delete(f.m, placeOf(t))
	f.count.Store(int32(len(f.m)))
	f.mu.Unlock()
}

// order puts failed places behind the others, the one that may be tried
// soonest first. None is removed.
func (f *failures) order(list []Candidate) []Candidate {
	if f.count.Load() == 0 || len(list) < 2 {
		return list
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.now()
	until := func(c Candidate) time.Time {
		if x, ok := f.m[placeOf(c.Target)]; ok && x.failed(now) {
			return x.until
		}
		return time.Time{}
	}
	for _, c := range list {
		if x, ok := f.m[placeOf(c.Target)]; ok && x.silent {
			x.wanted = now
			f.m[placeOf(c.Target)] = x
		}
	}
	slices.SortStableFunc(list, func(a, b Candidate) int { return until(a).Compare(until(b)) })
	return list
}
