// Package sqlstore keeps call records in the store.
package sqlstore

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"strings"
	"time"

	"tandem/rtc/store"
	"tandem/telephony/cdr"
)

// Migrations make the table of calls.
//
//go:embed sqlite
var Migrations embed.FS

// Store implements cdr.Store.
type Store struct{ db *store.DB }

var _ cdr.Store = (*Store)(nil)

// New makes the records of a database opened with Migrations.
func New(db *store.DB) *Store { return &Store{db} }

const put = `INSERT INTO calls (id, state, caller, called, trunk, started, ended, data) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
	ON CONFLICT (id) DO UPDATE SET state = excluded.state, trunk = excluded.trunk, ended = excluded.ended, data = excluded.data`

// What many calls have to write in this time is written together: whoever answers one
// takes longer than that, and nobody waits for its end to be on record.
const within = 10 * time.Millisecond

// Put implements cdr.Store.
func (s *Store) Put(r cdr.Record, done func(error)) error {
	data, err := textOf(&r)
	if err != nil {
		return fmt.Errorf("writing a call's record: %w", err)
	}
	// The row is made at once: it takes less than the record, which would wait with it.
	row := []any{r.ID, string(r.State), string(r.From), string(r.Called), r.Trunk, store.Millis(r.Started), store.Millis(r.Ended), data}
	return s.db.Put(store.Change{Key: "call:" + r.ID, Octets: len(data) + 512, Within: within, Apply: func(ctx context.Context, tx store.Tx) error {
		_, err := tx.ExecContext(ctx, put, row...)
		return err
	}}, done)
}

// Interrupt implements cdr.Store.
func (s *Store) Interrupt(ctx context.Context, at time.Time) (total int, err error) {
	const query = `UPDATE calls SET state = 'interrupted', ended = $1 WHERE id IN (SELECT id FROM calls WHERE state = 'open' LIMIT $2)`
	for {
		var n int64
		err := s.db.Do(ctx, store.Change{Octets: 256, Apply: func(ctx context.Context, tx store.Tx) error {
			r, err := tx.ExecContext(ctx, query, store.Millis(at), store.MaxRows)
			if err != nil {
				return err
			}
			n, err = r.RowsAffected()
			return err
		}})
		if err != nil { // n is not ours to read: the change may still be under way
			return total, err
		}
		if total += int(n); n < store.MaxRows {
			return total, nil
		}
	}
}

const columns = `SELECT id, state, caller, called, trunk, started, ended, data FROM calls`

// List implements cdr.Store.
func (s *Store) List(ctx context.Context, q cdr.Query) ([]cdr.Record, error) {
	if q.User == "" {
		return s.list(ctx, q, "", "")
	}
	// One look-up in each index is quicker than a look through all for either.
	calls, err := s.list(ctx, q, "caller", string(q.User))
	if err != nil {
		return nil, err
	}
	called, err := s.list(ctx, q, "called", string(q.User))
	return merge(calls, called, q.Most()), err
}

func (s *Store) list(ctx context.Context, q cdr.Query, column, value string) ([]cdr.Record, error) {
	where, args := conditions(q)
	if column != "" {
		args = append(args, value)
		where = append(where, fmt.Sprintf("%s = $%d", column, len(args)))
	}
	if column == "called" {
		where = append(where, "called <> ''") // its index has no others
	}
	query := columns
	if len(where) > 0 {
		query += " WHERE " + strings.Join(where, " AND ")
	}
	args = append(args, q.Most())
	list, err := s.page(ctx, query+fmt.Sprintf(" ORDER BY started DESC LIMIT $%d", len(args)), args)
	return list, s.db.Fault("listing calls", err)
}

// conditions are what of a query is not about a user.
func conditions(q cdr.Query) (where []string, args []any) {
	and := func(condition string, value any) {
		args = append(args, value)
		where = append(where, fmt.Sprintf(condition, len(args)))
	}
	if q.State != "" {
		and("state = $%d", string(q.State))
	}
	if q.Trunk != "" {
		and("trunk = $%d", q.Trunk)
	}
	if !q.After.IsZero() {
		and("started >= $%d", store.Millis(q.After))
	}
	if !q.Before.IsZero() {
		and("started < $%d", store.Millis(q.Before))
	}
	return where, args
}

