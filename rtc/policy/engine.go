package policy

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"tandem/rtc"
)

// Subject is who wants to do something. Groups and Site are the directory's.
type Subject struct {
	User   rtc.AOR // "" for nobody known
	Groups []string
	Site   string
}

// Question is what somebody wants to do, in the words of an Action.
type Question struct {
	Action string // "call"
	Kind   string // of the object: "international"; "" when it has none
	Object string // "+441632960001"
}

// Decision is the answer to a Question.
type Decision struct {
	Allowed bool
	Reason  string // for people: what decided
	Rule    *Rule  // that decided, not to be changed; nil for an unknown action
}

// Store keeps rules durably. Methods return when the change is on disk.
type Store interface {
	Rules(ctx context.Context, each func(Rule)) error
	// PutRules inserts or replaces rules, by Key, all or none.
	PutRules(ctx context.Context, rules []Rule) error
	// DeleteRules forgets rules, all or none; one that is not there is no error.
	DeleteRules(ctx context.Context, keys []Key) error
}

// Engine is the working copy. May takes no lock and does not allocate; changes
// are made one at a time, in the Store first, and count for the next question.
type Engine struct {
	store   Store
	actions map[string]*Action
	log     *slog.Logger
	turn    chan struct{} // holds one element: whoever takes it may change
	table   atomic.Pointer[table]
}

// New makes an engine without rules for what the rooms declare. Load fills it.
func New(store Store, actions []Action, log *slog.Logger) *Engine {
	e := &Engine{store: store, actions: make(map[string]*Action), log: log, turn: make(chan struct{}, 1)}
	for _, a := range actions {
		e.actions[a.Name] = &a
	}
	e.table.Store(compile(e.actions, nil))
	e.turn <- struct{}{}
	return e
}

// Load reads everything from the Store. A rule this program does not understand
// counts for nothing, but is kept.
func (e *Engine) Load(ctx context.Context) error {
	_, done, err := e.begin(ctx)
	if err != nil {
		return err
	}
	defer done()
	var rules []Rule
	err = e.store.Rules(ctx, func(r Rule) {
		if err := r.check(e.actions); err != nil {
			e.log.Error("stored rule left out", "scope", r.Scope(), "action", r.Action, "target", r.Target(), "err", err)
			return
		}
		rules = append(rules, r)
	})
	if err != nil {
		return fmt.Errorf("loading policy rules: %w", err)
	}
	e.swap(rules)
	return nil
}

// May tells whether somebody may do something, and why.
func (e *Engine) May(who Subject, what Question) Decision {
	return decision(e.table.Load().decide(&who, &what, time.Now()), &what)
}

func decision(r *Rule, q *Question) Decision {
	if r == nil {
		return Decision{Reason: "there is no action " + q.Action}
	}
	return Decision{Allowed: r.Allow, Reason: r.text, Rule: r}
}

// Rules are all rules that were set, by level, name and what they are about.
func (e *Engine) Rules() []Rule { return slices.Clone(e.table.Load().rules) }

// Rule returns the one of a Key.
func (e *Engine) Rule(key Key) (Rule, bool) {
	rules := e.table.Load().rules
	i := slices.IndexFunc(rules, func(r Rule) bool { return r.Key.same(key) })
	if i < 0 {
		return Rule{}, false
	}
	return rules[i], true
}

// Action returns what was declared under a name.
func (e *Engine) Action(name string) (Action, error) {
	a := e.actions[name]
	if a == nil {
		return Action{}, invalid("action %q is unknown: use %s", name, names(e.actions))
	}
	return *a, nil
}

