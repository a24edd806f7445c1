// Package waiting tells phones of waiting messages (RFC 3842): to those that
// subscribe, by the event package message-summary, and to those of families that
// expect it without, by a NOTIFY of its own. What a family does not read of it, package
// output leaves out.
//
// It keeps the counts; whoever takes messages sets them.
package waiting

import (
	"context"
	"fmt"
	"sync"

	"tandem/rtc"
	"tandem/rtc/event"
)

// Name of the event package.
const Name = "message-summary"

// Type is the media type of a summary.
const Type = "application/simple-message-summary"

// Counts of the messages in a user's mailbox.
type Counts struct {
	New, Old             int
	UrgentNew, UrgentOld int
}

// max bounds each count.
const maxCount = 9999

// check reports counts that make no sense.
func (c Counts) check() error {
	for _, n := range []int{c.New, c.Old, c.UrgentNew, c.UrgentOld} {
		if n < 0 || n > maxCount {
			return fmt.Errorf("count %d: %w: use 0 to %d", n, ErrInvalid, maxCount)
		}
	}
	if c.UrgentNew > c.New || c.UrgentOld > c.Old {
		return fmt.Errorf("urgent messages: %w: they are among the new and the old ones, so there are not more of them", ErrInvalid)
	}
	return nil
}

// Store keeps counts durably. Methods return when the change is on disk.
type Store interface {
	Counts(ctx context.Context, each func(rtc.AOR, Counts)) error
	PutCounts(ctx context.Context, user rtc.AOR, c Counts) error // zero counts forget the user
}

// Config of a Board.
type Config struct {
	Store Store
	// Changed is told when the counts of a user changed, to notify those who
	// subscribe.
	Changed func(user rtc.AOR)
	// Push tells the phones of a user that take a summary without a subscription.
	Push func(user rtc.AOR, c Counts)
}

// Board is the counts of all users.
type Board struct {
	cfg  Config
	turn chan struct{} // holds one element: whoever takes it may set

	mu     sync.RWMutex
	counts map[rtc.AOR]Counts
}

// New makes a Board without counts. Load fills it.
func New(cfg Config) *Board {
	b := &Board{cfg: cfg, turn: make(chan struct{}, 1), counts: make(map[rtc.AOR]Counts)}
	b.turn <- struct{}{}
	return b
}

// Load reads the counts from the Store.
func (b *Board) Load(ctx context.Context) error {
	counts := make(map[rtc.AOR]Counts)
	if err := b.cfg.Store.Counts(ctx, func(user rtc.AOR, c Counts) { counts[user] = c }); err != nil {
		return fmt.Errorf("loading counts of messages: %w", err)
	}
	b.mu.Lock()
	b.counts = counts
	b.mu.Unlock()
	return nil
}

// Of is what waits for a user.
func (b *Board) Of(user rtc.AOR) Counts {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.counts[user]
}

// Set sets what waits for a user, in the Store first, and tells the phones.
func (b *Board) Set(ctx context.Context, user rtc.AOR, c Counts) error {
	if err := c.check(); err != nil {
		return err
	}
	select {
	case <-b.turn:
		defer func() { b.turn <- struct{}{} }()
	case <-ctx.Done():
		return fmt.Errorf("waiting for another change of counts: %w", ctx.Err())
	}
	if b.Of(user) == c {
		return nil
	}
	if err := b.cfg.Store.PutCounts(context.WithoutCancel(ctx), user, c); err != nil {
		return fmt.Errorf("storing counts of messages of %s: %w", user, err)
	}
	b.mu.Lock()
	if c == (Counts{}) {
		delete(b.counts, user)
	} else {
		b.counts[user] = c
	}
	b.mu.Unlock()
	b.cfg.Changed(user)
	b.cfg.Push(user, c)
	return nil
}

// Package is the event package, for the notifier. Only the user himself may
// subscribe.
func (b *Board) Package() event.Package {
	return event.Package{Name: Name, Types: []string{Type}, Authorise: event.Owner,
		Document: func(q event.Query) event.Document {
			return event.Document{Type: Type, Body: Summary(q.Resource, b.Of(q.Resource))}
		}}
}

// Summary writes counts (RFC 3842 §5.2).
func Summary(user rtc.AOR, c Counts) []byte {
	waiting := "no"
	if c.New > 0 {
		waiting = "yes"
	}
	return fmt.Appendf(nil, "Messages-Waiting: %s\r\nMessage-Account: %s\r\nVoice-Message: %d/%d (%d/%d)\r\n", waiting, user, c.New, c.Old, c.UrgentNew, c.UrgentOld)
}
