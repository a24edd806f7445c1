// Package sqlstore keeps the rules of policy in the store. It implements
// policy.Store and decides nothing about rules.
package sqlstore

import (
	"context"
	"embed"
	"fmt"
	"slices"

	"tandem/rtc/policy"
	"tandem/rtc/store"
)

// Migrations of the table, for store.Open.
//
//go:embed sqlite
var Migrations embed.FS

// Store implements policy.Store.
type Store struct{ db *store.DB }

var _ policy.Store = (*Store)(nil)

// New makes the Store over an open database.
func New(db *store.DB) *Store { return &Store{db} }

// Rules implements policy.Store.
func (s *Store) Rules(ctx context.Context, each func(policy.Rule)) error {
	rows, err := s.db.Read().QueryContext(ctx, `SELECT level, name, action, kind, object, allow, final, expires, reason, changed, author
		FROM policy_rules`)
	if err != nil {
		return s.db.Fault("loading policy rules", err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var r policy.Rule
		var expires, changed int64
		if err := rows.Scan(&r.Level, &r.Name, &r.Action, &r.Kind, &r.Object, &r.Allow, &r.Final, &expires, &r.Reason, &changed, &r.Author); err != nil {
			return s.db.Fault("loading policy rules", err)
		}
		r.Expires, r.Changed = store.FromMillis(expires), store.FromMillis(changed)
		each(r)
	}
	return s.db.Fault("loading policy rules", rows.Err())
}

// PutRules implements policy.Store.
func (s *Store) PutRules(ctx context.Context, rules []policy.Rule) error {
	rules = slices.Clone(rules)
	return s.change(ctx, len(rules), func(ctx context.Context, tx store.Tx) error {
		for _, r := range rules {
			_, err := tx.ExecContext(ctx, `INSERT INTO policy_rules
				(level, name, action, kind, object, allow, final, expires, reason, changed, author)
				VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
				ON CONFLICT (level, name, action, kind, object) DO UPDATE SET allow = excluded.allow, final = excluded.final,
				expires = excluded.expires, reason = excluded.reason, changed = excluded.changed, author = excluded.author`,
				string(r.Level), r.Name, r.Action, r.Kind, r.Object, bit(r.Allow), bit(r.Final), store.Millis(r.Expires), r.Reason, store.Millis(r.Changed), r.Author)
			if err != nil {
				return fmt.Errorf("rule of %s: %w", r.Scope(), err)
			}
		}
		return nil
	})
}

// DeleteRules implements policy.Store.
func (s *Store) DeleteRules(ctx context.Context, keys []policy.Key) error {
	keys = slices.Clone(keys)
	return s.change(ctx, len(keys), func(ctx context.Context, tx store.Tx) error {
		for _, k := range keys {
			_, err := tx.ExecContext(ctx, `DELETE FROM policy_rules
				WHERE level = $1 AND name = $2 AND action = $3 AND kind = $4 AND object = $5`,
				string(k.Level), k.Name, k.Action, k.Kind, k.Object)
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// rowOctets is about what a rule takes in memory.
const rowOctets = 512

func (s *Store) change(ctx context.Context, rows int, apply func(context.Context, store.Tx) error) error {
	return s.db.Do(ctx, store.Change{Octets: rows * rowOctets, Apply: apply})
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}
