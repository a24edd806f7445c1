// Package sqlstore keeps the documents of users in the store.
package sqlstore

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"sync"
	"time"

	"tandem/rtc"
	"tandem/rtc/contacts"
	"tandem/rtc/store"
)

// Migrations make the tables.
//
//go:embed sqlite
var Migrations embed.FS

// Store implements contacts.Store.
type Store struct {
	db *store.DB

	mu sync.Mutex
	// written counts the changes of each user since old ones were last looked for,
	// which costs more than the change. Guarded by mu.
	written map[rtc.AOR]int
}

var _ contacts.Store = (*Store)(nil)

// New makes the documents of a database opened with Migrations.
func New(db *store.DB) *Store { return &Store{db: db, written: make(map[rtc.AOR]int)} }

// maxWritten bounds the users that changes are counted of.
const maxWritten = 10_000

// aged reports whether old changes of a user are to be looked for.
func (s *Store) aged(user rtc.AOR) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n, ok := s.written[user]; ok && n < contacts.MoreChanges {
		s.written[user] = n + 1
		return false
	}
	if len(s.written) >= maxWritten {
		clear(s.written)
	}
	s.written[user] = 1
	return true
}

// All implements contacts.Store.
func (s *Store) All(ctx context.Context, usage string, each func(contacts.Document)) error {
	const query = `SELECT owner, name, version, changed, body FROM contact_documents WHERE usage = $1 ORDER BY owner, name`
	rows, err := s.db.Read().QueryContext(ctx, query, usage)
	if err != nil {
		return s.db.Fault("reading documents", err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		d := contacts.Document{Key: contacts.Key{Usage: usage}}
		var changed int64
		if err := rows.Scan((*string)(&d.User), &d.Name, &d.Version, &changed, &d.Body); err != nil {
			return s.db.Fault("reading documents", err)
		}
		d.Changed = time.UnixMilli(changed).UTC()
		each(d)
	}
	return s.db.Fault("reading documents", rows.Err())
}

// Documents implements contacts.Store.
func (s *Store) Documents(ctx context.Context, user rtc.AOR) (list []contacts.Document, err error) {
	const query = `SELECT usage, name, version, changed FROM contact_documents WHERE owner = $1 ORDER BY usage, name`
	rows, err := s.db.Read().QueryContext(ctx, query, string(user))
	if err != nil {
		return nil, s.db.Fault("listing documents", err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		d := contacts.Document{Key: contacts.Key{User: user}}
		var changed int64
		if err := rows.Scan(&d.Usage, &d.Name, &d.Version, &changed); err != nil {
			return nil, s.db.Fault("listing documents", err)
		}
		d.Changed = time.UnixMilli(changed).UTC()
		list = append(list, d)
	}
	return list, s.db.Fault("listing documents", rows.Err())
}

// Document implements contacts.Store.
func (s *Store) Document(ctx context.Context, k contacts.Key) (contacts.Document, bool, error) {
	const query = `SELECT version, changed, body FROM contact_documents WHERE owner = $1 AND usage = $2 AND name = $3`
	d := contacts.Document{Key: k}
	var changed int64
	err := s.db.Read().QueryRowContext(ctx, query, string(k.User), k.Usage, k.Name).Scan(&d.Version, &changed, &d.Body)
	if errors.Is(err, sql.ErrNoRows) {
		return contacts.Document{}, false, nil
	}
	d.Changed = time.UnixMilli(changed).UTC()
	return d, err == nil, s.db.Fault("reading a document", err)
}

// Put implements contacts.Store.
func (s *Store) Put(ctx context.Context, d contacts.Document, changes []contacts.Change) error {
	const query = `INSERT INTO contact_documents (owner, usage, name, version, changed, body) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (owner, usage, name) DO UPDATE SET version = excluded.version, changed = excluded.changed, body = excluded.body`
	aged := len(changes) > 0 && s.aged(d.User)
	return s.db.Do(ctx, store.Change{Owner: "contacts:" + string(d.User), Octets: len(d.Body) + 128*len(changes) + 512, Apply: func(ctx context.Context, tx store.Tx) error {
		if _, err := tx.ExecContext(ctx, query, string(d.User), d.Usage, d.Name, d.Version, d.Changed.UnixMilli(), d.Body); err != nil {
			return err
		}
		err := add(ctx, tx, d.User, changes)
		if err == nil && aged {
			err = prune(ctx, tx, d.User)
		}
		return err
	}})
}

// add keeps changes.
func add(ctx context.Context, tx store.Tx, user rtc.AOR, changes []contacts.Change) error {
	for _, c := range changes {
		const query = `INSERT INTO contact_changes (owner, version, address, kind) VALUES ($1, $2, $3, $4)`
		if _, err := tx.ExecContext(ctx, query, string(user), c.Version, c.Address, string(c.Kind)); err != nil {
			return err
		}
	}
	return nil
}

// prune forgets changes but those of the last versions.
func prune(ctx context.Context, tx store.Tx, user rtc.AOR) error {
	const oldest = `SELECT DISTINCT version FROM contact_changes WHERE owner = $1 ORDER BY version DESC LIMIT 1 OFFSET $2`
	var version int64
	err := tx.QueryRowContext(ctx, oldest, string(user), contacts.MaxChanges).Scan(&version)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	const horizon = `INSERT INTO contact_horizon (owner, version) VALUES ($1, $2) ON CONFLICT (owner) DO UPDATE SET version = excluded.version`
	if _, err := tx.ExecContext(ctx, horizon, string(user), version); err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `DELETE FROM contact_changes WHERE owner = $1 AND version <= $2`, string(user), version)
	return err
}

// Delete implements contacts.Store.
func (s *Store) Delete(ctx context.Context, k contacts.Key, changes []contacts.Change) error {
	const query = `DELETE FROM contact_documents WHERE owner = $1 AND usage = $2 AND name = $3`
	return s.db.Do(ctx, store.Change{Owner: "contacts:" + string(k.User), Octets: 128*len(changes) + 512, Apply: func(ctx context.Context, tx store.Tx) error {
		if _, err := tx.ExecContext(ctx, query, string(k.User), k.Usage, k.Name); err != nil {
			return err
		}
		if err := add(ctx, tx, k.User, changes); err != nil {
			return err
		}
		return prune(ctx, tx, k.User)
	}})
}

// Changes implements contacts.Store.
func (s *Store) Changes(ctx context.Context, user rtc.AOR, after int64) (list []contacts.Change, complete int64, err error) {
	err = s.db.Read().QueryRowContext(ctx, `SELECT version FROM contact_horizon WHERE owner = $1`, string(user)).Scan(&complete)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return nil, 0, s.db.Fault("reading changes of contacts", err)
	}
	const query = `SELECT version, address, kind FROM contact_changes WHERE owner = $1 AND version > $2 ORDER BY version, address`
	rows, err := s.db.Read().QueryContext(ctx, query, string(user), after)
	if err != nil {
		return nil, 0, s.db.Fault("reading changes of contacts", err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var c contacts.Change
		if err := rows.Scan(&c.Version, &c.Address, (*string)(&c.Kind)); err != nil {
			return nil, 0, s.db.Fault("reading changes of contacts", err)
		}
		list = append(list, c)
	}
	return list, complete, s.db.Fault("reading changes of contacts", rows.Err())
}

// Forget implements contacts.Store.
func (s *Store) Forget(ctx context.Context, user rtc.AOR) error {
	return s.db.Do(ctx, store.Change{Octets: 512, Apply: func(ctx context.Context, tx store.Tx) error {
		for _, query := range []string{`DELETE FROM contact_documents WHERE owner = $1`, `DELETE FROM contact_changes WHERE owner = $1`,
			`DELETE FROM contact_horizon WHERE owner = $1`} {
			if _, err := tx.ExecContext(ctx, query, string(user)); err != nil {
				return err
			}
		}
		return nil
	}})
}
