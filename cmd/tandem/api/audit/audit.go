// Package audit keeps who changed what, with how it was before and after. A row
// is on disk before the change is begun, so that no change goes unseen: one that a
// crash interrupted says so.
//
// It decides nothing and hides nothing but secrets, whose values are masked.
package audit

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// Outcome of a change.
type Outcome string

// The outcomes.
const (
	Begun       Outcome = "begun"       // under way
	Done        Outcome = "done"        // made
	Failed      Outcome = "failed"      // refused or gone wrong
	Interrupted Outcome = "interrupted" // the server ended while it was under way: made or not
)

// Row is one change.
type Row struct {
	ID        int64 // grows with time: Unix microseconds, made unique
	Time      time.Time
	Who       string // "local:root", "token:provisioning"
	Operation string // "change-user"
	Resource  string // "users/sip:alice@example.com"
	Outcome   Outcome
	Why       string // of a failure
	Before    json.RawMessage
	After     json.RawMessage
}

// Query chooses rows, newest first.
type Query struct {
	Before   int64 // rows with smaller IDs; 0: from the newest
	Limit    int
	Who      string // "" everybody
	Resource string // this one and what is below it; "" all
	Since    time.Time
}

// Store keeps rows durably. Methods but Note return when the change is on disk.
type Store interface {
	// Note keeps a row that is complete. It does not wait: done is told once when the
	// row is on disk, or why it is not. An error says at once that the store takes no
	// more; then done is not told.
	Note(r Row, done func(error)) error
	Begin(ctx context.Context, r Row) error
	Finish(ctx context.Context, id int64, o Outcome, why string, after json.RawMessage) error
	Rows(ctx context.Context, q Query) ([]Row, error)
	// Interrupt makes rows that are begun interrupted, and tells how many.
	Interrupt(ctx context.Context) (int, error)
	// Prune deletes rows with smaller IDs, at most so many, and tells how many.
	Prune(ctx context.Context, before int64, limit int) (int, error)
}

// Log is the record of changes.
type Log struct {
	store Store
	keep  time.Duration
	log   *slog.Logger

	lost atomic.Uint64

	mu   sync.Mutex
	last int64
}

// Open makes the Log of a store and settles what a crash left open. Rows are kept
// for keep; 0: for ever.
func Open(ctx context.Context, store Store, keep time.Duration, log *slog.Logger) (*Log, error) {
	l := &Log{store: store, keep: keep, log: log}
	newest, err := store.Rows(ctx, Query{Limit: 1})
	if err != nil {
		return nil, fmt.Errorf("reading the audit log: %w", err)
	}
	if len(newest) > 0 {
		l.last = newest[0].ID // also when the clock was set back
	}
	n, err := store.Interrupt(ctx)
	if err != nil {
		return nil, fmt.Errorf("settling the audit log: %w", err)
	}
	if n > 0 {
		log.Warn("changes were interrupted when the server ended; see: tandem audit list", "count", n)
	}
	return l, nil
}

// Begin keeps that a change is about to be made.
func (l *Log) Begin(ctx context.Context, who, operation, resource string, before any) (id int64, err error) {
	now := time.Now()
	r := Row{ID: l.next(now), Time: now.Truncate(time.Millisecond), Who: cut(who, maxText), Operation: operation,
		Resource: cut(resource, maxText), Outcome: Begun, Before: Mask(before)}
	if err := l.store.Begin(ctx, r); err != nil {
		return 0, fmt.Errorf("writing the audit row: %w", err)
	}
	return r.ID, nil
}

// Deed is something that is over when it is kept.
type Deed struct {
	Who, Operation, Resource string
	Before, After            any
	Why                      error // of a failure; nil: it was done
}

// Note keeps what is over, in one row. It does not wait and may be called from
// anywhere: rows wait in the queue of the store, which holds tens of thousands and
// writes them together. An error says that the queue is full and the row is lost. One
// that cannot be written later is lost, too. What is lost is logged and counted.
func (l *Log) Note(d Deed) error { return l.Keep(d, func(error) {}) }

// Keep is Note for who waits for the row: done is told once when it is on disk, or why it
// is not, from any goroutine; not when Keep returns an error.
func (l *Log) Keep(d Deed, done func(error)) error {
	now := time.Now()
	r := Row{ID: l.next(now), Time: now.Truncate(time.Millisecond), Who: cut(d.Who, maxText), Operation: d.Operation,
		Resource: cut(d.Resource, maxText), Outcome: Done, Before: Mask(d.Before), After: Mask(d.After)}
	if d.Why != nil {
		r.Outcome, r.Why = Failed, cut(d.Why.Error(), maxText)
	}
	lost := func(err error) {
		if err != nil {
			l.lost.Add(1)
			l.log.Error("audit row lost", "who", r.Who, "operation", r.Operation, "resource", r.Resource, "err", err)
		}
	}
	err := l.store.Note(r, func(err error) { lost(err); done(err) })
	lost(err)
	return err
}

// Lost is how many rows of Note and Keep were lost.
func (l *Log) Lost() uint64 { return l.lost.Load() }

// next is a new ID.
func (l *Log) next(now time.Time) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last = max(l.last+1, now.UnixMicro())
	return l.last
}

// Done keeps that the change was made.
func (l *Log) Done(ctx context.Context, id int64, after any) error {
	return l.store.Finish(ctx, id, Done, "", Mask(after))
}

// Failed keeps that the change was not made.
func (l *Log) Failed(ctx context.Context, id int64, why error) error {
	return l.store.Finish(ctx, id, Failed, cut(why.Error(), maxText), nil)
}

// Rows returns rows, newest first.
func (l *Log) Rows(ctx context.Context, q Query) ([]Row, error) { return l.store.Rows(ctx, q) }

// Run deletes what is older than is to be kept, until ctx ends.
func (l *Log) Run(ctx context.Context) error {
	if l.keep <= 0 {
		<-ctx.Done()
		return nil
	}
	t := time.NewTicker(time.Hour)
	defer t.Stop()
	for {
		if err := l.prune(ctx); err != nil && ctx.Err() == nil {
			l.log.Warn("deleting old audit rows", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
	}
}

// maxPruned is how many rows one transaction deletes.
const maxPruned = 1000

func (l *Log) prune(ctx context.Context) error {
	before := time.Now().Add(-l.keep).UnixMicro()
	for {
		n, err := l.store.Prune(ctx, before, maxPruned)
		if err != nil || n < maxPruned {
			return err
		}
	}
}
