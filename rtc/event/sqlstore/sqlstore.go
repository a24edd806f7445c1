// Package sqlstore keeps subscriptions in the store.
package sqlstore

import (
	"context"
	"embed"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"tandem/rtc/event"
	"tandem/rtc/store"
)

// Migrations of the tables, for store.Open.
//
//go:embed sqlite
var Migrations embed.FS

// Store implements event.Store.
type Store struct {
	db  *store.DB
	log *slog.Logger
}

var _ event.Store = (*Store)(nil)

// New makes the Store over a database opened with Migrations.
func New(db *store.DB, log *slog.Logger) *Store { return &Store{db, log} }

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

const put = `INSERT INTO subscriptions (id, package, resource, watcher, until, data) VALUES ($1, $2, $3, $4, $5, $6)
	ON CONFLICT (id) DO UPDATE SET until = excluded.until, data = excluded.data`

// Put implements event.Store.
func (s *Store) Put(st event.Stored, done func(error)) error {
	data := encode(&st)
	return s.db.Put(store.Change{Key: "subscription:" + st.ID, Owner: string(st.Watcher), Octets: len(data) + 256, Apply: func(ctx context.Context, tx store.Tx) error {
		_, err := tx.ExecContext(ctx, put, st.ID, st.Package, string(st.Resource), string(st.Watcher), st.Until.UnixMilli(), data)
		return err
	}}, done)
}

// Delete implements event.Store.
func (s *Store) Delete(id string, done func(error)) error {
	return s.db.Put(store.Change{Key: "subscription:" + id, Octets: 64, Apply: func(ctx context.Context, tx store.Tx) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM subscriptions WHERE id = $1`, id)
		return err
	}}, done)
}

// Load implements event.Store. What ended while the server was down is deleted;
// a row that cannot be read is reported and left alone.
func (s *Store) Load(ctx context.Context, each func(event.Stored)) error {
	now := time.Now().UnixMilli()
	rows, err := s.db.Read().QueryContext(ctx, `SELECT id, package, resource, watcher, until, data FROM subscriptions`)
	if err != nil {
		return s.db.Fault("loading subscriptions", err)
	}
	defer func() { _ = rows.Close() }()
	var ended []string
	for rows.Next() {
		var st event.Stored
		var until int64
		var data []byte
		if err := rows.Scan(&st.ID, &st.Package, (*string)(&st.Resource), (*string)(&st.Watcher), &until, &data); err != nil {
			return s.db.Fault("loading subscriptions", err)
		}
		if until <= now {
			ended = append(ended, st.ID)
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
func (s *Store) forget(ctx context.Context, ids []string, now int64) error {
	for part := range slices.Chunk(ids, store.MaxRows) {
		err := s.db.Do(ctx, store.Change{Octets: 64 * len(part), Apply: func(ctx context.Context, tx store.Tx) error {
			for _, id := range part {
				if _, err := tx.ExecContext(ctx, `DELETE FROM subscriptions WHERE id = $1 AND until <= $2`, id, now); err != nil {
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
