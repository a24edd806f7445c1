package guard

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// Store keeps limits durably. Methods return when the change is on disk.
type Store interface {
	Limits(ctx context.Context, each func(Limit)) error
	PutLimit(ctx context.Context, l Limit) error // inserts or replaces, by Key
	DeleteLimit(ctx context.Context, k Key) error
}

// Guard admits calls. It is safe for concurrent use.
type Guard struct {
	store Store
	kinds []string
	turn  chan struct{} // holds one element: whoever takes it may change

	mu     sync.Mutex
	limits map[Key]*Limit
	used   map[counter]*usage
	swept  string // the day on which used was last rid of what no longer counts
}

// counter is what is counted: a limit, and for the default whose.
type counter struct {
	Key
	user string
}

// usage is what was called under a limit.
type usage struct {
	next    time.Time // when the next call may begin if all came evenly
	calls   int       // at a time
	day     string    // of spent
	spent   time.Duration
	running map[*Toll]bool // answered calls under way
}

// New makes a Guard without limits. Load fills it. kinds are those that numbers
// are of.
func New(store Store, kinds []string) *Guard {
	g := &Guard{store: store, kinds: kinds, turn: make(chan struct{}, 1), limits: make(map[Key]*Limit), used: make(map[counter]*usage)}
	g.turn <- struct{}{}
	return g
}

// Load reads the limits from the Store. Those it cannot use are left out, and
// told.
func (g *Guard) Load(ctx context.Context, bad func(Limit, error)) error {
	limits := make(map[Key]*Limit)
	err := g.store.Limits(ctx, func(l Limit) {
		if err := l.normalise(g.kinds); err != nil {
			bad(l, err)
			return
		}
		limits[l.Key] = &l
	})
	if err != nil {
		return fmt.Errorf("loading limits: %w", err)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.limits = limits
	return nil
}

// Limits are all there are, in the order of their keys.
func (g *Guard) Limits() []Limit {
	g.mu.Lock()
	defer g.mu.Unlock()
	list := make([]Limit, 0, len(g.limits))
	for _, k := range slices.SortedFunc(maps.Keys(g.limits), compareKeys) {
		list = append(list, *g.limits[k])
	}
	return list
}

func compareKeys(a, b Key) int {
	if n := slices.Index(levels, a.Level) - slices.Index(levels, b.Level); n != 0 {
		return n
	}
	if n := strings.Compare(a.Name, b.Name); n != 0 {
		return n
	}
	return strings.Compare(a.Kind, b.Kind)
}

// Limit is the one of a key.
func (g *Guard) Limit(k Key) (Limit, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if l := g.limits[k]; l != nil {
		return *l, true
	}
	return Limit{}, false
}

// Set makes or replaces a limit. What was called before counts, also when there was
// none.
func (g *Guard) Set(ctx context.Context, l Limit) error {
	if err := l.normalise(g.kinds); err != nil {
		return err
	}
	return g.change(ctx, func(ctx context.Context) error {
		g.mu.Lock()
		full := g.limits[l.Key] == nil && len(g.limits) >= MaxLimits
		g.mu.Unlock()
		if full {
			return fmt.Errorf("%w limits: there may be %d", ErrTooMany, MaxLimits)
		}
		return g.store.PutLimit(ctx, l)
	}, func() { g.limits[l.Key] = &l })
}

// Unset removes a limit.
func (g *Guard) Unset(ctx context.Context, k Key) error {
	if _, ok := g.Limit(k); !ok {
		return fmt.Errorf("limit of %s for %s: %w: see: tandem limits list", k.Scope(), k.what(), ErrUnknown)
	}
	return g.change(ctx, func(ctx context.Context) error { return g.store.DeleteLimit(ctx, k) }, func() { delete(g.limits, k) })
}

// change makes a change in the store, then in memory. It goes through even when
// the caller does not wait for it.
func (g *Guard) change(ctx context.Context, store func(context.Context) error, apply func()) error {
	select {
	case <-g.turn:
		defer func() { g.turn <- struct{}{} }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := store(context.WithoutCancel(ctx)); err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	apply()
	return nil
}

// Payer is whose calls count.
type Payer struct {
	User   string // an address of record
	Groups []string
	Site   string
}

// keys are those of the limits that may count for a call, by a trunk.
func (p *Payer) keys(kind, trunk string) (list []Key) {
	add := func(l Level, name string) {
		if name != "" || l == Default {
			list = append(list, Key{l, name, ""}, Key{l, name, kind})
		}
	}
	add(User, p.User)
	for _, group := range p.Groups {
		add(Group, group)
	}
	add(Site, p.Site)
	add(Trunk, trunk)
	add(Default, "")
	return list
}

// maxIdle bounds how many counters of other days are kept. Those of today are as many as
// there are users, groups, sites and trunks that call, times the kinds of numbers.
const maxIdle = 50_000

// usage of a limit by a payer; g.mu is held.
func (g *Guard) usage(k Key, user string, now time.Time) *usage {
	c := counter{Key: k}
	if k.Level == Default {
		c.user = user
	}
	u := g.used[c]
	if u == nil {
		if today := day(now); len(g.used) >= maxIdle && g.swept != today { // once a day: it looks at all
			g.swept = today
			maps.DeleteFunc(g.used, func(_ counter, u *usage) bool { return u.calls == 0 && u.day != today && !u.next.After(now) })
		}
		u = new(usage)
		g.used[c] = u
	}
	return u
}

func day(t time.Time) string { return t.Format(time.DateOnly) }

// minutes spent on a day, calls under way included.
func (u *usage) minutes(now time.Time) float64 {
	var d time.Duration
	if u.day == day(now) {
		d = u.spent
	}
	for t := range u.running {
		d += now.Sub(t.answered)
	}
	return d.Minutes()
}

// fits reports why a call may not begin, "" when it may.
func (l *Limit) fits(u *usage, now time.Time, first bool) string {
	switch {
	case l.closed.Has(now):
		return fmt.Sprintf("%s of %s are refused at this hour", l.what(), l.Scope())
	case l.Calls > 0 && u.calls >= l.Calls:
		return fmt.Sprintf("%s of %s: %d at a time", l.what(), l.Scope(), l.Calls)
	case l.MinutesDay > 0 && u.minutes(now) >= float64(l.MinutesDay):
		return fmt.Sprintf("%s of %s: %d minutes a day", l.what(), l.Scope(), l.MinutesDay)
	case first && l.PerMinute > 0 && u.next.Sub(now) > time.Minute-l.step():
		return fmt.Sprintf("%s of %s: %d may begin in a minute", l.what(), l.Scope(), l.PerMinute)
	}
	return ""
}

func (l *Limit) step() time.Duration { return time.Minute / time.Duration(l.PerMinute) }
