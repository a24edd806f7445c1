// Package sqlstore keeps the settings of users in the store. It implements
// settings.Store and decides nothing about them.
package sqlstore

import (
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"time"

	"tandem/rtc"
	"tandem/rtc/store"
	"tandem/telephony/settings"
)

// Migrations of the table, for store.Open.
//
//go:embed sqlite
var Migrations embed.FS

// Store implements settings.Store.
type Store struct{ db *store.DB }

var _ settings.Store = (*Store)(nil)

// New makes the Store over an open database.
func New(db *store.DB) *Store { return &Store{db} }

// row is the settings of a user in JSON.
type row struct {
	Always          string `json:"always,omitempty"`
	Busy            string `json:"busy,omitempty"`
	NoAnswer        string `json:"no_answer,omitempty"`
	Unreachable     string `json:"unreachable,omitempty"`
	DoNotDisturb    bool   `json:"do_not_disturb,omitempty"`
	RingSeconds     int64  `json:"ring_s,omitempty"`
	Also            string `json:"also,omitempty"`
	RefuseAnonymous bool   `json:"refuse_anonymous,omitempty"`
	Withhold        bool   `json:"withhold,omitempty"`
	NoWaiting       bool   `json:"no_waiting,omitempty"`
}

// Settings implements settings.Store.
func (s *Store) Settings(ctx context.Context, each func(settings.User)) error {
	err := store.Pages(ctx, s.db.Read(), `SELECT aor, document FROM call_settings WHERE aor > $1 ORDER BY aor LIMIT $2`, "",
		func(scan func(...any) error) (aor string, err error) {
			var document string
			if err := scan(&aor, &document); err != nil {
				return aor, err
			}
			var r row
			if err := json.Unmarshal([]byte(document), &r); err != nil {
				return aor, fmt.Errorf("settings of %s: %w", aor, err)
			}
			each(settings.User{AOR: rtc.AOR(aor), Always: r.Always, Busy: r.Busy, NoAnswer: r.NoAnswer, Unreachable: r.Unreachable,
				DoNotDisturb: r.DoNotDisturb, RingTime: time.Duration(r.RingSeconds) * time.Second, Also: r.Also,
				RefuseAnonymous: r.RefuseAnonymous, Withhold: r.Withhold, NoWaiting: r.NoWaiting})
			return aor, nil
		})
	return s.db.Fault("loading the settings of users", err)
}

// PutSettings implements settings.Store.
func (s *Store) PutSettings(ctx context.Context, u settings.User) error {
	document, err := json.Marshal(row{u.Always, u.Busy, u.NoAnswer, u.Unreachable, u.DoNotDisturb,
		int64(u.RingTime / time.Second), u.Also, u.RefuseAnonymous, u.Withhold, u.NoWaiting})
	if err != nil {
		return fmt.Errorf("settings of %s: %w", u.AOR, err)
	}
	now := time.Now().UnixMilli()
	return s.db.Do(ctx, store.Change{Key: "settings:" + string(u.AOR), Octets: len(document) + 256, Apply: func(ctx context.Context, tx store.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO call_settings (aor, document, changed) VALUES ($1, $2, $3)
			ON CONFLICT (aor) DO UPDATE SET document = excluded.document, changed = excluded.changed`, string(u.AOR), string(document), now)
		return err
	}})
}

// DeleteSettings implements settings.Store.
func (s *Store) DeleteSettings(ctx context.Context, aor rtc.AOR) error {
	return s.db.Do(ctx, store.Change{Key: "settings:" + string(aor), Octets: 256, Apply: func(ctx context.Context, tx store.Tx) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM call_settings WHERE aor = $1`, string(aor))
		return err
	}})
}
