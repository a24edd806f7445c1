// Package consent answers what a user lets others know of him: the rules each
// user sets for those who watch him (RFC 5025), and what holds without any.
//
// # Which rule counts
//
// A rule is for one watcher, for a domain, for a group of the directory, or for
// everybody. The most exact one counts, in this order: user, group, domain,
// everybody. Of several groups the one that shows most counts, as RFC 4745
// §7.2 combines what several rules permit. What no rule decides is as the
// Default says. The user himself sees everything.
//
// # Names
//
// Somebody may be written in several ways: 030 1234 and +49301234 are one number.
// Rules of users are kept, and watchers judged, by the one that Names gives.
package consent

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"tandem/rtc"
	"tandem/rtc/label"
)

// Action is what a watcher gets (RFC 5025 §3.2), from least to most.
type Action string

// The actions.
const (
	Block       Action = "block"        // refused
	Confirm     Action = "confirm"      // waits until the user decides
	PoliteBlock Action = "polite-block" // sees somebody who is always offline
	Allow       Action = "allow"
)

var order = []Action{Block, Confirm, PoliteBlock, Allow}

// Actions lists them, from least to most.
func Actions() []Action { return slices.Clone(order) }

// Kind is whom a rule is for.
type Kind string

// The kinds, the most exact first.
const (
	User     Kind = "user"
	Group    Kind = "group"
	Domain   Kind = "domain" // and those below it
	Everyone Kind = "everyone"
)

// Rule is what a user lets somebody know.
type Rule struct {
	Kind   Kind
	Name   string // an AOR, the name of a group, or a domain; "" for everyone
	Action Action
}

// MaxRules is how many rules a user may have.
const MaxRules = 1000

// Errors of changes. What is returned wraps one of them.
var (
	ErrInvalid = errors.New("not allowed")
	ErrTooMany = errors.New("too many rules")
)

// Store keeps rules durably. Methods return when the change is on disk.
type Store interface {
	// Put replaces all rules of a user.
	Put(ctx context.Context, owner rtc.AOR, rules []Rule) error
	Load(ctx context.Context, each func(owner rtc.AOR, rules []Rule)) error
}

// Names is the one address by which somebody is known whom a user may write in
// several ways; the address itself when there is no other.
type Names func(owner, address rtc.AOR) rtc.AOR

// Watcher is who wants to know.
type Watcher struct {
	AOR    rtc.AOR
	Also   []rtc.AOR // other addresses that mean him, as of his telephone number: for rules of users
	Groups []string  // of the directory
	Proved bool      // it is he; nobody is given anything on the strength of a mere From
}

// Book holds the rules of all users. Decide takes no lock.
type Book struct {
	store    Store
	names    Names
	fallback Action
	turn     sync.Mutex // one change at a time
	rules    atomic.Pointer[map[rtc.AOR][]Rule]
	changed  []func(owner rtc.AOR)
}

// New makes an empty book; fallback is what holds without a rule. Without names
// addresses are as they are written.
func New(store Store, fallback Action, names Names) *Book {
	if names == nil {
		names = func(_, address rtc.AOR) rtc.AOR { return address }
	}
	b := &Book{store: store, fallback: fallback, names: names}
	b.rules.Store(&map[rtc.AOR][]Rule{})
	return b
}

// Load reads everything from the Store.
func (b *Book) Load(ctx context.Context) error {
	all := make(map[rtc.AOR][]Rule)
	if err := b.store.Load(ctx, func(owner rtc.AOR, rules []Rule) { all[owner] = b.Named(owner, rules) }); err != nil {
		return fmt.Errorf("loading consent: %w", err)
	}
	b.rules.Store(&all)
	return nil
}

// Watch has f told of users whose rules have changed. It is called before the
// first change.
func (b *Book) Watch(f func(owner rtc.AOR)) { b.changed = append(b.changed, f) }

