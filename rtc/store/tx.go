package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"strconv"
	"strings"
)

// maxStatements bounds the prepared statements of a connection. Rooms have a
// few each; a text made from values would fill it, so what is beyond is
// prepared, run and forgotten.
const maxStatements = 512

// tx runs the statements of changes on the writer's connection. What only
// writes goes to the driver past database/sql, which would cost a small change a
// tenth of its time.
type tx struct {
	conn    *sql.Conn
	asking  map[string]*sql.Stmt
	writing map[string]driver.StmtExecContext
	run     func(driverConn any) error // exec, as a value
	query   string                     // what run is to run, and what came of it
	args    []driver.NamedValue
	result  driver.Result
	wrote   bool  // the present change has written something
	broken  error // the transaction is lost, not only the present change
}

func newTx(conn *sql.Conn) *tx {
	t := &tx{conn: conn, asking: make(map[string]*sql.Stmt), writing: make(map[string]driver.StmtExecContext)}
	t.run = t.exec
	return t
}

// begin starts the next change.
func (t *tx) begin() { t.wrote, t.broken = false, nil }

// ExecContext implements Tx.
func (t *tx) ExecContext(_ context.Context, query string, args ...any) (sql.Result, error) {
	r, err := t.execute(query, args...)
	if err != nil {
		return nil, t.note(err)
	}
	t.wrote = true
	return r, nil
}

// control runs a statement of the transaction itself.
func (t *tx) control(_ context.Context, statement string) error {
	_, err := t.execute(statement)
	return err
}

func (t *tx) execute(query string, args ...any) (driver.Result, error) {
	t.query, t.args = query, t.args[:0]
	for i, arg := range args {
		v, err := value(arg)
		if err != nil {
			return nil, fmt.Errorf("argument $%d of %q: %w", i+1, query, err)
		}
		t.args = append(t.args, driver.NamedValue{Ordinal: i + 1, Value: v})
	}
	err := t.conn.Raw(t.run)
	clear(t.args)
	return t.result, err
}

// exec is run on the driver's connection. Its context never ends: a transaction
// that has begun is seen to its end.
func (t *tx) exec(conn any) (err error) {
	ctx := context.Background()
	s := t.writing[t.query]
	if s == nil {
		if s, err = prepare(ctx, conn, t.query); err != nil {
			return fmt.Errorf("preparing %q: %w", t.query, err)
		}
		makeRoom(t.writing, func(old driver.StmtExecContext) { _ = old.(driver.Stmt).Close() })
		t.writing[t.query] = s
	}
	t.result, err = s.ExecContext(ctx, t.args)
	return err
}

func prepare(ctx context.Context, conn any, query string) (driver.StmtExecContext, error) {
	s, err := conn.(driver.ConnPrepareContext).PrepareContext(ctx, unnamed(query))
	if err != nil {
		return nil, err
	}
	return s.(driver.StmtExecContext), nil
}

// unnamed writes $1, $2, … as ? where they stand in this order. To the driver they are
// names, which it reads and looks for whenever the statement runs.
func unnamed(query string) string {
	var b strings.Builder
	for i, part := range strings.Split(query, "$") {
		if i > 0 {
			number := strconv.Itoa(i)
			rest, ok := strings.CutPrefix(part, number)
			if !ok || rest != "" && rest[0] >= '0' && rest[0] <= '9' {
				return query
			}
			b.WriteByte('?')
			part = rest
		}
		b.WriteString(part)
	}
	return b.String()
}

// makeRoom drops any statement when there are too many.
func makeRoom[S any](statements map[string]S, drop func(S)) {
	if len(statements) < maxStatements {
		return
	}
	for text, s := range statements {
		drop(s)
		delete(statements, text)
		return
	}
}

// value converts an argument as database/sql does.
func value(arg any) (driver.Value, error) {
	switch v := arg.(type) {
	case string, int64, []byte, nil:
		return v, nil
	case int:
		return int64(v), nil
	}
	return driver.DefaultParameterConverter.ConvertValue(arg)
}

func (t *tx) prepared(ctx context.Context, query string) (*sql.Stmt, error) {
	if s := t.asking[query]; s != nil {
		return s, nil
	}
	s, err := t.conn.PrepareContext(ctx, query)
	if err != nil {
		return nil, fmt.Errorf("preparing %q: %w", query, err)
	}
	makeRoom(t.asking, func(old *sql.Stmt) { _ = old.Close() })
	t.asking[query] = s
	return s, nil
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

func (t *tx) close() {
	for _, s := range t.asking {
		_ = s.Close()
	}
	_ = t.conn.Raw(func(any) error {
		for _, s := range t.writing {
			_ = s.(driver.Stmt).Close()
		}
		return nil
	})
}
