// Package group holds ring groups: addresses that no user has, at which several
// users and numbers are called, together or one after the other.
//
// It owns what a group is, the interface of its Store and the working copy that
// calls look into. How its members ring is telephony's matter.
package group

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"tandem/rtc"
)

// Group is one ring group.
type Group struct {
	AOR     rtc.AOR  // by which it is called: "sip:sales@example.com"
	Note    string   // for people, and shown as the name of who sent a call on
	Numbers []string // by which it is called as well: E.164 with '+', or an extension
	Members []string // users, extensions or numbers, as Payer dials them, in their order
	Hunt    Hunt
	// RingTime is how long the members ring at the same time, or each of them. 0 is
	// DefaultRing.
	RingTime time.Duration
	// Overflow is where a call goes that no member takes. "" is nowhere.
	Overflow string
	// Payer is the user by whose rights and at whose expense numbers outside are
	// called. Without one only users are.
	Payer rtc.AOR
}

// Hunt says in which order members ring.
type Hunt string

// The orders.
const (
	Parallel Hunt = "parallel" // all at once
	Sequence Hunt = "sequence" // one after the other, as they stand
)

// Bounds of a group, and of groups.
const (
	DefaultRing = 20 * time.Second
	MinRing     = 5 * time.Second
	MaxRing     = 3 * time.Minute
	MaxGroups   = 5000
	MaxMembers  = 50
	maxNumbers  = 50
	maxText     = 128
)

// Errors of changes.
var (
	ErrUnknown = errors.New("there is no such group")
	ErrExists  = errors.New("there is one already")
	ErrInvalid = errors.New("the group makes no sense")
	ErrTooMany = errors.New("too many groups")
)

// Ring is how long members ring.
func (g *Group) Ring() time.Duration {
	if g.RingTime == 0 {
		return DefaultRing
	}
	return g.RingTime
}

func (g *Group) clone() Group {
	c := *g
	c.Numbers, c.Members = slices.Clone(g.Numbers), slices.Clone(g.Members)
	return c
}

// check says what is wrong with a group, and what to do.
func (g *Group) check() error {
	if g.Hunt == "" {
		g.Hunt = Parallel
	}
	switch {
	case g.Hunt != Parallel && g.Hunt != Sequence:
		return fmt.Errorf("hunt %q: %w: use %s or %s", g.Hunt, ErrInvalid, Parallel, Sequence)
	case g.RingTime != 0 && (g.RingTime < MinRing || g.RingTime > MaxRing):
		return fmt.Errorf("ring time %s: %w: give %s to %s", g.RingTime, ErrInvalid, MinRing, MaxRing)
	case len(g.Members) > MaxMembers:
		return fmt.Errorf("%d members: %w: at most %d", len(g.Members), ErrInvalid, MaxMembers)
	case len(g.Numbers) > maxNumbers:
		return fmt.Errorf("%d numbers: %w: at most %d", len(g.Numbers), ErrInvalid, maxNumbers)
	case len(g.Note) > maxText:
		return fmt.Errorf("a note of %d characters: %w: at most %d", len(g.Note), ErrInvalid, maxText)
	}
	for _, text := range append(append([]string{g.Overflow}, g.Members...), g.Numbers...) {
		if len(text) > maxText || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r == 0x7f || strings.ContainsRune(`<>"`, r) }) {
			return fmt.Errorf("%q: %w: write a user's name, an extension or a number without spaces", text, ErrInvalid)
		}
	}
	for i, m := range g.Members {
		if m == "" || m == string(g.AOR) || slices.Contains(g.Members[:i], m) {
			return fmt.Errorf("member %q: %w: name each once, and not the group itself", m, ErrInvalid)
		}
	}
	return nil
}
