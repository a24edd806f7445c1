// Package sqlstore keeps subscriptions in the store.
package sqlstore

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"tandem/rtc"
	"tandem/rtc/event"
	"tandem/rtc/store"
)

// Migrations of the tables, for store.Open.
//
//go:embed sqlite
var Migrations embed.FS

// Store implements event.Store.
type Store struct {
	db   *store.DB
	log  *slog.Logger
	rows sync.Pool // of *row
}

var _ event.Store = (*Store)(nil)

// New makes the Store over a database opened with Migrations.
func New(db *store.DB, log *slog.Logger) *Store {
	s := &Store{db: db, log: log}
	s.rows.New = func() any {
		r := &row{store: s}
		r.change, r.ended = r.apply, r.acknowledge
		return r
	}
	return s
}

// Begin implements event.Store.
func (s *Store) Begin(ctx context.Context) (uint32, error) {
	err := s.db.Do(ctx, store.Change{Octets: 64, Apply: func(ctx context.Context, tx store.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO notifier_runs (id, run) VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET run = run + 1`)
		return err
	}})
	if err != nil {
		return 0, fmt.Errorf("counting the runs of the server: %w", err)
	}
	var run uint32
	err = s.db.Read().QueryRowContext(ctx, `SELECT run FROM notifier_runs WHERE id = 1`).Scan(&run)
	return run, s.db.Fault("counting the runs of the server", err)
}

const (
	put = `INSERT INTO subscription_rows (n, package, resource, watcher, until, data) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (n) DO UPDATE SET until = excluded.until, data = excluded.data`
	remove = `DELETE FROM subscription_rows WHERE n = $1`
)

// row is a subscription on its way to the disk. Rows are used again.
type row struct {
	store  *Store
	kept   event.Stored
	data   []byte // empty: delete the row
	done   func(error)
	change func(context.Context, store.Tx) error // apply, as a value
	ended  func(error)                           // acknowledge, as a value
}

// Put implements event.Store.
func (s *Store) Put(st event.Stored, done func(error)) error {
	r := s.rows.Get().(*row)
	r.kept, r.data, r.done = st, encode(r.data[:0], &st), done
	return r.send(string(st.Watcher))
}

// Delete implements event.Store.
func (s *Store) Delete(n int64, done func(error)) error {
	r := s.rows.Get().(*row)
	r.kept, r.data, r.done = event.Stored{Row: n}, r.data[:0], done
	return r.send("")
}

func (r *row) send(owner string) error {
	key := strconv.AppendInt(append(make([]byte, 0, 40), "subscription:"...), r.kept.Row, 36)
	err := r.store.db.Put(store.Change{Key: string(key), Owner: owner, Octets: len(r.data) + 128, Apply: r.change}, r.ended)
	if err != nil {
		r.release()
	}
	return err
}

func (r *row) apply(ctx context.Context, tx store.Tx) (err error) {
	st := &r.kept
	if len(r.data) == 0 {
		_, err = tx.ExecContext(ctx, remove, st.Row)
	} else {
		_, err = tx.ExecContext(ctx, put, st.Row, st.Package, string(st.Resource), string(st.Watcher), st.Until.UnixMilli(), r.data)
	}
	return err
}

func (r *row) acknowledge(err error) {
	done := r.done
	r.release()
	done(err)
}

func (r *row) release() {
	r.kept, r.done = event.Stored{}, nil
	if cap(r.data) <= 4<<10 { // an odd one must not stay for ever
		r.store.rows.Put(r)
	}
}

// Load implements event.Store. What ended while the server was down is deleted;
// a row that cannot be read is reported and left alone.
func (s *Store) Load(ctx context.Context, each func(event.Stored)) error {
	now := time.Now().UnixMilli()
	rows, err := s.db.Read().QueryContext(ctx, `SELECT n, until, package || char(10) || resource || char(10) || watcher, data FROM subscription_rows`)
	if err != nil {
		return s.db.Fault("loading subscriptions", err)
	}
	defer func() { _ = rows.Close() }()
	var ended []int64
	var until int64
	var who string
	var data sql.RawBytes
	for rows.Next() {
		var st event.Stored
		if err := rows.Scan(&st.Row, &until, &who, &data); err != nil {
			return s.db.Fault("loading subscriptions", err)
		}
		st.Package, who, _ = strings.Cut(who, "\n")
		resource, watcher, _ := strings.Cut(who, "\n")
		st.Resource, st.Watcher = rtc.AOR(resource), rtc.AOR(watcher)
		if until <= now {
			ended = append(ended, st.Row)
			continue
		}
		st.Until = time.UnixMilli(until)
		if err := decode(data, &st); err != nil {
			s.log.Error("a stored subscription cannot be read", "aor", string(st.Watcher), "err", err)
			continue
		}
		each(st)
	}
	if err := rows.Err(); err != nil {
		return s.db.Fault("loading subscriptions", err)
	}
	return s.forget(ctx, ended, now)
}

// forget deletes rows that ended by now.
func (s *Store) forget(ctx context.Context, rows []int64, now int64) error {
	for part := range slices.Chunk(rows, store.MaxRows) {
		err := s.db.Do(ctx, store.Change{Octets: 64 * len(part), Apply: func(ctx context.Context, tx store.Tx) error {
			for _, n := range part {
				if _, err := tx.ExecContext(ctx, `DELETE FROM subscription_rows WHERE n = $1 AND until <= $2`, n, now); err != nil {
					return err
				}
			}
			return nil
		}})
		if err != nil {
			return fmt.Errorf("deleting ended subscriptions: %w", err)
		}
	}
	return nil
}
