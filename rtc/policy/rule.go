package policy

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"tandem/rtc/label"
)

// Level is whom a rule is for.
type Level string

// The levels, from the narrowest to the broadest.
const (
	User    Level = "user"
	Group   Level = "group"
	Site    Level = "site"
	Default Level = "default" // everybody
	BuiltIn Level = "built-in"
)

// levels in the order in which they count.
var levels = [...]Level{User, Group, Site, Default}

// Key tells rules apart: a scope has one rule for a target.
type Key struct {
	Level  Level  `json:"level"`
	Name   string `json:"name,omitempty"` // of the user (an AOR), group or site; "" for the default
	Action string `json:"action"`
	Kind   string `json:"kind,omitempty"` // "" for all
	// Object is one thing, or with '*' at its end all that begins so; "" for all.
	// A rule has a Kind or an Object, not both.
	Object string `json:"object,omitempty"`
}

// Rule allows or refuses something to somebody.
type Rule struct {
	Key
	Allow   bool      `json:"allow"`
	Final   bool      `json:"final,omitempty"`  // no rule of a lower level makes an exception
	Expires time.Time `json:"expires,omitzero"` // the rule does not count from then on; zero = never
	Reason  string    `json:"reason,omitempty"` // told to those who are refused
	Changed time.Time `json:"changed,omitzero"` // when it was set
	Author  string    `json:"author,omitempty"` // who set it
	text    string    // the reason of a Decision
}

// Errors of changes. What is returned wraps one of them and names the remedy.
var (
	ErrUnknown = errors.New("no such rule")
	ErrInvalid = errors.New("not allowed")
	ErrTooMany = errors.New("too many")
)

// maxRules is how many rules there may be.
const maxRules = 100000

func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrInvalid, fmt.Errorf(format, args...))
}

// Scope is the rule's for whom, in words.
func (k Key) Scope() string {
	switch k.Level {
	case Default, BuiltIn:
		return string(k.Level)
	}
	return string(k.Level) + " " + k.Name
}

// Target is what the rule is about, in words.
func (k Key) Target() string { return cmp.Or(k.Object, k.Kind, "any") }

// same reports whether a rule of one key takes the place of one of the other: groups and
// sites are the same however they are spelled.
func (k Key) same(other Key) bool {
	spelled := other
	spelled.Name = k.Name
	named := k.Level == Group || k.Level == Site
	return k == spelled && (k.Name == other.Name || named && label.Same(k.Name, other.Name))
}

func compareKeys(a, b Key) int {
	return cmp.Or(
		cmp.Compare(slices.Index(levels[:], a.Level), slices.Index(levels[:], b.Level)),
		strings.Compare(a.Name, b.Name), strings.Compare(a.Action, b.Action),
		strings.Compare(a.Kind, b.Kind), strings.Compare(a.Object, b.Object))
}

func (k Key) check() error {
	switch {
	case !slices.Contains(levels[:], k.Level):
		return invalid("level %q: use user, group, site or default", k.Level)
	case (k.Level == Default) != (k.Name == ""):
		return invalid("level %s: user, group and site have a name, default has none", k.Level)
	case !word(k.Name, 256):
		return invalid("name of the %s: at most 256 octets without control characters", k.Level)
	case k.Kind != "" && k.Object != "":
		return invalid("kind %q and object %q: a rule has one of them", k.Kind, k.Object)
	case !word(k.Object, 256) || k.Object == "*":
		return invalid("object %q: one thing, or a beginning and *; leave it out for all", k.Object)
	}
	return nil
}

func word(s string, most int) bool {
	return len(s) <= most && utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
}

func (r *Rule) check(actions map[string]*Action) error {
	if err := r.Key.check(); err != nil {
		return err
	}
	a := actions[r.Action]
	switch {
	case a == nil:
		return invalid("action %q is unknown: use %s", r.Action, names(actions))
	case r.Kind != "" && a.kind(r.Kind) == nil:
		return invalid("kind %q of %s is unknown: use %s", r.Kind, r.Action, a.kinds())
	case r.Kind != "" && a.kind(r.Kind).Always && !r.Allow:
		return invalid("%s %s is always allowed and cannot be refused", r.Action, r.Kind)
	case r.Final && r.Level == User:
		return invalid("final: a rule of a user has none below it; leave it out")
	case !word(r.Reason, 500):
		return invalid("reason: at most 500 octets without control characters")
	}
	return nil
}

// spell makes the text of decisions by this rule.
func (r *Rule) spell() {
	verb := "refused"
	if r.Allow {
		verb = "allowed"
	}
	r.text = fmt.Sprintf("%s %s is %s by the rule of %s", r.Action, r.Target(), verb, r.Scope())
	switch r.Level {
	case Default:
		r.text = fmt.Sprintf("%s %s is %s by the default rule", r.Action, r.Target(), verb)
	case BuiltIn:
		r.text = fmt.Sprintf("%s %s is %s unless a rule says otherwise", r.Action, r.Target(), verb)
	}
	if r.Reason != "" {
		r.text += ": " + r.Reason
	}
}

// expired reports whether the rule does not count any more.
func (r *Rule) expired(now time.Time) bool { return !r.Expires.IsZero() && !now.Before(r.Expires) }
