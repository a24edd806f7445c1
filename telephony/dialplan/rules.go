package dialplan

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	"tandem/rtc/label"
)

// Store keeps rules durably. Methods return when the change is on disk.
type Store interface {
	Rules(ctx context.Context, each func(Rule)) error
	PutRule(ctx context.Context, r Rule) error // inserts or replaces, by name
	DeleteRule(ctx context.Context, name string) error
}

// Rules is the working copy. Looking up takes no lock.
type Rules struct {
	store Store
	turn  chan struct{} // holds one element: whoever takes it may change
	table atomic.Pointer[[]*Rule]
}

// New makes a working copy without rules. Load fills it.
func New(store Store) *Rules {
	r := &Rules{store: store, turn: make(chan struct{}, 1)}
	r.table.Store(new([]*Rule))
	r.turn <- struct{}{}
	return r
}

// Load reads the rules from the Store. Those it cannot use are left out, and told.
func (r *Rules) Load(ctx context.Context, bad func(Rule, error)) error {
	var list []*Rule
	err := r.store.Rules(ctx, func(rule Rule) {
		if err := rule.normalise(); err != nil {
			bad(rule, err)
			return
		}
		list = append(list, &rule)
	})
	if err != nil {
		return fmt.Errorf("loading the dial plan: %w", err)
	}
	r.put(list)
	return nil
}

func (r *Rules) put(list []*Rule) {
	slices.SortFunc(list, compareRules)
	r.table.Store(&list)
}

// All rules, in the order in which they are tried.
func (r *Rules) All() []*Rule { return *r.table.Load() }

// Rule is the one of a name, nil when there is none.
func (r *Rules) Rule(name string) *Rule {
	for _, x := range r.All() {
		if x.Name == name {
			return x
		}
	}
	return nil
}

// Add makes a new rule.
func (r *Rules) Add(ctx context.Context, rule Rule) error {
	if err := rule.normalise(); err != nil {
		return err
	}
	ctx, done, err := r.begin(ctx)
	if err != nil {
		return err
	}
	defer done()
	list := slices.Clone(r.All())
	switch {
	case r.Rule(rule.Name) != nil:
		return fmt.Errorf("rule %q: %w: remove it first, or choose another name", rule.Name, ErrExists)
	case len(list) >= MaxRules:
		return fmt.Errorf("%w rules: there may be %d", ErrTooMany, MaxRules)
	}
	if err := r.store.PutRule(ctx, rule); err != nil {
		return err
	}
	r.put(append(list, &rule))
	return nil
}

// Remove ends a rule.
func (r *Rules) Remove(ctx context.Context, name string) error {
	ctx, done, err := r.begin(ctx)
	if err != nil {
		return err
	}
	defer done()
	if r.Rule(name) == nil {
		return fmt.Errorf("rule %q: %w: see: tandem dialplan list", name, ErrUnknown)
	}
	if err := r.store.DeleteRule(ctx, name); err != nil {
		return err
	}
	r.put(slices.DeleteFunc(slices.Clone(r.All()), func(x *Rule) bool { return x.Name == name }))
	return nil
}

// begin waits for the turn to change something. The change then goes through even
// when the caller does not wait for it.
func (r *Rules) begin(ctx context.Context) (during context.Context, done func(), err error) {
	select {
	case <-r.turn:
		return context.WithoutCancel(ctx), func() { r.turn <- struct{}{} }, nil
	case <-ctx.Done():
		return ctx, nil, fmt.Errorf("waiting for another change of the dial plan: %w", ctx.Err())
	}
}

// Verdict is what came of trying a rule.
type Verdict string

// The verdicts.
const (
	Taken     Verdict = "taken"
	OtherSite Verdict = "of another site"
	NoFit     Verdict = "does not fit"
)

// Find is the first rule for what is dialled at a site, nil when there is none. try,
// unless it is nil, is told of each rule that was tried.
func (r *Rules) Find(site, dialled string, try func(*Rule, Verdict)) *Rule {
	if r == nil {
		return nil
	}
	site, dialled = label.Fold(site), compact(strings.ReplaceAll(dialled, ".", ""))
	for _, x := range r.All() {
		v := NoFit
		switch {
		case x.site != "" && x.site != site:
			v = OtherSite
		case x.fits(dialled):
			v = Taken
		}
		if try != nil {
			try(x, v)
		}
		if v == Taken {
			return x
		}
	}
	return nil
}

// Apply is what a rule makes of what is dialled.
func Apply(r *Rule, dialled string) string {
	return r.apply(compact(strings.ReplaceAll(dialled, ".", "")))
}
