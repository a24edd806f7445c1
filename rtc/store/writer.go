package store

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"time"
)

// Stats of the writer since start.
type Stats struct {
	Batches   uint64        // transactions committed
	Rows      uint64        // changes written by them
	Coalesced uint64        // changes that a later one of the same key replaced before it was written
	Failed    uint64        // transactions that failed
	Rejected  uint64        // changes that failed alone
	Repeated  uint64        // transactions run again to find those
	Refused   uint64        // changes refused because the queue was full
	Queued    int           // changes waiting now
	Octets    int           // declared by them
	Busy      time.Duration // time spent in transactions
	Last      time.Duration // of the last transaction
	Longest   time.Duration // transaction
}

// writer is the group commit: one goroutine writes, a second one acknowledges,
// so that the next batch is on its way to the disk while callers are told.
type writer struct {
	path    string
	log     *slog.Logger
	conn    *sql.Conn
	tx      *tx
	files   files
	lock    *fileLock
	commits uint64 // ever made to this database
	wal     *wal
	beside  *checkpointer

	wake  chan struct{} // the queue is not empty
	told  chan finished // transactions to acknowledge
	spare chan *batch   // empty ones
	ended sync.WaitGroup

	mu sync.Mutex
	// Guarded by mu:
	open   bool
	queue  *batch
	due    time.Time   // when later rings; zero: what is queued is being taken, or none is
	later  *time.Timer // wakes the writer for changes that may wait
	load   load
	failed error // of the last transaction
	stats  Stats
}

// finished is one transaction's changes and what became of them.
type finished struct {
	items []item
	err   error
	whole *batch // set with the last transaction of a batch
}

func newWriter(ctx context.Context, db *sql.DB, f files, commits uint64, lock *fileLock, log *slog.Logger) (*writer, error) {
	w := &writer{path: f.path, files: f, commits: commits, lock: lock, log: log, open: true, queue: newBatch(),
		wake: make(chan struct{}, 1), told: make(chan finished, 2), spare: make(chan *batch, 2)}
	w.load.owners = make(map[string]share)
	w.spare <- newBatch()
	w.spare <- newBatch()
	var err error
	if w.conn, err = db.Conn(ctx); err != nil {
		return nil, err
	}
	// SQLite forces the log when it needs that for itself; the writer does after each commit.
	if _, err = w.conn.ExecContext(ctx, "PRAGMA synchronous=NORMAL"); err != nil {
		return nil, err
	}
	if w.wal, err = openWAL(f.path); err != nil {
		return nil, err
	}
	if w.beside, err = newCheckpointer(f.path, log); err != nil {
		w.wal.close()
		return nil, err
	}
	w.tx = newTx(w.conn)
	w.later = time.AfterFunc(time.Hour, w.ring)
	w.later.Stop()
	w.ended.Add(2)
	go w.run()
	go w.tell()
	return w, nil
}

func (w *writer) enqueue(c Change, done func(error)) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.open {
		return &Error{Kind: ErrClosed}
	}
	if err := w.load.admit(&c); err != nil {
		w.stats.Refused++
		return err
	}
	if i, ok := w.queue.byKey[c.Key]; ok && c.Key != "" {
		it := &w.queue.items[i]
		if len(it.more) >= maxReplace {
			w.stats.Refused++
			return &Error{Kind: ErrQueueFull, Remedy: "too many changes of one thing wait: try again later"}
		}
		w.load.add(it.Owner, 1, c.Octets-it.Octets)
		w.stats.Coalesced++
		c.Owner = it.Owner // who is charged for it
		it.Change = c
		it.more, it.done = append(it.more, it.done), done
		w.rouse(c.Within)
		return nil
	}
	w.load.add(c.Owner, 1, c.Octets)
	if c.Key != "" {
		w.queue.byKey[c.Key] = len(w.queue.items)
	}
	w.queue.items = append(w.queue.items, item{Change: c, done: done})
	if len(w.queue.items) >= plenty {
		c.Within = 0
	}
	w.rouse(c.Within)
	return nil
}

// rouse has the queue taken, within a time at the latest. Called with mu held.
func (w *writer) rouse(within time.Duration) {
	if within <= 0 {
		select {
		case w.wake <- struct{}{}:
		default:
		}
		return
	}
	if due := time.Now().Add(within); w.due.IsZero() || due.Before(w.due) {
		w.due = due
		w.later.Reset(within)
	}
}

// ring wakes the writer for changes that have waited.
func (w *writer) ring() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.open && !w.due.IsZero() {
		w.rouse(0)
	}
}

// run takes the queue whole whenever it is free.
func (w *writer) run() {
	defer w.ended.Done()
	defer close(w.told)
	for range w.wake {
		runtime.Gosched() // what is on its way here comes along: a commit costs as much as dozens of changes
		empty := <-w.spare
		w.mu.Lock()
		b := w.queue
		w.queue, w.due = empty, time.Time{}
		w.later.Stop()
		w.mu.Unlock()
		w.write(b)
		if w.beside.rest.CompareAndSwap(true, false) {
			_ = w.tx.control(context.Background(), checkpoint) // else the next one does
		}
	}
}

