// Package sqlstore keeps the rules of consent in the store.
package sqlstore

import (
	"context"
	"embed"
	"fmt"

	"tandem/rtc"
	"tandem/rtc/policy/consent"
	"tandem/rtc/store"
)

// Migrations of the table, for store.Open.
//
//go:embed sqlite
var Migrations embed.FS

// Store implements consent.Store.
type Store struct{ db *store.DB }

var _ consent.Store = (*Store)(nil)

// New makes the Store over a database opened with Migrations.
func New(db *store.DB) *Store { return &Store{db} }

// Put implements consent.Store.
func (s *Store) Put(ctx context.Context, owner rtc.AOR, rules []consent.Rule) error {
	err := s.db.Do(ctx, store.Change{Octets: 128 * (len(rules) + 1), Apply: func(ctx context.Context, tx store.Tx) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM consent WHERE owner = $1`, string(owner)); err != nil {
			return err
		}
		for i, r := range rules {
			if _, err := tx.ExecContext(ctx, `INSERT INTO consent (owner, kind, name, action, place) VALUES ($1, $2, $3, $4, $5)`,
				string(owner), string(r.Kind), r.Name, string(r.Action), i); err != nil {
				return err
			}
		}
		return nil
	}})
	if err != nil {
		return fmt.Errorf("writing consent: %w", err)
	}
	return nil
}

// Load implements consent.Store.
func (s *Store) Load(ctx context.Context, each func(rtc.AOR, []consent.Rule)) error {
	rows, err := s.db.Read().QueryContext(ctx, `SELECT owner, kind, name, action FROM consent ORDER BY owner, place`)
	if err != nil {
		return s.db.Fault("loading consent", err)
	}
	defer func() { _ = rows.Close() }()
	var owner rtc.AOR
	var list []consent.Rule
	for rows.Next() {
		var o string
		var r consent.Rule
		if err := rows.Scan(&o, (*string)(&r.Kind), &r.Name, (*string)(&r.Action)); err != nil {
			return s.db.Fault("loading consent", err)
		}
		if rtc.AOR(o) != owner && list != nil {
			each(owner, list)
			list = nil
		}
		owner, list = rtc.AOR(o), append(list, r)
	}
	if list != nil {
		each(owner, list)
	}
	return s.db.Fault("loading consent", rows.Err())
}