// Rules of a user, the most exact kind first.
func (b *Book) Rules(owner rtc.AOR) []Rule { return slices.Clone((*b.rules.Load())[owner]) }

// Decide is what a watcher gets of a user, and the rule that says so; nil when
// none does.
func (b *Book) Decide(owner rtc.AOR, w Watcher) (Action, *Rule) {
	if w.Proved && w.AOR == owner {
		return Allow, nil
	}
	rules := (*b.rules.Load())[owner]
	if len(rules) > 0 && rules[0].Kind == User {
		w = b.known(owner, w)
	}
	for _, kind := range kinds {
		var best *Rule
		for i := range rules {
			r := &rules[i]
			if r.Kind == kind && r.fits(w) && (best == nil || slices.Index(order, r.Action) > slices.Index(order, best.Action)) {
				best = r
			}
		}
		if best != nil {
			return unproved(best.Action, w), best
		}
	}
	return unproved(b.fallback, w), nil
}

var kinds = []Kind{User, Group, Domain, Everyone}

// Name is the address by which a user's rules know somebody.
func (b *Book) Name(owner, address rtc.AOR) rtc.AOR { return b.names(owner, address) }

// known adds the addresses by which rules name a watcher.
func (b *Book) known(owner rtc.AOR, w Watcher) Watcher {
	also := w.Also[:len(w.Also):len(w.Also)]
	if name := b.names(owner, w.AOR); name != w.AOR {
		also = append(also, name)
	}
	for _, a := range w.Also {
		if name := b.names(owner, a); name != a {
			also = append(also, name)
		}
	}
	w.Also = also
	return w
}

// Named is rules as they are kept, the most exact kind first: each by the name of
// Names, and what that makes rules for the same as the one that shows most.
func (b *Book) Named(owner rtc.AOR, rules []Rule) (list []Rule) {
	for _, r := range rules {
		if r.Kind == User && r.Name != "" {
			r.Name = string(b.names(owner, rtc.AOR(r.Name)))
		}
		if r.Kind == Domain {
			r.Name = strings.ToLower(r.Name)
		}
		i := slices.IndexFunc(list, func(x Rule) bool { return x.Kind == r.Kind && x.Name == r.Name })
		switch {
		case i < 0:
			list = append(list, r)
		case slices.Index(order, r.Action) > slices.Index(order, list[i].Action):
			list[i] = r
		}
	}
	slices.SortFunc(list, compare)
	return list
}

// unproved takes from an action what only a proved identity may have.
func unproved(a Action, w Watcher) Action {
	if !w.Proved && a == Allow {
		return Confirm
	}
	return a
}

func (r *Rule) fits(w Watcher) bool {
	switch r.Kind {
	case User:
		return r.Name == string(w.AOR) || slices.Contains(w.Also, rtc.AOR(r.Name))
	case Group:
		return w.Proved && slices.ContainsFunc(w.Groups, func(g string) bool { return label.Same(g, r.Name) })
	case Domain:
		d := w.AOR.Domain()
		return d == r.Name || strings.HasSuffix(d, "."+r.Name)
	}
	return r.Kind == Everyone
}

func (r *Rule) check() error {
	switch {
	case !slices.Contains(kinds, r.Kind):
		return fmt.Errorf("%w: a rule is for a user, a group, a domain or everyone, not for %q", ErrInvalid, r.Kind)
	case !slices.Contains(order, r.Action):
		return fmt.Errorf("%w: the action is block, confirm, polite-block or allow, not %q", ErrInvalid, r.Action)
	case (r.Kind == Everyone) != (r.Name == ""):
		return fmt.Errorf("%w: a rule names a user, a group or a domain, unless it is for everyone", ErrInvalid)
	case len(r.Name) > 256:
		return fmt.Errorf("%w: the name has more than 256 octets", ErrInvalid)
	}
	return nil
}

