// Package sqlstore keeps bindings in the store: one row holds all bindings of
// one address-of-record in a compact encoding, because they are written
// together. It implements location.Store and decides nothing about bindings.
package sqlstore

import (
	"context"
	"embed"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"tandem/rtc"
	"tandem/rtc/location"
	"tandem/rtc/store"
	"tandem/rtc/transport"
)

// Migrations of the table, for store.Open.
//
//go:embed sqlite
var Migrations embed.FS

// Store implements location.Store.
type Store struct {
	db   *store.DB
	log  *slog.Logger
	rows sync.Pool // of *row
}

var _ location.Store = (*Store)(nil)

// New makes the Store over an open database.
func New(db *store.DB, log *slog.Logger) *Store {
	s := &Store{db: db, log: log}
	s.rows.New = func() any {
		r := &row{store: s}
		r.change, r.ended = r.apply, r.acknowledge
		return r
	}
	return s
}

// row is the bindings of one AOR on their way to the disk. Rows are used again:
// a registrar writes thousands a second.
type row struct {
	store  *Store
	aor    string
	data   []byte // empty: delete the row
	until  int64  // unix ms, the latest time one of them ends
	done   func(error)
	change func(context.Context, store.Tx) error // apply, as a value
	ended  func(error)                           // acknowledge, as a value
}

// PutBindings implements location.Store.
func (s *Store) PutBindings(aor rtc.AOR, bindings []location.Binding, done func(error)) error {
	r := s.rows.Get().(*row)
	r.aor, r.until, r.done = string(aor), 0, done
	for i := range bindings {
		r.until = max(r.until, bindings[i].Expires.UnixMilli())
	}
	r.data = appendBindings(r.data[:0], bindings)
	err := s.db.Put(store.Change{Key: "location:" + r.aor, Octets: len(r.data) + len(r.aor), Apply: r.change}, r.ended)
	if err != nil {
		r.release()
	}
	return err
}

const (
	putRow = `INSERT INTO bindings (aor, data, until) VALUES ($1, $2, $3)
		ON CONFLICT (aor) DO UPDATE SET data = excluded.data, until = excluded.until`
	deleteRow = `DELETE FROM bindings WHERE aor = $1`
)

func (r *row) apply(ctx context.Context, tx store.Tx) error {
	var err error
	if len(r.data) == 0 {
		_, err = tx.ExecContext(ctx, deleteRow, r.aor)
	} else {
		_, err = tx.ExecContext(ctx, putRow, r.aor, r.data, r.until)
	}
	if err != nil {
		return fmt.Errorf("writing bindings: %w", err)
	}
	return nil
}

func (r *row) acknowledge(err error) {
	done := r.done
	r.release()
	done(err)
}

func (r *row) release() {
	r.aor, r.done = "", nil
	if cap(r.data) <= 4<<10 { // an odd one must not stay for ever
		r.store.rows.Put(r)
	}
}

// LoadBindings implements location.Store. Rows that ended while the server was
// down are deleted; a row that cannot be read is reported and left alone.
func (s *Store) LoadBindings(flow func(string) (transport.Flow, bool), each func(rtc.AOR, []location.Binding)) error {
	ctx := context.Background()
	now := time.Now().UnixMilli()
	var ended []string
	list, err := s.db.Read().QueryContext(ctx, `SELECT aor, data, until FROM bindings`)
	if err != nil {
		return s.db.Fault("loading bindings", err)
	}
	defer func() { _ = list.Close() }()
	for list.Next() {
		var aor string
		var data []byte
		var until int64
		if err := list.Scan(&aor, &data, &until); err != nil {
			return s.db.Fault("loading bindings", err)
		}
		if until <= now {
			ended = append(ended, aor)
			continue
		}
		bindings, err := decodeBindings(data, flow)
		if err != nil {
			s.log.Error("stored bindings cannot be read", "aor", aor, "err", err)
			continue
		}
		each(rtc.AOR(aor), bindings)
	}
	if err := list.Err(); err != nil {
		return s.db.Fault("loading bindings", err)
	}
	return s.forget(ctx, ended, now)
}

// forget deletes the rows of aors that ended by now.
func (s *Store) forget(ctx context.Context, aors []string, now int64) error {
	for part := range slices.Chunk(aors, store.MaxRows) {
		err := s.db.Do(ctx, store.Change{Octets: 64 * len(part), Apply: func(ctx context.Context, tx store.Tx) error {
			for _, aor := range part {
				if _, err := tx.ExecContext(ctx, `DELETE FROM bindings WHERE aor = $1 AND until <= $2`, aor, now); err != nil {
					return err
				}
			}
			return nil
		}})
		if err != nil {
			return fmt.Errorf("deleting ended bindings: %w", err)
		}
	}
	return nil
}
