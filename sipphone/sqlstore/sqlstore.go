// Package sqlstore keeps phones in the store. It implements inventory.Store and
// decides nothing about phones. What it keeps holds no secret: those of phones are
// derived.
package sqlstore

import (
	"bytes"
	"compress/flate"
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"tandem/rtc/store"
	"tandem/sipphone"
	"tandem/sipphone/inventory"
)

// Migrations of the tables, for store.Open.
//
//go:embed sqlite
var Migrations embed.FS

// Store implements inventory.Store.
type Store struct{ db *store.DB }

var _ inventory.Store = (*Store)(nil)

// New makes the Store over an open database.
func New(db *store.DB) *Store { return &Store{db} }

// Phones implements inventory.Store.
func (s *Store) Phones(ctx context.Context, each func(sipphone.Phone)) error {
	return documents(ctx, s.db, "phones", func(p sipphone.Phone) { each(p) })
}

// Seen implements inventory.Store.
func (s *Store) Seen(ctx context.Context, each func(inventory.Seen)) error {
	return documents(ctx, s.db, "phones_seen", each)
}

func documents[T any](ctx context.Context, db *store.DB, table string, each func(T)) error {
	err := store.Pages(ctx, db.Read(), `SELECT mac, document FROM `+table+` WHERE mac > $1 ORDER BY mac LIMIT $2`, "",
		func(scan func(...any) error) (mac string, err error) {
			var document []byte
			if err := scan(&mac, &document); err != nil {
				return mac, err
			}
			var v T
			if err := json.Unmarshal(document, &v); err != nil {
				return mac, fmt.Errorf("phone %s: %w", mac, err)
			}
			each(v)
			return mac, nil
		})
	return db.Fault("loading "+table, err)
}

// PutPhones implements inventory.Store.
func (s *Store) PutPhones(ctx context.Context, list []sipphone.Phone) error {
	return put(ctx, s.db, "phones", list, func(p sipphone.Phone) sipphone.MAC { return p.MAC })
}

// PutSeen implements inventory.Store.
func (s *Store) PutSeen(ctx context.Context, list []inventory.Seen) error {
	return put(ctx, s.db, "phones_seen", list, func(s inventory.Seen) sipphone.MAC { return s.MAC })
}

func put[T any](ctx context.Context, db *store.DB, table string, list []T, mac func(T) sipphone.MAC) error {
	documents := make([]string, len(list))
	octets := 0
	for i, v := range list {
		b, err := json.Marshal(v)
		if err != nil {
			return fmt.Errorf("phone %s: %w", mac(v), err)
		}
		documents[i] = string(b)
		octets += len(b) + 128
	}
	now := time.Now().UnixMilli()
	return db.Do(ctx, store.Change{Octets: octets, Apply: func(ctx context.Context, tx store.Tx) error {
		for i, v := range list {
			_, err := tx.ExecContext(ctx, `INSERT INTO `+table+` (mac, document, changed) VALUES ($1, $2, $3)
				ON CONFLICT (mac) DO UPDATE SET document = excluded.document, changed = excluded.changed`, string(mac(v)), documents[i], now)
			if err != nil {
				return fmt.Errorf("phone %s: %w", mac(v), err)
			}
		}
		return nil
	}})
}

// DeletePhone implements inventory.Store.
func (s *Store) DeletePhone(ctx context.Context, mac sipphone.MAC) error {
	return s.db.Do(ctx, store.Change{Octets: 256, Apply: func(ctx context.Context, tx store.Tx) error {
		for _, table := range []string{"phones", "phones_seen", "phones_served"} {
			if _, err := tx.ExecContext(ctx, `DELETE FROM `+table+` WHERE mac = $1`, string(mac)); err != nil {
				return err
			}
		}
		return nil
	}})
}

// maxText bounds what is read back.
const maxText = 2 << 20

// Served implements inventory.Store.
func (s *Store) Served(ctx context.Context, mac sipphone.MAC) (list []inventory.Served, err error) {
	rows, err := s.db.Read().QueryContext(ctx, `SELECT file, content, served FROM phones_served WHERE mac = $1 ORDER BY file LIMIT 1000`, string(mac))
	if err != nil {
		return nil, s.db.Fault("reading served files", err)
	}
	defer rows.Close()
	for rows.Next() {
		f := inventory.Served{MAC: mac}
		var content []byte
		var at int64
		if err := rows.Scan(&f.File, &content, &at); err != nil {
			return nil, s.db.Fault("reading served files", err)
		}
		if f.Text, err = io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(content)), maxText)); err != nil {
			return nil, fmt.Errorf("served file %s of phone %s: %w", f.File, mac, err)
		}
		f.At = time.UnixMilli(at)
		list = append(list, f)
	}
	return list, s.db.Fault("reading served files", rows.Err())
}

// PutServed implements inventory.Store.
func (s *Store) PutServed(ctx context.Context, f inventory.Served) error {
	var content bytes.Buffer
	w, err := flate.NewWriter(&content, flate.BestSpeed)
	if err != nil {
		return err
	}
	if _, err := w.Write(f.Text); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	return s.db.Do(ctx, store.Change{Octets: content.Len() + 128, Apply: func(ctx context.Context, tx store.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO phones_served (mac, file, content, served) VALUES ($1, $2, $3, $4)
			ON CONFLICT (mac, file) DO UPDATE SET content = excluded.content, served = excluded.served`,
			string(f.MAC), f.File, content.Bytes(), f.At.UnixMilli())
		return err
	}})
}
