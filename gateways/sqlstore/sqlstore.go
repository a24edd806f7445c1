// Package sqlstore keeps trunks in the store, their secrets sealed. It implements
// gateways.Store and decides nothing about trunks.
package sqlstore

import (
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"tandem/gateways"
	"tandem/rtc/store"
	"tandem/rtc/store/seal"
)

// Migrations of the table, for store.Open.
//
//go:embed sqlite
var Migrations embed.FS

// purpose of the seal of secrets.
const purpose = "trunk secret"

// Store implements gateways.Store.
type Store struct {
	db   *store.DB
	seal *seal.Seal
	log  *slog.Logger
}

var _ gateways.Store = (*Store)(nil)

// New makes the Store over an open database. key is that of the data folder, by
// which secrets are sealed.
func New(db *store.DB, key []byte, log *slog.Logger) (*Store, error) {
	s, err := seal.New(key, purpose)
	return &Store{db, s, log}, err
}

// Trunks implements gateways.Store. A secret that cannot be opened is left out:
// the trunk still takes calls that need none, and the log says what to do.
func (s *Store) Trunks(ctx context.Context, each func(gateways.Trunk)) error {
	err := store.Pages(ctx, s.db.Read(), `SELECT name, document, secret FROM trunks WHERE name > $1 ORDER BY name LIMIT $2`, "",
		func(scan func(...any) error) (name string, err error) {
			var document, secret []byte
			if err := scan(&name, &document, &secret); err != nil {
				return name, err
			}
			var t gateways.Trunk
			if err := json.Unmarshal(document, &t); err != nil {
				return name, fmt.Errorf("trunk %q: %w", name, err)
			}
			if t.Name = name; secret != nil {
				text, err := s.seal.Open(secret, name)
				if err != nil {
					s.log.Error("secret of a trunk left out", "trunk", name, "err", err)
				}
				t.Digest.Secret = gateways.Secret(text)
			}
			each(t)
			return name, nil
		})
	return s.db.Fault("loading trunks", err)
}

// PutTrunks implements gateways.Store.
func (s *Store) PutTrunks(ctx context.Context, list []gateways.Trunk) error {
	type row struct {
		name, document string
		secret         []byte
	}
	var rows []row
	octets := 0
	for _, t := range list {
		document, err := json.Marshal(t)
		if err != nil {
			return fmt.Errorf("trunk %q: %w", t.Name, err)
		}
		r := row{name: t.Name, document: string(document)}
		if t.Digest.Secret != "" {
			r.secret = s.seal.Seal(string(t.Digest.Secret), t.Name)
		}
		rows = append(rows, r)
		octets += len(document) + len(r.secret) + 256
	}
	now := time.Now().UnixMilli()
	return s.db.Do(ctx, store.Change{Octets: octets, Apply: func(ctx context.Context, tx store.Tx) error {
		for _, r := range rows {
			_, err := tx.ExecContext(ctx, `INSERT INTO trunks (name, document, secret, changed) VALUES ($1, $2, $3, $4)
				ON CONFLICT (name) DO UPDATE SET document = excluded.document, secret = excluded.secret, changed = excluded.changed`,
				r.name, r.document, r.secret, now)
			if err != nil {
				return fmt.Errorf("trunk %q: %w", r.name, err)
			}
		}
		return nil
	}})
}

// DeleteTrunk implements gateways.Store.
func (s *Store) DeleteTrunk(ctx context.Context, name string) error {
	return s.db.Do(ctx, store.Change{Octets: 256, Apply: func(ctx context.Context, tx store.Tx) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM trunks WHERE name = $1`, name)
		return err
	}})
}