// write commits a batch in transactions of bounded size.
func (w *writer) write(b *batch) {
	for rest := b.items; ; {
		f := finished{items: rest[:part(rest)]}
		rest = rest[len(f.items):]
		if len(f.items) > 0 {
			start := time.Now()
			f.err = classify(w.path, w.commit(f.items))
			w.account(f.items, time.Since(start), f.err)
		}
		if len(rest) == 0 {
			f.whole = b
			w.told <- f
			return
		}
		w.told <- f
	}
}

func (w *writer) account(items []item, took time.Duration, err error) {
	rejected := uint64(0)
	for i := range items {
		if items[i].err != nil {
			rejected++
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil {
		w.stats.Failed++
		if w.failed == nil {
			w.log.Error("store commit failed", "err", err)
		}
	} else {
		w.stats.Batches++
		w.stats.Rejected += rejected
		w.stats.Rows += uint64(len(items)) - rejected
		if w.failed != nil {
			w.log.Info("store commits again")
		}
	}
	w.failed = err
	w.stats.Busy += took
	w.stats.Last = took
	w.stats.Longest = max(w.stats.Longest, took)
}

// commit writes items in one transaction. First without savepoints, which cost
// as much as a small change; when a change fails that has written something
// already, all is undone and done again with a savepoint around each.
//
// What goes into a file that was removed is not on disk, whatever SQLite says.
func (w *writer) commit(items []item) error {
	if err := w.files.there(); err != nil {
		return err
	}
	if w.wal.lost != nil {
		return w.wal.lost
	}
	again, err := w.attempt(items, false)
	if again {
		w.mu.Lock()
		w.stats.Repeated++
		w.mu.Unlock()
		_, err = w.attempt(items, true)
	}
	if err != nil {
		return err
	}
	if err := w.wal.force(); err != nil {
		return err
	}
	if err := w.files.there(); err != nil {
		return err
	}
	w.commits++
	w.beside.committed()
	if err := w.lock.keep(w.commits); err != nil {
		return fmt.Errorf("writing the lock file: %w", err)
	}
	return nil
}

const countCommit = `UPDATE store_state SET commits = commits + 1 WHERE one = 1`

// attempt runs one transaction. again is true when a change has to be undone
// that no savepoint guards; nothing is written then.
func (w *writer) attempt(items []item, guarded bool) (again bool, err error) {
	// No deadline: a transaction that has begun is seen to its end.
	ctx := context.Background()
	if err := w.tx.control(ctx, "BEGIN IMMEDIATE"); err != nil {
		return false, fmt.Errorf("beginning transaction: %w", err)
	}
	for i := range items {
		if again, err = w.one(ctx, &items[i], guarded); again || err != nil {
			_ = w.tx.control(ctx, "ROLLBACK") // SQLite may have done so itself
			return again, err
		}
	}
	err = w.tx.control(ctx, countCommit)
	if err == nil {
		err = w.tx.control(ctx, "COMMIT")
	}
	if err != nil {
		_ = w.tx.control(ctx, "ROLLBACK")
		return false, fmt.Errorf("committing: %w", err)
	}
	return false, nil
}

// one applies one change. An error of the store itself ends the transaction;
// any other is the change's own and kept in it.
func (w *writer) one(ctx context.Context, it *item, guarded bool) (again bool, err error) {
	if guarded {
		if err := w.tx.control(ctx, "SAVEPOINT one"); err != nil {
			return false, err
		}
	}
	w.tx.begin()
	it.err = refused(w.tx.note(it.Apply(ctx, w.tx)))
	switch {
	case w.tx.broken != nil:
		return false, w.tx.broken
	case it.err != nil && w.tx.wrote && !guarded:
		return true, nil
	case it.err != nil && guarded:
		if err := w.tx.control(ctx, "ROLLBACK TO one"); err != nil {
			return false, err
		}
	}
	if guarded {
		return false, w.tx.control(ctx, "RELEASE one")
	}
	return false, nil
}

// tell acknowledges finished transactions in their order.
func (w *writer) tell() {
	defer w.ended.Done()
	for f := range w.told {
		w.mu.Lock()
		for i := range f.items { // first, so that who is told may put again
			it := &f.items[i]
			w.load.add(it.Owner, -it.waiters(), -it.Octets)
		}
		w.mu.Unlock()
		for i := range f.items {
			f.items[i].acknowledge(f.err)
		}
		if f.whole != nil {
			f.whole.reset()
			w.spare <- f.whole
		}
	}
}

// close refuses further changes and returns when the queued ones are acknowledged.
func (w *writer) close() {
	w.mu.Lock()
	was := w.open
	w.open = false
	if was {
		w.rouse(0)
		close(w.wake) // a token in it still gets its turn
	}
	w.mu.Unlock()
	if !was {
		return
	}
	w.ended.Wait()
	w.beside.close()
	w.tx.close()
	w.wal.close()
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
	return max(float64(w.load.changes)/maxQueued, float64(w.load.octets)/maxOctets)
}

func (w *writer) statistics() Stats {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.stats
	s.Queued, s.Octets = w.load.changes, w.load.octets
	return s
}