// place is where a record stands in the order of Each.
type place struct {
	started int64
	id      string
}

// Each implements cdr.Store.
func (s *Store) Each(ctx context.Context, q cdr.Query, f func(*cdr.Record) error) error {
	at := place{started: -1}
	if !q.After.IsZero() {
		at.started = store.Millis(q.After) - 1
		q.After = time.Time{} // a second bound would have every page begin at the first
	}
	where, args := conditions(q)
	if q.User != "" {
		args = append(args, string(q.User))
		where = append(where, fmt.Sprintf("(caller = $%[1]d OR called = $%[1]d)", len(args)))
	}
	n := len(args)
	where = append(where, fmt.Sprintf("(started, id) > ($%d, $%d)", n+1, n+2))
	query := columns + " WHERE " + strings.Join(where, " AND ") + fmt.Sprintf(" ORDER BY started, id LIMIT $%d", n+3)
	var r cdr.Record // the one that is read next takes its place, lists included
	turn := turn{began: time.Now()}
	for {
		told, err := s.stream(ctx, query, append(args[:n:n], at.started, at.id, store.MaxRows), &r, func(r *cdr.Record) error {
			turn.give()
			return f(r)
		})
		if err != nil || told < store.MaxRows {
			return err
		}
		at = place{store.Millis(r.Started), r.ID}
	}
}

// turn has whoever reads very many records let others go on, such as phones that
// register: Go takes a processor away only after ten milliseconds.
type turn struct{ began time.Time }

const (
	turnTakes = time.Millisecond
	turnRests = 20 * time.Microsecond // or as long as the others are at work
)

// give lets others go on when a turn is over.
func (t *turn) give() {
	if time.Since(t.began) > turnTakes {
		time.Sleep(turnRests)
		t.began = time.Now()
	}
}

// stream tells f the records that a query selects, each in r, and returns how many
// there were.
func (s *Store) stream(ctx context.Context, query string, args []any, r *cdr.Record, f func(*cdr.Record) error) (told int, err error) {
	const doing = "reading records of calls"
	rows, err := s.db.Read().QueryContext(ctx, query, args...)
	if err != nil {
		return 0, s.db.Fault(doing, err)
	}
	defer func() { _ = rows.Close() }()
	var in scanned
	fields := in.fields(r)
	for rows.Next() {
		if err := rows.Scan(fields...); err != nil {
			return told, s.db.Fault(doing, err)
		}
		if err := in.into(r); err != nil {
			return told, err
		}
		if err := f(r); err != nil {
			return told, err
		}
		told++
	}
	return told, s.db.Fault(doing, rows.Err())
}

// page reads the records that a query selects.
func (s *Store) page(ctx context.Context, query string, args []any) (list []cdr.Record, err error) {
	rows, err := s.db.Read().QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		r, err := read(rows.Scan)
		if err != nil {
			return nil, err
		}
		list = append(list, r)
	}
	return list, rows.Err()
}

// Prune implements cdr.Store.
func (s *Store) Prune(ctx context.Context, before time.Time) (int, error) {
	n, err := s.db.Purge(ctx, "calls", "id", "started < $1 AND state <> 'open'", store.Millis(before))
	return int(n), err
}

// merge joins two lists, each the latest first, without what is in both.
func merge(a, b []cdr.Record, most int) []cdr.Record {
	var all []cdr.Record
	for len(all) < most && len(a)+len(b) > 0 {
		switch {
		case len(a) > 0 && len(b) > 0 && a[0].ID == b[0].ID:
			b = b[1:]
		case len(b) == 0 || len(a) > 0 && !a[0].Started.Before(b[0].Started):
			all, a = append(all, a[0]), a[1:]
		default:
			all, b = append(all, b[0]), b[1:]
		}
	}
	return all
}

// Record implements cdr.Store.
func (s *Store) Record(ctx context.Context, id string) (cdr.Record, bool, error) {
	r, err := read(s.db.Read().QueryRowContext(ctx, columns+" WHERE id = $1", id).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return cdr.Record{}, false, nil
	}
	return r, err == nil, s.db.Fault("reading a call's record", err)
}

// fromMillis reads a time as records show it, in UTC.
func fromMillis(ms int64) time.Time { return store.FromMillis(ms).UTC() }
