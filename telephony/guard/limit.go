package guard

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"tandem/gateways/hours"
	"tandem/rtc/label"
)

// Level is whose calls a limit is for.
type Level string

// The levels. What those of a group or site call counts together; by default each
// user counts alone.
const (
	User    Level = "user"
	Group   Level = "group"
	Site    Level = "site"
	Trunk   Level = "trunk"
	Default Level = "default"
)

var levels = []Level{User, Group, Site, Trunk, Default}

// Key tells limits apart.
type Key struct {
	Level Level  `json:"level"`
	Name  string `json:"name,omitempty"` // of the user (an address of record), group, site or trunk; "" for the default
	Kind  string `json:"kind,omitempty"` // of number: "international"; "" for all outside
}

// Limit bounds what is called. Zero fields bound nothing.
type Limit struct {
	Key
	PerMinute  int      `json:"per_minute,omitempty"` // calls that may begin in a minute
	Calls      int      `json:"calls,omitempty"`      // at a time
	MinutesDay int      `json:"minutes_day,omitempty"`
	Closed     []string `json:"closed,omitempty"` // when nothing may be called: "22:00-06:00", "sat-sun 00:00-24:00"

	closed hours.Week
}

// Errors of changes. What is returned wraps one of them and names the remedy.
var (
	ErrUnknown = errors.New("no such limit")
	ErrInvalid = errors.New("not allowed")
	ErrTooMany = errors.New("too many")
)

// MaxLimits is how many limits there may be.
const MaxLimits = 10000

func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrInvalid, fmt.Errorf(format, args...))
}

// folded is the key by which calls are counted: groups and sites are the same however
// they are spelled.
func (k Key) folded() Key {
	if k.Level == Group || k.Level == Site {
		k.Name = label.Fold(k.Name)
	}
	return k
}

// Scope is whose limit it is, in words.
func (k Key) Scope() string {
	if k.Level == Default {
		return "every user"
	}
	return string(k.Level) + " " + k.Name
}

// what the limit is about, in words.
func (k Key) what() string {
	if k.Kind == "" {
		return "outside calls"
	}
	return k.Kind + " calls"
}

// normalise checks a limit. kinds are those a number may be of.
func (l *Limit) normalise(kinds []string) (err error) {
	switch {
	case !slices.Contains(levels, l.Level):
		return invalid("level %q: use user, group, site, trunk or default", l.Level)
	case (l.Level == Default) != (l.Name == ""):
		return invalid("level %s: user, group, site and trunk have a name, default has none", l.Level)
	case len(l.Name) > 256 || strings.ContainsFunc(l.Name, unicode.IsControl):
		return invalid("name of the %s: at most 256 octets without control characters", l.Level)
	case l.Kind != "" && !slices.Contains(kinds, l.Kind):
		return invalid("kind %q is unknown: use %s, or none for all", l.Kind, strings.Join(kinds, ", "))
	case l.PerMinute < 0 || l.PerMinute > 100000 || l.Calls < 0 || l.Calls > 100000 || l.MinutesDay < 0 || l.MinutesDay > 1000000:
		return invalid("per_minute, calls and minutes_day: 0 for no bound, else a number above it")
	case l.PerMinute == 0 && l.Calls == 0 && l.MinutesDay == 0 && len(l.Closed) == 0:
		return invalid("the limit bounds nothing: give calls a minute, calls at a time, minutes a day or hours")
	case len(l.Closed) > 32:
		return invalid("closed: at most 32 parts of the week")
	}
	if l.closed, err = hours.Parse(l.Closed); err != nil {
		return invalid("closed: %w", err)
	}
	return nil
}
