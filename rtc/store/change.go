package store

import (
	"context"
	"database/sql"
	"time"
)

// Change is one thing to write, with whatever statements it takes. Either all
// of them take effect or none.
type Change struct {
	// Key names what the change sets, "room:id". A change takes the place of an
	// older one of its Key that still waits to be written; that one is then
	// acknowledged with it. Only a change that makes the older one needless may
	// carry its Key. "" is never replaced. Changes are written in the order of
	// Put, but for this.
	Key string

	// Owner is on whose behalf the change is made, an address-of-record for
	// instance: one owner gets at most a sixteenth of the queue. "" is the
	// server itself.
	Owner string

	// Octets is about how much memory the change holds while it waits.
	Octets int

	// Within is how long the change may wait for others that are written with it:
	// nobody waits for it, or not before then. 0: it is written as soon as can be, as
	// also when enough others have gathered.
	Within time.Duration

	// Apply runs the statements. It is called in the writer, which everybody
	// waits for: it must not block, nor call Put or Do. It may be called twice
	// (see the package comment), so it must change nothing but the database.
	// An error it returns undoes the change and is passed to done.
	Apply func(ctx context.Context, tx Tx) error
}

// Tx is the transaction as a Change sees it, valid until Apply returns.
// Statements are prepared once for each text, so texts must be constants:
// values go into the arguments ($1, $2, …).
type Tx interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	Reader
}

// Reader asks questions. Rows must be closed before the next statement of a Tx.
type Reader interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// Put queues a change. done is called once, from another goroutine, when the
// change is on disk, or with the error that prevented it; until then nothing
// may be acknowledged. done must not block.
//
// Put does not wait. When the change cannot be taken it returns the reason and
// never calls done: ErrQueueFull (answer 503 with Retry-After), ErrTooLarge or
// ErrClosed.
func (db *DB) Put(c Change, done func(error)) error { return db.w.enqueue(c, done) }

// Do puts a change and waits until it is on disk. When ctx ends first the
// change may still be made: after an error nothing that Apply writes may be read.
func (db *DB) Do(ctx context.Context, c Change) error {
	result := make(chan error, 1)
	if err := db.Put(c, func(err error) { result <- err }); err != nil {
		return err
	}
	select {
	case err := <-result:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}
