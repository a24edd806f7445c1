// Package settings holds how each user wants to be called: forwarding,
// do-not-disturb, ring time, anonymous callers.
//
// It owns what can be set, the interface of its Store and the working copy that
// calls look into. What follows from a setting for a call is telephony's; who may
// change one, that of the API and of feature codes.
package settings

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"tandem/rtc"
)

// User is how one user wants to be called. The zero value, but for AOR, is what
// holds for a user who has set nothing.
type User struct {
	AOR rtc.AOR

	// Where calls go instead, as the user would dial it: a user's name or address,
	// an extension, a number. "" is nowhere.
	Always      string // all calls, before a phone rings
	Busy        string // when the user is busy, declines, or is not to be disturbed
	NoAnswer    string // when nobody answers within RingTime
	Unreachable string // when no phone is registered, or none can be reached

	DoNotDisturb bool
	// NoWaiting has a user in a call be busy to all others: call waiting is off.
	NoWaiting bool
	// RingTime is how long the phones ring before NoAnswer. 0 is the server's.
	RingTime time.Duration
	// Also is a user or a number outside that rings together with the phones. "" is none.
	Also string
	// RefuseAnonymous refuses callers who withhold their identity (RFC 5079).
	RefuseAnonymous bool
	// Withhold has the user's own identity withheld in all calls (RFC 3323).
	Withhold bool
}

// Bounds of what can be set.
const (
	MinRing   = 5 * time.Second
	MaxRing   = 3 * time.Minute
	maxTarget = 128 // octets of where calls go
)

// Errors of changes.
var (
	ErrTarget   = errors.New("calls cannot be sent there")
	ErrRingTime = errors.New("the ring time is out of range")
)

// IsZero reports whether the user has set nothing.
func (u User) IsZero() bool {
	u.AOR = ""
	return u == User{}
}

// check says what is wrong with the settings, and what to do.
func (u *User) check() error {
	for _, f := range []struct {
		name string
		to   *string
	}{{"always", &u.Always}, {"busy", &u.Busy}, {"no-answer", &u.NoAnswer}, {"unreachable", &u.Unreachable}, {"also", &u.Also}} {
		*f.to = strings.TrimSpace(*f.to)
		switch to := *f.to; {
		case len(to) > maxTarget:
			return fmt.Errorf("%s: %w: it has more than %d characters", f.name, ErrTarget, maxTarget)
		case strings.ContainsFunc(to, func(r rune) bool { return r <= ' ' || r == 0x7f || strings.ContainsRune(`<>"`, r) }):
			return fmt.Errorf("%s: %w: write a user's name, an extension or a number without spaces", f.name, ErrTarget)
		case to != "" && to == string(u.AOR), to != "" && to == u.AOR.User():
			return fmt.Errorf("%s: %w: it is the user's own address", f.name, ErrTarget)
		}
	}
	if u.RingTime != 0 && (u.RingTime < MinRing || u.RingTime > MaxRing) {
		return fmt.Errorf("%w: give %s to %s, or 0 for the server's", ErrRingTime, MinRing, MaxRing)
	}
	return nil
}
