// Package sqlstore keeps ring groups in the store. It implements group.Store and
// decides nothing about them.
package sqlstore

import (
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"time"

	"tandem/rtc"
	"tandem/rtc/store"
	"tandem/telephony/group"
)

// Migrations of the table, for store.Open.
//
//go:embed sqlite
var Migrations embed.FS

// Store implements group.Store.
type Store struct{ db *store.DB }

var _ group.Store = (*Store)(nil)

// New makes the Store over an open database.
func New(db *store.DB) *Store { return &Store{db} }

// row is a group in JSON.
type row struct {
	Note        string     `json:"note,omitempty"`
	Numbers     []string   `json:"numbers,omitempty"`
	Members     []string   `json:"members,omitempty"`
	Hunt        group.Hunt `json:"hunt"`
	RingSeconds int64      `json:"ring_s,omitempty"`
	Overflow    string     `json:"overflow,omitempty"`
	Payer       rtc.AOR    `json:"payer,omitempty"`
}

// Groups implements group.Store.
func (s *Store) Groups(ctx context.Context, each func(group.Group)) error {
	err := store.Pages(ctx, s.db.Read(), `SELECT aor, document FROM ring_groups WHERE aor > $1 ORDER BY aor LIMIT $2`, "",
		func(scan func(...any) error) (aor string, err error) {
			var document string
			if err := scan(&aor, &document); err != nil {
				return aor, err
			}
			var r row
			if err := json.Unmarshal([]byte(document), &r); err != nil {
				return aor, fmt.Errorf("group %s: %w", aor, err)
			}
			each(group.Group{AOR: rtc.AOR(aor), Note: r.Note, Numbers: r.Numbers, Members: r.Members, Hunt: r.Hunt,
				RingTime: time.Duration(r.RingSeconds) * time.Second, Overflow: r.Overflow, Payer: r.Payer})
			return aor, nil
		})
	return s.db.Fault("loading groups", err)
}

// PutGroup implements group.Store.
func (s *Store) PutGroup(ctx context.Context, g group.Group) error {
	document, err := json.Marshal(row{g.Note, g.Numbers, g.Members, g.Hunt, int64(g.RingTime / time.Second), g.Overflow, g.Payer})
	if err != nil {
		return fmt.Errorf("group %s: %w", g.AOR, err)
	}
	now := time.Now().UnixMilli()
	return s.db.Do(ctx, store.Change{Key: "group:" + string(g.AOR), Octets: len(document) + 256, Apply: func(ctx context.Context, tx store.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO ring_groups (aor, document, changed) VALUES ($1, $2, $3)
			ON CONFLICT (aor) DO UPDATE SET document = excluded.document, changed = excluded.changed`, string(g.AOR), string(document), now)
		return err
	}})
}

// DeleteGroup implements group.Store.
func (s *Store) DeleteGroup(ctx context.Context, aor rtc.AOR) error {
	return s.db.Do(ctx, store.Change{Key: "group:" + string(aor), Octets: 256, Apply: func(ctx context.Context, tx store.Tx) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM ring_groups WHERE aor = $1`, string(aor))
		return err
	}})
}
