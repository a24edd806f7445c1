package guard

import (
	"context"
	"fmt"
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
	limits map[Key]*Limit // by folded key
	used   map[counter]*usage
	swept  time.Time // the day on which used was last rid of what no longer counts
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
		if have := limits[l.folded()]; have != nil {
			bad(l, invalid("%s is %s in another spelling, which has a limit: unset one of them", l.Scope(), have.Scope()))
			return
		}
		limits[l.folded()] = &l
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
	for _, l := range g.limits {
		list = append(list, *l)
	}
	slices.SortFunc(list, func(a, b Limit) int { return compareKeys(a.Key, b.Key) })
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

// Bounds reports whether there is a limit of a kind.
func (g *Guard) Bounds(kind string) bool {
	if g == nil {
		return false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for k := range g.limits {
		if k.Kind == kind {
			return true
		}
	}
	return false
}

// Limit is the one of a key.
func (g *Guard) Limit(k Key) (Limit, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if l := g.limits[k.folded()]; l != nil {
		return *l, true
	}
	return Limit{}, false
}

// Set makes or replaces a limit. What was called before counts, also when there was
// none; calls that have used up its minutes already are ended. A group or site stays spelled as
// in the limit that was first.
func (g *Guard) Set(ctx context.Context, l Limit) error {
	if err := l.normalise(g.kinds); err != nil {
		return err
	}
	return g.change(ctx, func(ctx context.Context) error {
		g.mu.Lock()
		have := g.limits[l.folded()]
		full := have == nil && len(g.limits) >= MaxLimits
		g.mu.Unlock()
		if have != nil {
			l.Key = have.Key
		}
		if full {
			return fmt.Errorf("%w limits: there may be %d", ErrTooMany, MaxLimits)
		}
		return g.store.PutLimit(ctx, l)
	}, func() {
		g.limits[l.folded()] = &l
		now := time.Now()
		for c, u := range g.used {
			if c.Key == l.folded() {
				g.watch(u, now)
			}
		}
	})
}

// Unset removes a limit.
func (g *Guard) Unset(ctx context.Context, k Key) error {
	l, ok := g.Limit(k)
	if !ok {
		return fmt.Errorf("limit of %s for %s: %w: see: tandem limits list", k.Scope(), k.what(), ErrUnknown)
	}
	return g.change(ctx, func(ctx context.Context) error { return g.store.DeleteLimit(ctx, l.Key) }, func() { delete(g.limits, k.folded()) })
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

// Inside is the kind of calls that do not leave the house. Limits without a kind are
// about calls outside.
const Inside = "internal"

// keys are those of the limits that may count for a call, by a trunk.
func (p *Payer) keys(kind, trunk string) (list []Key) {
	add := func(l Level, name string) {
		k := Key{l, name, ""}.folded()
		if (k.Name != "" || l == Default) && !slices.Contains(list, Key{l, k.Name, kind}) {
			if kind != Inside {
				list = append(list, k)
			}
			list = append(list, Key{l, k.Name, kind})
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
