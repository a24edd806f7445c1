package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// execer is the part of a transaction that changes use.
type execer interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// Stats of the writer since start.
type Stats struct {
	Batches   uint64        // transactions committed
	Rows      uint64        // changes written by them
	Coalesced uint64        // changes that a later one of the same key replaced before it was written
	Failed    uint64        // transactions that failed
	Refused   uint64        // changes refused because the queue was full
	Queued    int           // changes waiting now
	Busy      time.Duration // time spent in transactions
	Last      time.Duration // of the last transaction
	Longest   time.Duration // transaction
}

// writer is the group commit: one goroutine writes, a second one acknowledges,
// so that the next batch is on its way to the disk while callers are told.
type writer struct {
	path string
	log  *slog.Logger
	conn *sql.Conn

	put, del *sql.Stmt

	wake  chan struct{} // the queue is not empty
	told  chan finished // transactions to acknowledge
	spare chan *batch   // empty ones
	ended sync.WaitGroup

	mu sync.Mutex
	// Guarded by mu:
	open   bool
	queue  *batch
	taken  int // changes and octets of the batches being written and acknowledged
	heavy  int
	failed error // of the last transaction
	stats  Stats
}

// finished is one transaction's changes and what became of them.
type finished struct {
	changes []change
	err     error
	whole   *batch // set with the last transaction of a batch
}

func newWriter(ctx context.Context, db *sql.DB, path string, log *slog.Logger) (*writer, error) {
	w := &writer{path: path, log: log, open: true, queue: newBatch(),
		wake: make(chan struct{}, 1), told: make(chan finished, 2), spare: make(chan *batch, 2)}
	w.spare <- newBatch()
	w.spare <- newBatch()
	var err error
	if w.conn, err = db.Conn(ctx); err != nil {
		return nil, err
	}
	if w.put, err = w.conn.PrepareContext(ctx, `INSERT INTO bindings (aor, data, until) VALUES ($1, $2, $3)
		ON CONFLICT (aor) DO UPDATE SET data = excluded.data, until = excluded.until`); err != nil {
		return nil, errors.Join(err, w.conn.Close())
	}
	if w.del, err = w.conn.PrepareContext(ctx, `DELETE FROM bindings WHERE aor = $1`); err != nil {
		return nil, errors.Join(err, w.conn.Close())
	}
	w.ended.Add(2)
	go w.run()
	go w.tell()
	return w, nil
}

// enqueue calls add under the lock when there is room, else says why not.
func (w *writer) enqueue(add func(*batch)) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.open {
		return &Error{Kind: ErrClosed}
	}
	if w.taken+len(w.queue.changes) >= maxQueued || w.heavy+w.queue.octets >= maxOctets {
		w.stats.Refused++
		return &Error{Kind: ErrQueueFull, Remedy: "try again later"}
	}
	before := len(w.queue.changes)
	add(w.queue)
	if len(w.queue.changes) == before {
		w.stats.Coalesced++
	}
	select {
	case w.wake <- struct{}{}:
	default:
	}
	return nil
}

// run takes the queue whole whenever it is free.
func (w *writer) run() {
	defer w.ended.Done()
	defer close(w.told)
	for range w.wake {
		empty := <-w.spare
		w.mu.Lock()
		b := w.queue
		w.queue = empty
		w.taken += len(b.changes)
		w.heavy += b.octets
		w.mu.Unlock()
		w.write(b)
	}
}

// write commits a batch in transactions of bounded size.
func (w *writer) write(b *batch) {
	for rest := b.changes; ; {
		part := rest[:min(len(rest), maxInBatch)]
		rest = rest[len(part):]
		f := finished{changes: part}
		if len(part) > 0 {
			start := time.Now()
			f.err = classify(w.path, w.commit(b.arena, part))
			w.account(len(part), time.Since(start), f.err)
		}
		if len(rest) == 0 {
			f.whole = b
			w.told <- f
			return
		}
		w.told <- f
	}
}

func (w *writer) account(rows int, took time.Duration, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil {
		w.stats.Failed++
		if w.failed == nil {
			w.log.Error("store commit failed", "err", err)
		}
	} else {
		w.stats.Batches++
		w.stats.Rows += uint64(rows)
		if w.failed != nil {
			w.log.Info("store commits again")
		}
	}
	w.failed = err
	w.stats.Busy += took
	w.stats.Last = took
	w.stats.Longest = max(w.stats.Longest, took)
}

// commit writes changes in one transaction.
func (w *writer) commit(arena []byte, changes []change) error {
	// No deadline: a transaction that has begun is seen to its end.
	ctx := context.Background()
	if _, err := w.conn.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		return fmt.Errorf("beginning transaction: %w", err)
	}
	for i := range changes {
		if err := w.one(ctx, arena, &changes[i]); err != nil {
			_, _ = w.conn.ExecContext(ctx, "ROLLBACK") // SQLite may have done so itself
			return err
		}
	}
	if _, err := w.conn.ExecContext(ctx, "COMMIT"); err != nil {
		_, _ = w.conn.ExecContext(ctx, "ROLLBACK")
		return fmt.Errorf("committing: %w", err)
	}
	return nil
}

// one writes one change. A change that the schema refuses fails alone: its
// error is kept in it and what it did is undone.
func (w *writer) one(ctx context.Context, arena []byte, c *change) error {
	if c.apply == nil {
		var err error
		if c.data.from == c.data.to {
			_, err = w.del.ExecContext(ctx, c.key)
		} else {
			_, err = w.put.ExecContext(ctx, c.key, arena[c.data.from:c.data.to], c.until)
		}
		if err != nil {
			return fmt.Errorf("writing bindings: %w", err)
		}
		return nil
	}
	if _, err := w.conn.ExecContext(ctx, "SAVEPOINT one"); err != nil {
		return err
	}
	if err := c.apply(ctx, w.conn); err != nil {
		if !isConstraint(err) {
			return err
		}
		c.err = &Error{Kind: ErrConflict, Remedy: "choose another name", Err: err}
		if _, err := w.conn.ExecContext(ctx, "ROLLBACK TO one"); err != nil {
			return err
		}
	}
	_, err := w.conn.ExecContext(ctx, "RELEASE one")
	return err
}

// tell acknowledges finished transactions in their order.
func (w *writer) tell() {
	defer w.ended.Done()
	for f := range w.told {
		for i := range f.changes {
			f.changes[i].acknowledge(f.err)
		}
		if b := f.whole; b != nil {
			w.mu.Lock()
			w.taken -= len(b.changes)
			w.heavy -= b.octets
			w.mu.Unlock()
			b.reset()
			w.spare <- b
		}
	}
}

// close refuses further changes and returns when the queued ones are acknowledged.
func (w *writer) close() {
	w.mu.Lock()
	was := w.open
	w.open = false
	if was {
		close(w.wake) // a token in it still gets its turn
	}
	w.mu.Unlock()
	if !was {
		return
	}
	w.ended.Wait()
	_ = w.put.Close()
	_ = w.del.Close()
	_ = w.conn.Close()
}

func (w *writer) healthy() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.failed
}

func (w *writer) pressure() float64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return max(float64(w.taken+len(w.queue.changes))/maxQueued, float64(w.heavy+w.queue.octets)/maxOctets)
}

func (w *writer) statistics() Stats {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.stats
	s.Queued = w.taken + len(w.queue.changes)
	return s
}
