package policy

import (
	"maps"
	"slices"
	"strings"
)

// Action is something that can be allowed, as the room that does it declares it.
type Action struct {
	Name  string // one word: "call"
	About string // for people: "call a telephone number"
	Kinds []Kind // what its objects are divided into
	// Allow is what holds for objects of no kind.
	Allow bool
}

// Kind is one division of an Action's objects.
type Kind struct {
	Name  string // "international"
	About string // for people
	Allow bool   // what holds while no rule decides
	// Always means that no rule can refuse it: it implies Allow.
	Always bool
}

func (a *Action) kind(name string) *Kind {
	for i := range a.Kinds {
		if a.Kinds[i].Name == name {
			return &a.Kinds[i]
		}
	}
	return nil
}

func (a *Action) kinds() string {
	var list []string
	for _, k := range a.Kinds {
		list = append(list, k.Name)
	}
	return strings.Join(list, ", ")
}

func names(actions map[string]*Action) string {
	return strings.Join(slices.Sorted(maps.Keys(actions)), ", ")
}

// builtIn are the rules that hold when nobody has set any.
func (a *Action) builtIn() []*Rule {
	list := []*Rule{{Key: Key{Level: BuiltIn, Action: a.Name}, Allow: a.Allow}}
	for _, k := range a.Kinds {
		list = append(list, &Rule{Key: Key{Level: BuiltIn, Action: a.Name, Kind: k.Name}, Allow: k.Allow || k.Always, Final: k.Always})
	}
	for _, r := range list {
		r.spell()
		if r.Final {
			r.text = a.Name + " " + r.Kind + " is always allowed"
		}
	}
	return list
}

// HasKind reports whether the Action has a kind of that name.
func (a Action) HasKind(name string) bool { return a.kind(name) != nil }
