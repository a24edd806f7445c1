// Package sqlstore keeps bindings in the store: one row holds all bindings of
// one address-of-record in a compact encoding, because they are written
// together. It implements location.Store and decides nothing about bindings.
package sqlstore

import (
	"context"
	"embed"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
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

	last atomic.Int64 // number given to a row; 0: not known yet
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
	number int64
	data   []byte // empty: delete the row
	done   func(error)
	change func(context.Context, store.Tx) error // apply, as a value
	ended  func(error)                           // acknowledge, as a value
}

// PutBindings implements location.Store.
func (s *Store) PutBindings(aor rtc.AOR, number int64, bindings []location.Binding, done func(error)) (int64, error) {
	if len(aor) > math.MaxUint16 {
		return 0, fmt.Errorf("an address of %d octets", len(aor))
	}
	if number == 0 {
		var err error
		if number, err = s.next(); err != nil {
			return 0, err
		}
	}
	r := s.rows.Get().(*row)
	r.number, r.done = number, done
	r.data = appendRow(r.data[:0], aor, bindings)
	err := s.db.Put(store.Change{Key: key(number), Octets: len(r.data) + rowHead, Apply: r.change}, r.ended)
	if err != nil {
		r.release()
	}
	return number, err
}

// key names a row among the changes that wait.
func key(number int64) string {
	var room [32]byte
	return string(strconv.AppendInt(append(room[:0], "location:"...), number, 36))
}

// next is a number that no row has or had since the start.
func (s *Store) next() (int64, error) {
	if s.last.Load() == 0 {
		if err := s.readLast(); err != nil {
			return 0, s.db.Fault("reading the last number of bindings", err)
		}
	}
	return s.last.Add(1), nil
}

func (s *Store) readLast() error {
	var last int64
	if err := s.db.Read().QueryRowContext(context.Background(), `SELECT coalesce(max(number), 0) FROM bindings`).Scan(&last); err != nil {
		return err
	}
	s.last.CompareAndSwap(0, last) // unless another was quicker
	return nil
}

const (
	putRow    = `INSERT INTO bindings (number, data) VALUES ($1, $2) ON CONFLICT (number) DO UPDATE SET data = excluded.data`
	deleteRow = `DELETE FROM bindings WHERE number = $1`
)

func (r *row) apply(ctx context.Context, tx store.Tx) error {
	var err error
	if len(r.data) == 0 {
		_, err = tx.ExecContext(ctx, deleteRow, r.number)
	} else {
		_, err = tx.ExecContext(ctx, putRow, r.number, r.data)
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
	r.done = nil
	if cap(r.data) <= 4<<10 { // an odd one must not stay for ever
		r.store.rows.Put(r)
	}
}

// LoadBindings implements location.Store. Rows that ended while the server was
// down are deleted; a row that cannot be read is reported and left alone. Of two
// rows of one AOR the later one holds: whoever wrote the first was told that it
// had failed, or could not read it.
func (s *Store) LoadBindings(flow func(string) (transport.Flow, bool), each func(rtc.AOR, int64, []location.Binding)) error {
	if err := s.readLast(); err != nil { // now, since a put must not wait for it
		return s.db.Fault("loading bindings", err)
	}
	now := time.Now().UnixMilli()
	var ended []int64
	seen := make(map[rtc.AOR]struct{})
	list, err := s.db.Read().QueryContext(context.Background(), `SELECT number, data FROM bindings ORDER BY number DESC`)
	if err != nil {
		return s.db.Fault("loading bindings", err)
	}
	defer func() { _ = list.Close() }()
	for list.Next() {
		var number int64
		var data []byte
		if err := list.Scan(&number, &data); err != nil {
			return s.db.Fault("loading bindings", err)
		}
		version, aor, until, rest, ok := readRow(data)
		if !ok {
			s.log.Error("a row of bindings cannot be read", "number", number)
			continue
		}
		if _, twice := seen[aor]; twice || until <= now {
			ended = append(ended, number)
			continue
		}
		bindings, err := decodeBindings(version, rest, flow)
		if err != nil {
			s.log.Error("stored bindings cannot be read", "aor", aor, "err", err)
			continue
		}
		seen[aor] = struct{}{}
		each(aor, number, bindings)
	}
	if err := list.Err(); err != nil {
		return s.db.Fault("loading bindings", err)
	}
	return s.forget(context.Background(), ended)
}

// forget deletes rows that nobody was told of.
func (s *Store) forget(ctx context.Context, numbers []int64) error {
	for part := range slices.Chunk(numbers, store.MaxRows) {
		err := s.db.Do(ctx, store.Change{Octets: 64 * len(part), Apply: func(ctx context.Context, tx store.Tx) error {
			for _, number := range part {
				if _, err := tx.ExecContext(ctx, deleteRow, number); err != nil {
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
