package store

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
)

// maxStatements bounds the prepared statements of a connection. Rooms have a
// few each; a text made from values would fill it, so what is beyond is
// prepared, run and forgotten.
const maxStatements = 512

// tx runs the statements of changes on the writer's connection.
type tx struct {
	conn       *sql.Conn
	statements map[string]*sql.Stmt
	wrote      bool  // the present change has written something
	broken     error // the transaction is lost, not only the present change
}

func newTx(conn *sql.Conn) *tx { return &tx{conn: conn, statements: make(map[string]*sql.Stmt)} }

// begin starts the next change.
func (t *tx) begin() { t.wrote, t.broken = false, nil }

func (t *tx) prepared(ctx context.Context, query string) (*sql.Stmt, error) {
	if s := t.statements[query]; s != nil {
		return s, nil
	}
	s, err := t.conn.PrepareContext(ctx, query)
	if err != nil {
		return nil, fmt.Errorf("preparing %q: %w", query, err)
	}
	if len(t.statements) >= maxStatements {
		for text, old := range t.statements { // any
			_ = old.Close()
			delete(t.statements, text)
			break
		}
	}
	t.statements[query] = s
	return s, nil
}

// ExecContext implements Tx.
func (t *tx) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	s, err := t.prepared(ctx, query)
	if err != nil {
		return nil, t.note(err)
	}
	r, err := s.ExecContext(ctx, args...)
	if err != nil {
		return nil, t.note(err)
	}
	t.wrote = true
	return r, nil
}

// QueryContext implements Reader.
func (t *tx) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	t.asks(query)
	s, err := t.prepared(ctx, query)
	if err != nil {
		return nil, t.note(err)
	}
	rows, err := s.QueryContext(ctx, args...)
	return rows, t.note(err)
}

// QueryRowContext implements Reader.
func (t *tx) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	t.asks(query)
	s, err := t.prepared(ctx, query)
	if err != nil {
		return t.conn.QueryRowContext(ctx, query, args...) // says the same error
	}
	row := s.QueryRowContext(ctx, args...)
	_ = t.note(row.Err()) // Scan says it
	return row
}

// asks notes that rows are asked for, by a statement that may write all the
// same (RETURNING).
func (t *tx) asks(query string) { t.wrote = t.wrote || !strings.HasPrefix(query, "SELECT") }

// note remembers an error that costs the whole transaction.
func (t *tx) note(err error) error {
	if err != nil && breaks(err) {
		t.broken = err
	}
	return err
}

// control runs a statement of the transaction itself.
func (t *tx) control(ctx context.Context, statement string) error {
	s, err := t.prepared(ctx, statement)
	if err == nil {
		_, err = s.ExecContext(ctx)
	}
	return err
}

func (t *tx) close() {
	for _, s := range t.statements {
		_ = s.Close()
	}
}