// Set puts rules in place of those of the same Key, all or none. A group or site stays
// spelled as in the rule that was first.
func (e *Engine) Set(ctx context.Context, set ...Rule) error {
	ctx, done, err := e.begin(ctx)
	if err != nil {
		return err
	}
	defer done()
	set, rules, now := slices.Clone(set), e.Rules(), time.Now()
	for k := range set {
		r := &set[k]
		if err := r.check(e.actions); err != nil {
			return fmt.Errorf("rule of %s: %w", r.Scope(), err)
		}
		if r.expired(now) {
			return invalid("rule of %s expires at %s, which is past: give a time to come", r.Scope(), r.Expires.Format(time.RFC3339))
		}
		i := slices.IndexFunc(rules, func(have Rule) bool { return have.Key.same(r.Key) })
		if i < 0 {
			rules = append(rules, *r)
		} else {
			r.Key = rules[i].Key
			rules[i] = *r
		}
	}
	if len(rules) > maxRules {
		return fmt.Errorf("%w rules: at most %d; give groups and sites rules instead of users, and unset those that expired", ErrTooMany, maxRules)
	}
	if err := e.store.PutRules(ctx, slices.Clone(set)); err != nil {
		return fmt.Errorf("storing policy rules: %w", err)
	}
	e.swap(rules)
	for _, r := range set {
		e.log.Info("policy set", "scope", r.Scope(), "action", r.Action, "target", r.Target(), "allow", r.Allow)
	}
	return nil
}

// Unset ends rules, all or none: what they were about is inherited again.
func (e *Engine) Unset(ctx context.Context, keys ...Key) error {
	ctx, done, err := e.begin(ctx)
	if err != nil {
		return err
	}
	defer done()
	rules := e.Rules()
	var gone []Key
	for _, k := range keys {
		n := len(rules)
		rules = slices.DeleteFunc(rules, func(r Rule) bool {
			same := r.Key.same(k)
			if same {
				gone = append(gone, r.Key)
			}
			return same
		})
		if len(rules) == n {
			return fmt.Errorf("rule of %s about %s %s: %w: see the list of rules", k.Scope(), k.Action, k.Target(), ErrUnknown)
		}
	}
	return e.remove(ctx, rules, gone)
}

// Forget ends all rules of a user who is no more, so that somebody who gets the
// same address does not inherit them.
func (e *Engine) Forget(ctx context.Context, user rtc.AOR) error {
	ctx, done, err := e.begin(ctx)
	if err != nil {
		return err
	}
	defer done()
	var keys []Key
	rules := slices.DeleteFunc(e.Rules(), func(r Rule) bool {
		theirs := r.Level == User && r.Name == string(user)
		if theirs {
			keys = append(keys, r.Key)
		}
		return theirs
	})
	if len(keys) == 0 {
		return nil
	}
	return e.remove(ctx, rules, keys)
}

// remove takes keys out of the Store and puts the rules left into memory.
func (e *Engine) remove(ctx context.Context, left []Rule, keys []Key) error {
	if err := e.store.DeleteRules(ctx, keys); err != nil {
		return fmt.Errorf("deleting policy rules: %w", err)
	}
	e.swap(left)
	for _, k := range keys {
		e.log.Info("policy unset", "scope", k.Scope(), "action", k.Action, "target", k.Target())
	}
	return nil
}

func (e *Engine) swap(rules []Rule) {
	slices.SortFunc(rules, func(a, b Rule) int { return compareKeys(a.Key, b.Key) })
	e.table.Store(compile(e.actions, rules))
}

// begin waits for the turn to change something; done gives it back. The change
// then goes through even when the caller does not wait for it, so that memory and
// Store stay alike: the context returned has no end.
func (e *Engine) begin(ctx context.Context) (during context.Context, done func(), err error) {
	select {
	case <-e.turn:
		return context.WithoutCancel(ctx), func() { e.turn <- struct{}{} }, nil
	case <-ctx.Done():
		return ctx, nil, fmt.Errorf("waiting for another change of the policy: %w", ctx.Err())
	}
}

// BuiltIn are the rules that hold where none was set, by action.
func (e *Engine) BuiltIn() (list []Rule) {
	for _, name := range slices.Sorted(maps.Keys(e.actions)) {
		for _, r := range e.actions[name].builtIn() {
			list = append(list, *r)
		}
	}
	return list
}
