// Package sqlstore keeps publications and manual status in the store.
package sqlstore

import (
	"context"
	"embed"
	"fmt"
	"slices"
	"time"

	"tandem/rtc"
	"tandem/rtc/presence"
	"tandem/rtc/store"
)

// Migrations of the tables, for store.Open.
//
//go:embed sqlite
var Migrations embed.FS

// Store implements presence.Store.
type Store struct{ db *store.DB }

var _ presence.Store = (*Store)(nil)

// New makes the Store over a database opened with Migrations.
func New(db *store.DB) *Store { return &Store{db} }

const put = `INSERT INTO publications (id, owner, type, body, agent, flow, since, until, count) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
	ON CONFLICT (id) DO UPDATE SET type = excluded.type, body = excluded.body, agent = excluded.agent, flow = excluded.flow,
	since = excluded.since, until = excluded.until, count = excluded.count`

// Put implements presence.Store.
func (s *Store) Put(p presence.Stored, done func(error)) error {
	return s.db.Put(store.Change{Key: "publication:" + p.ID, Owner: string(p.Owner), Octets: len(p.Body) + 256, Apply: func(ctx context.Context, tx store.Tx) error {
		_, err := tx.ExecContext(ctx, put, p.ID, string(p.Owner), p.Type, p.Body, p.From, p.Flow, p.Since.UnixMilli(), p.Until.UnixMilli(), int64(p.Count))
		return err
	}}, done)
}

// Delete implements presence.Store.
func (s *Store) Delete(id string, done func(error)) error {
	return s.db.Put(store.Change{Key: "publication:" + id, Octets: 64, Apply: func(ctx context.Context, tx store.Tx) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM publications WHERE id = $1`, id)
		return err
	}}, done)
}

// Load implements presence.Store. What ended while the server was down is
// deleted.
func (s *Store) Load(ctx context.Context, each func(presence.Stored)) error {
	now := time.Now().UnixMilli()
	rows, err := s.db.Read().QueryContext(ctx, `SELECT id, owner, type, body, agent, flow, since, until, count FROM publications`)
	if err != nil {
		return s.db.Fault("loading publications", err)
	}
	defer func() { _ = rows.Close() }()
	var ended []string
	for rows.Next() {
		var p presence.Stored
		var since, until, count int64
		if err := rows.Scan(&p.ID, (*string)(&p.Owner), &p.Type, &p.Body, &p.From, &p.Flow, &since, &until, &count); err != nil {
			return s.db.Fault("loading publications", err)
		}
		if until <= now {
			ended = append(ended, p.ID)
			continue
		}
		p.Since, p.Until, p.Count = time.UnixMilli(since), time.UnixMilli(until), uint64(count)
		each(p)
	}
	if err := rows.Err(); err != nil {
		return s.db.Fault("loading publications", err)
	}
	for part := range slices.Chunk(ended, store.MaxRows) {
		err := s.db.Do(ctx, store.Change{Octets: 64 * len(part), Apply: func(ctx context.Context, tx store.Tx) error {
			for _, id := range part {
				if _, err := tx.ExecContext(ctx, `DELETE FROM publications WHERE id = $1 AND until <= $2`, id, now); err != nil {
					return err
				}
			}
			return nil
		}})
		if err != nil {
			return fmt.Errorf("deleting ended publications: %w", err)
		}
	}
	return nil
}

// PutStatus implements presence.Store.
func (s *Store) PutStatus(ctx context.Context, user rtc.AOR, source string, m presence.Manual) error {
	err := s.db.Do(ctx, store.Change{Owner: string(user), Octets: len(m.Note) + 256, Apply: func(ctx context.Context, tx store.Tx) error {
		if m.Activity == "" {
			_, err := tx.ExecContext(ctx, `DELETE FROM presence_status WHERE owner = $1 AND source = $2`, string(user), source)
			return err
		}
		until := int64(0)
		if !m.Until.IsZero() {
			until = m.Until.UnixMilli()
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO presence_status (owner, source, activity, note, until) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (owner, source) DO UPDATE SET activity = excluded.activity, note = excluded.note, until = excluded.until`,
			string(user), source, m.Activity, m.Note, until)
		return err
	}})
	if err != nil {
		return fmt.Errorf("writing a status: %w", err)
	}
	return nil
}

// LoadStatus implements presence.Store.
func (s *Store) LoadStatus(ctx context.Context, each func(rtc.AOR, string, presence.Manual)) error {
	rows, err := s.db.Read().QueryContext(ctx, `SELECT owner, source, activity, note, until FROM presence_status`)
	if err != nil {
		return s.db.Fault("loading status", err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var owner, source string
		var m presence.Manual
		var until int64
		if err := rows.Scan(&owner, &source, &m.Activity, &m.Note, &until); err != nil {
			return s.db.Fault("loading status", err)
		}
		if until > 0 {
			m.Until = time.UnixMilli(until)
		}
		each(rtc.AOR(owner), source, m)
	}
	return s.db.Fault("loading status", rows.Err())
}
