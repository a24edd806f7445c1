// Package sqlstore keeps limits of calls in the store. It implements guard.Store
// and decides nothing about calls.
package sqlstore

import (
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"time"

	"tandem/rtc/store"
	"tandem/telephony/guard"
)

// Migrations of the table, for store.Open.
//
//go:embed sqlite
var Migrations embed.FS

// Store implements guard.Store.
type Store struct{ db *store.DB }

var _ guard.Store = (*Store)(nil)

// New makes the Store over an open database.
func New(db *store.DB) *Store { return &Store{db} }

// Limits implements guard.Store.
func (s *Store) Limits(ctx context.Context, each func(guard.Limit)) error {
	rows, err := s.db.Read().QueryContext(ctx, `SELECT document FROM call_limits ORDER BY level, name, kind LIMIT $1`, guard.MaxLimits)
	if err != nil {
		return s.db.Fault("loading limits of calls", err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var document []byte
		var l guard.Limit
		if err := rows.Scan(&document); err != nil {
			return s.db.Fault("loading limits of calls", err)
		}
		if err := json.Unmarshal(document, &l); err != nil {
			return fmt.Errorf("a limit of calls: %w", err)
		}
		each(l)
	}
	return s.db.Fault("loading limits of calls", rows.Err())
}

// PutLimit implements guard.Store.
func (s *Store) PutLimit(ctx context.Context, l guard.Limit) error {
	document, err := json.Marshal(l)
	if err != nil {
		return fmt.Errorf("limit of %s: %w", l.Scope(), err)
	}
	now := time.Now().UnixMilli()
	return s.db.Do(ctx, store.Change{Octets: len(document) + 256, Apply: func(ctx context.Context, tx store.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO call_limits (level, name, kind, document, changed) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (level, name, kind) DO UPDATE SET document = excluded.document, changed = excluded.changed`,
			string(l.Level), l.Name, l.Kind, string(document), now)
		return err
	}})
}

// DeleteLimit implements guard.Store.
func (s *Store) DeleteLimit(ctx context.Context, k guard.Key) error {
	return s.db.Do(ctx, store.Change{Octets: 256, Apply: func(ctx context.Context, tx store.Tx) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM call_limits WHERE level = $1 AND name = $2 AND kind = $3`, string(k.Level), k.Name, k.Kind)
		return err
	}})
}
