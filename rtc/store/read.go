package store

import (
	"context"
	"database/sql"
	"fmt"
	"sync"
)

// Read asks the database beside the writer: it sees what is committed and
// cannot write. Statements are prepared once for each text, so texts must be
// constants. Errors of rows go through Fault.
func (db *DB) Read() Reader { return db.reads }

// Fault gives an error of the database its kind and remedy, and says what was
// being done. nil stays nil.
func (db *DB) Fault(doing string, err error) error {
	if err == nil {
		return nil
	}
	return classify(db.path, fmt.Errorf("%s: %w", doing, err))
}

// reads is the read pool with its prepared statements.
type reads struct {
	db *sql.DB

	mu sync.Mutex
	// Guarded by mu:
	statements map[string]*sql.Stmt
}

func newReads(db *sql.DB) *reads { return &reads{db: db, statements: make(map[string]*sql.Stmt)} }

// prepared is nil for a text that is to be run unprepared.
func (r *reads) prepared(ctx context.Context, query string) *sql.Stmt {
	r.mu.Lock()
	s, full := r.statements[query], len(r.statements) >= maxStatements
	r.mu.Unlock()
	if s != nil || full {
		return s
	}
	s, err := r.db.PrepareContext(ctx, query)
	if err != nil {
		return nil // running it says why
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if other := r.statements[query]; other != nil {
		_ = s.Close()
		return other
	}
	r.statements[query] = s
	return s
}

// QueryContext implements Reader.
func (r *reads) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if s := r.prepared(ctx, query); s != nil {
		return s.QueryContext(ctx, args...)
	}
	return r.db.QueryContext(ctx, query, args...)
}

// QueryRowContext implements Reader.
func (r *reads) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	if s := r.prepared(ctx, query); s != nil {
		return s.QueryRowContext(ctx, args...)
	}
	return r.db.QueryRowContext(ctx, query, args...)
}

func (r *reads) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.statements {
		_ = s.Close()
	}
}
