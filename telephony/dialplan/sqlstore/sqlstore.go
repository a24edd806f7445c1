// Package sqlstore keeps the dial plan in the store. It implements dialplan.Store
// and decides nothing about numbers.
package sqlstore

import (
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"time"

	"tandem/rtc/store"
	"tandem/telephony/dialplan"
)

// Migrations of the table, for store.Open.
//
//go:embed sqlite
var Migrations embed.FS

// Store implements dialplan.Store.
type Store struct{ db *store.DB }

var _ dialplan.Store = (*Store)(nil)

// New makes the Store over an open database.
func New(db *store.DB) *Store { return &Store{db} }

// Rules implements dialplan.Store.
func (s *Store) Rules(ctx context.Context, each func(dialplan.Rule)) error {
	rows, err := s.db.Read().QueryContext(ctx, `SELECT document FROM dialplan ORDER BY name LIMIT $1`, dialplan.MaxRules)
	if err != nil {
		return s.db.Fault("loading the dial plan", err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var document []byte
		var r dialplan.Rule
		if err := rows.Scan(&document); err != nil {
			return s.db.Fault("loading the dial plan", err)
		}
		if err := json.Unmarshal(document, &r); err != nil {
			return fmt.Errorf("a rule of the dial plan: %w", err)
		}
		each(r)
	}
	return s.db.Fault("loading the dial plan", rows.Err())
}

// PutRule implements dialplan.Store.
func (s *Store) PutRule(ctx context.Context, r dialplan.Rule) error {
	document, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("rule %q: %w", r.Name, err)
	}
	now := time.Now().UnixMilli()
	return s.db.Do(ctx, store.Change{Octets: len(document) + 256, Apply: func(ctx context.Context, tx store.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO dialplan (name, document, changed) VALUES ($1, $2, $3)
			ON CONFLICT (name) DO UPDATE SET document = excluded.document, changed = excluded.changed`, r.Name, string(document), now)
		return err
	}})
}

// DeleteRule implements dialplan.Store.
func (s *Store) DeleteRule(ctx context.Context, name string) error {
	return s.db.Do(ctx, store.Change{Octets: 256, Apply: func(ctx context.Context, tx store.Tx) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM dialplan WHERE name = $1`, name)
		return err
	}})
}
