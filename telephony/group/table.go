package group

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"

	"tandem/rtc"
)

// Store keeps groups durably. Methods return when the change is on disk.
type Store interface {
	Groups(ctx context.Context, each func(Group)) error
	// PutGroup inserts or replaces a group, by its AOR.
	PutGroup(ctx context.Context, g Group) error
	DeleteGroup(ctx context.Context, aor rtc.AOR) error
}

// Table is the working copy. Look-ups take no lock; changes are made one at a time,
// in the Store first, and count for the next call.
type Table struct {
	store Store
	log   *slog.Logger
	turn  chan struct{} // holds one element: whoever takes it may change
	now   atomic.Pointer[index]

	changed []func(aor rtc.AOR)
}

// index is the groups at one time. It does not change.
type index struct {
	all      []*Group // by AOR
	byAOR    map[rtc.AOR]*Group
	byNumber map[string]*Group
}

// New makes a working copy without groups. Load fills it.
func New(store Store, log *slog.Logger) *Table {
	t := &Table{store: store, log: log, turn: make(chan struct{}, 1)}
	t.turn <- struct{}{}
	t.now.Store(newIndex(nil))
	return t
}

func newIndex(list []*Group) *index {
	x := &index{all: list, byAOR: make(map[rtc.AOR]*Group, len(list)), byNumber: make(map[string]*Group)}
	slices.SortFunc(x.all, func(a, b *Group) int { return cmp.Compare(a.AOR, b.AOR) })
	for _, g := range x.all {
		x.byAOR[g.AOR] = g
		for _, n := range g.Numbers {
			x.byNumber[n] = g
		}
	}
	return x
}

// Load reads everything from the Store.
func (t *Table) Load(ctx context.Context) error {
	var list []*Group
	err := t.store.Groups(ctx, func(g Group) {
		if err := g.check(); err != nil { // by a newer program, or by hand
			t.log.Error("stored group left out", "aor", string(g.AOR), "err", err)
			return
		}
		list = append(list, &g)
	})
	if err != nil {
		return fmt.Errorf("loading groups: %w", err)
	}
	t.now.Store(newIndex(list))
	return nil
}

// Watch has f told of groups that are new, have changed or are gone. It is called before
// the first change.
func (t *Table) Watch(f func(aor rtc.AOR)) { t.changed = append(t.changed, f) }

func (t *Table) tell(aor rtc.AOR) {
	for _, f := range t.changed {
		f(aor)
	}
}

// All groups by their AOR. They are shared and must not be changed.
func (t *Table) All() []*Group { return t.now.Load().all }

// Group finds one by its AOR, nil when there is none.
func (t *Table) Group(aor rtc.AOR) *Group { return t.now.Load().byAOR[aor] }

// Number finds the group that has a number, nil when there is none.
func (t *Table) Number(number string) *Group { return t.now.Load().byNumber[number] }

// Add makes a new group. That no user has its address is the caller's to see to.
func (t *Table) Add(ctx context.Context, g Group) error {
	return t.alter(ctx, func(have *index) (*Group, error) {
		switch {
		case have.byAOR[g.AOR] != nil:
			return nil, fmt.Errorf("group %s: %w: change it with set, or choose another name", g.AOR, ErrExists)
		case len(have.all) >= MaxGroups:
			return nil, fmt.Errorf("%w: at most %d", ErrTooMany, MaxGroups)
		}
		g = g.clone()
		return &g, nil
	})
}

// Change has f change a copy of a group. Its address stays.
func (t *Table) Change(ctx context.Context, aor rtc.AOR, f func(*Group) error) error {
	return t.alter(ctx, func(have *index) (*Group, error) {
		old := have.byAOR[aor]
		if old == nil {
			return nil, unknown(aor)
		}
		g := old.clone()
		err := f(&g)
		g.AOR = aor
		return &g, err
	})
}

// alter stores what make makes, and puts it into memory.
func (t *Table) alter(ctx context.Context, make func(*index) (*Group, error)) error {
	ctx, done, err := t.begin(ctx)
	if err != nil {
		return err
	}
	defer done()
	have := t.now.Load()
	g, err := make(have)
	if err != nil {
		return err
	}
	if err := g.check(); err != nil {
		return err
	}
	for _, n := range g.Numbers {
		if o := have.byNumber[n]; o != nil && o.AOR != g.AOR {
			return fmt.Errorf("number %s: %w: it is that of group %s", n, ErrExists, o.AOR)
		}
	}
	if err := t.store.PutGroup(ctx, *g); err != nil {
		return fmt.Errorf("storing group %s: %w", g.AOR, err)
	}
	t.now.Store(newIndex(append(have.without(g.AOR), g)))
	t.log.Info("group set", "aor", string(g.AOR), "members", len(g.Members))
	t.tell(g.AOR)
	return nil
}

// Remove ends a group. Calls under way go on.
func (t *Table) Remove(ctx context.Context, aor rtc.AOR) error {
	ctx, done, err := t.begin(ctx)
	if err != nil {
		return err
	}
	defer done()
	have := t.now.Load()
	if have.byAOR[aor] == nil {
		return unknown(aor)
	}
	if err := t.store.DeleteGroup(ctx, aor); err != nil {
		return fmt.Errorf("removing group %s: %w", aor, err)
	}
	t.now.Store(newIndex(have.without(aor)))
	t.log.Info("group removed", "aor", string(aor))
	t.tell(aor)
	return nil
}

func unknown(aor rtc.AOR) error {
	return fmt.Errorf("group %s: %w: see the list of groups", aor, ErrUnknown)
}

// without is a new list of all groups but one.
func (x *index) without(aor rtc.AOR) []*Group {
	return slices.DeleteFunc(slices.Clone(x.all), func(g *Group) bool { return g.AOR == aor })
}

// begin waits for the turn to change something; done gives it back. The change
// then goes through even when the caller does not wait for it, so that memory and
// Store stay alike: the context returned has no end.
func (t *Table) begin(ctx context.Context) (during context.Context, done func(), err error) {
	select {
	case <-t.turn:
		return context.WithoutCancel(ctx), func() { t.turn <- struct{}{} }, nil
	case <-ctx.Done():
		return ctx, nil, fmt.Errorf("waiting for another change of groups: %w", ctx.Err())
	}
}
