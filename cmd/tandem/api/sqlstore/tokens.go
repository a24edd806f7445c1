package sqlstore

import (
	"context"
	"strings"

	"tandem/cmd/tandem/api/access"
	"tandem/rtc/store"
)

// Tokens implements access.Store.
type Tokens struct{ db *store.DB }

var _ access.Store = (*Tokens)(nil)

// NewTokens makes the Store over an open database.
func NewTokens(db *store.DB) *Tokens { return &Tokens{db} }

// Tokens implements access.Store.
func (s *Tokens) Tokens(ctx context.Context, each func(access.Token)) error {
	rows, err := s.db.Read().QueryContext(ctx, `SELECT name, hash, scopes, owner, made_by, created, expires, last_used FROM api_tokens ORDER BY name`)
	if err != nil {
		return s.db.Fault("loading tokens", err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var t access.Token
		var hash []byte
		var scopes string
		var created, expires, used int64
		if err := rows.Scan(&t.Name, &hash, &scopes, &t.User, &t.By, &created, &expires, &used); err != nil {
			return s.db.Fault("loading tokens", err)
		}
		copy(t.Hash[:], hash)
		for word := range strings.FieldsSeq(scopes) {
			t.Scopes = append(t.Scopes, access.Scope(word))
		}
		t.Created, t.Expires, t.LastUsed = store.FromMillis(created), store.FromMillis(expires), store.FromMillis(used)
		each(t)
	}
	return s.db.Fault("loading tokens", rows.Err())
}

// PutToken implements access.Store.
func (s *Tokens) PutToken(ctx context.Context, t access.Token) error {
	var scopes []string
	for _, x := range t.Scopes {
		scopes = append(scopes, string(x))
	}
	return do(ctx, s.db, "storing token", len(t.Name), func(ctx context.Context, tx store.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO api_tokens (name, hash, scopes, owner, made_by, created, expires, last_used)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (name) DO UPDATE SET hash = excluded.hash, scopes = excluded.scopes, owner = excluded.owner,
			made_by = excluded.made_by, created = excluded.created, expires = excluded.expires, last_used = excluded.last_used`,
			t.Name, t.Hash[:], strings.Join(scopes, " "), t.User, t.By, store.Millis(t.Created), store.Millis(t.Expires), store.Millis(t.LastUsed))
		return err
	})
}

// DeleteToken implements access.Store.
func (s *Tokens) DeleteToken(ctx context.Context, name string) error {
	return do(ctx, s.db, "deleting token", len(name), func(ctx context.Context, tx store.Tx) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM api_tokens WHERE name = $1`, name)
		return err
	})
}