// Set puts a rule in place of the one for the same, and counts at once.
func (b *Book) Set(ctx context.Context, owner rtc.AOR, r Rule) error {
	if err := r.check(); err != nil {
		return err
	}
	r = b.Named(owner, []Rule{r})[0]
	return b.change(ctx, owner, func(rules []Rule) ([]Rule, error) {
		rules = append(without(rules, r), r)
		if len(rules) > MaxRules {
			return nil, fmt.Errorf("%w: a user may have %d; unset some, or set one for a domain or group", ErrTooMany, MaxRules)
		}
		return rules, nil
	})
}

// Unset ends the rule for the same.
func (b *Book) Unset(ctx context.Context, owner rtc.AOR, r Rule) error {
	r = b.Named(owner, []Rule{r})[0]
	return b.change(ctx, owner, func(rules []Rule) ([]Rule, error) { return without(rules, r), nil })
}

// Replace puts rules in place of all that a user has, but for those that keep
// says true for.
func (b *Book) Replace(ctx context.Context, owner rtc.AOR, rules []Rule, keep func(Rule) bool) error {
	for i := range rules {
		if err := rules[i].check(); err != nil {
			return err
		}
	}
	return b.change(ctx, owner, func(old []Rule) ([]Rule, error) {
		all := b.Named(owner, rules)
		for _, r := range old {
			if keep(r) {
				all = append(all, r)
			}
		}
		if len(all) > MaxRules {
			return nil, fmt.Errorf("%w: a user may have %d", ErrTooMany, MaxRules)
		}
		return all, nil
	})
}

// Forget ends all rules of a user, and those about him.
func (b *Book) Forget(ctx context.Context, user rtc.AOR) error {
	if err := b.change(ctx, user, func([]Rule) ([]Rule, error) { return nil, nil }); err != nil {
		return err
	}
	about := Rule{Kind: User, Name: string(user)}
	for owner, rules := range *b.rules.Load() {
		if len(without(rules, about)) < len(rules) {
			if err := b.Unset(ctx, owner, about); err != nil {
				return err
			}
		}
	}
	return nil
}

func without(rules []Rule, r Rule) []Rule {
	return slices.DeleteFunc(slices.Clone(rules), func(x Rule) bool { return x.Kind == r.Kind && x.Name == r.Name })
}

// change writes the rules of a user, and then has them count.
func (b *Book) change(ctx context.Context, owner rtc.AOR, f func([]Rule) ([]Rule, error)) error {
	b.turn.Lock() // held over the write, which is what it is for
	rules, err := f(b.Rules(owner))
	if err == nil {
		err = b.store.Put(ctx, owner, rules)
	}
	if err == nil {
		all := maps.Clone(*b.rules.Load())
		slices.SortFunc(rules, compare)
		if all[owner] = rules; len(rules) == 0 {
			delete(all, owner)
		}
		b.rules.Store(&all)
	}
	b.turn.Unlock()
	if err != nil {
		return err
	}
	for _, f := range b.changed {
		f(owner)
	}
	return nil
}

func compare(a, b Rule) int {
	if n := slices.Index(kinds, a.Kind) - slices.Index(kinds, b.Kind); n != 0 {
		return n
	}
	return strings.Compare(a.Name, b.Name)
}

// Memory is a Store that forgets with the process.
type Memory struct {
	mu  sync.Mutex
	all map[rtc.AOR][]Rule
}

// NewMemory makes an empty one.
func NewMemory() *Memory { return &Memory{all: make(map[rtc.AOR][]Rule)} }

// Put implements Store.
func (m *Memory) Put(_ context.Context, owner rtc.AOR, rules []Rule) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.all[owner] = slices.Clone(rules); len(rules) == 0 {
		delete(m.all, owner)
	}
	return nil
}

// Load implements Store.
func (m *Memory) Load(_ context.Context, each func(rtc.AOR, []Rule)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for owner, rules := range m.all {
		each(owner, slices.Clone(rules))
	}
	return nil
}
