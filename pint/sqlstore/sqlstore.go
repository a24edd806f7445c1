// Package sqlstore keeps PINT sessions in the store, sealed. It implements
// pint.Store and decides nothing about sessions.
package sqlstore

import (
	"context"
	"database/sql"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"tandem/pint"
	"tandem/rtc"
	"tandem/rtc/store"
	"tandem/rtc/store/seal"
)

// Migrations make the tables, for store.Open.
//
//go:embed sqlite
var Migrations embed.FS

// purpose of the seal.
const purpose = "pint session"

// Store implements pint.Store.
type Store struct {
	db   *store.DB
	seal *seal.Seal
}

var _ pint.Store = (*Store)(nil)

// New makes the Store over an open database. key is that of the data folder, by
// which sessions are sealed.
func New(db *store.DB, key []byte) (*Store, error) {
	s, err := seal.New(key, purpose)
	return &Store{db, s}, err
}

const put = `INSERT INTO pint_sessions (id, asked_by, origin, state, open, created, ended, data) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
	ON CONFLICT (id) DO UPDATE SET state = excluded.state, open = excluded.open, ended = excluded.ended, data = excluded.data`

// Put implements pint.Store.
func (s *Store) Put(session *pint.Session, done func(error)) error {
	text, err := json.Marshal(session)
	if err != nil {
		return fmt.Errorf("writing a PINT session: %w", err)
	}
	data := s.seal.Seal(string(text), session.ID)
	open := 0
	if session.Unfinished() {
		open = 1
	}
	id, by, origin, state := session.ID, string(session.By), session.Origin, string(session.State)
	created, ended := store.Millis(session.Created), store.Millis(session.Ended)
	return s.db.Put(store.Change{Key: "pint:" + id, Owner: by, Octets: len(data) + 512, Apply: func(ctx context.Context, tx store.Tx) error {
		_, err := tx.ExecContext(ctx, put, id, by, origin, state, open, created, ended, data)
		return err
	}}, done)
}

// Unfinished implements pint.Store.
func (s *Store) Unfinished(ctx context.Context, each func(pint.Session)) error {
	err := store.Pages(ctx, s.db.Read(), `SELECT id, data FROM pint_sessions WHERE open = 1 AND id > $1 ORDER BY id LIMIT $2`, "",
		func(scan func(...any) error) (string, error) {
			session, err := s.read(scan)
			if err != nil {
				return session.ID, err
			}
			each(session)
			return session.ID, nil
		})
	return s.db.Fault("loading PINT sessions", err)
}

// read reads one row of id and data.
func (s *Store) read(scan func(...any) error) (session pint.Session, err error) {
	var id string
	var data []byte
	if err := scan(&id, &data); err != nil {
		return session, err
	}
	text, err := s.seal.Open(data, id)
	if err == nil {
		err = json.Unmarshal([]byte(text), &session)
	}
	if err != nil {
		return session, fmt.Errorf("PINT session %s: %w", id, err)
	}
	return session, nil
}

func (s *Store) one(ctx context.Context, query string, args ...any) (pint.Session, bool, error) {
	session, err := s.read(s.db.Read().QueryRowContext(ctx, query, args...).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return pint.Session{}, false, nil
	}
	return session, err == nil, s.db.Fault("reading a PINT session", err)
}

// Session implements pint.Store.
func (s *Store) Session(ctx context.Context, id string) (pint.Session, bool, error) {
	return s.one(ctx, `SELECT id, data FROM pint_sessions WHERE id = $1`, id)
}

// Origin implements pint.Store.
func (s *Store) Origin(ctx context.Context, by rtc.AOR, origin string) (pint.Session, bool, error) {
	if origin == "" {
		return pint.Session{}, false, nil
	}
	return s.one(ctx, `SELECT id, data FROM pint_sessions WHERE asked_by = $1 AND origin = $2 AND origin <> '' ORDER BY created DESC LIMIT 1`, string(by), origin)
}

// List implements pint.Store.
func (s *Store) List(ctx context.Context, q pint.Query) (list []pint.Session, err error) {
	var where []string
	var args []any
	and := func(condition string, value any) {
		args = append(args, value)
		where = append(where, fmt.Sprintf(condition, len(args)))
	}
	if q.By != "" {
		and("asked_by = $%d", string(q.By))
	}
	if q.State != "" {
		and("state = $%d", string(q.State))
	}
	if !q.Before.IsZero() {
		and("created < $%d", store.Millis(q.Before))
	}
	query := `SELECT id, data FROM pint_sessions`
	if len(where) > 0 {
		query += " WHERE " + strings.Join(where, " AND ")
	}
	args = append(args, q.Most())
	query += fmt.Sprintf(" ORDER BY created DESC, id LIMIT $%d", len(args))
	rows, err := s.db.Read().QueryContext(ctx, query, args...)
	if err != nil {
		return nil, s.db.Fault("listing PINT sessions", err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		session, err := s.read(rows.Scan)
		if err != nil {
			return nil, s.db.Fault("listing PINT sessions", err)
		}
		list = append(list, session)
	}
	return list, s.db.Fault("listing PINT sessions", rows.Err())
}

// Prune implements pint.Store.
func (s *Store) Prune(ctx context.Context, before time.Time, limit int) (int, error) {
	const query = `DELETE FROM pint_sessions WHERE id IN (SELECT id FROM pint_sessions WHERE ended <> 0 AND ended < $1 AND open = 0 LIMIT $2)`
	var n int64
	err := s.db.Do(ctx, store.Change{Octets: 256, Apply: func(ctx context.Context, tx store.Tx) error {
		r, err := tx.ExecContext(ctx, query, store.Millis(before), min(limit, store.MaxRows))
		if err != nil {
			return err
		}
		n, err = r.RowsAffected()
		return err
	}})
	if err != nil { // n is not ours to read: the change may still be under way
		return 0, err
	}
	return int(n), nil
}

// Numbers implements pint.Store.
func (s *Store) Numbers(ctx context.Context, each func(pint.OwnNumber)) error {
	err := store.Pages(ctx, s.db.Read(), `SELECT owner, number, since, how FROM pint_numbers WHERE owner || ' ' || number > $1 ORDER BY owner || ' ' || number LIMIT $2`, "",
		func(scan func(...any) error) (string, error) {
			var n pint.OwnNumber
			var since int64
			if err := scan((*string)(&n.User), &n.Number, &since, &n.How); err != nil {
				return "", err
			}
			n.Since = time.UnixMilli(since).UTC()
			each(n)
			return string(n.User) + " " + n.Number, nil
		})
	return s.db.Fault("loading numbers of users", err)
}

// PutNumber implements pint.Store.
func (s *Store) PutNumber(ctx context.Context, n pint.OwnNumber) error {
	const query = `INSERT INTO pint_numbers (owner, number, since, how) VALUES ($1, $2, $3, $4)
		ON CONFLICT (owner, number) DO UPDATE SET since = excluded.since, how = excluded.how`
	return s.db.Do(ctx, store.Change{Octets: 512, Apply: func(ctx context.Context, tx store.Tx) error {
		_, err := tx.ExecContext(ctx, query, string(n.User), n.Number, store.Millis(n.Since), n.How)
		return err
	}})
}

// DeleteNumber implements pint.Store.
func (s *Store) DeleteNumber(ctx context.Context, user rtc.AOR, number string) error {
	return s.db.Do(ctx, store.Change{Octets: 512, Apply: func(ctx context.Context, tx store.Tx) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM pint_numbers WHERE owner = $1 AND number = $2`, string(user), number)
		return err
	}})
}

// PutWatch implements pint.Store.
func (s *Store) PutWatch(w pint.Watch, done func(error)) error {
	const query = `INSERT INTO pint_watches (id, session, asked_by, until, dialog) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (id) DO UPDATE SET until = excluded.until, dialog = excluded.dialog`
	return s.db.Put(store.Change{Key: "pint watch:" + w.ID, Owner: string(w.By), Octets: len(w.Dialog) + 512, Apply: func(ctx context.Context, tx store.Tx) error {
		_, err := tx.ExecContext(ctx, query, w.ID, w.Session, string(w.By), store.Millis(w.Until), w.Dialog)
		return err
	}}, done)
}

// DeleteWatch implements pint.Store.
func (s *Store) DeleteWatch(id string, done func(error)) error {
	return s.db.Put(store.Change{Key: "pint watch:" + id, Octets: 256, Apply: func(ctx context.Context, tx store.Tx) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM pint_watches WHERE id = $1`, id)
		return err
	}}, done)
}

// Watches implements pint.Store.
func (s *Store) Watches(ctx context.Context, each func(pint.Watch)) error {
	err := store.Pages(ctx, s.db.Read(), `SELECT id, session, asked_by, until, dialog FROM pint_watches WHERE id > $1 ORDER BY id LIMIT $2`, "",
		func(scan func(...any) error) (string, error) {
			var w pint.Watch
			var until int64
			if err := scan(&w.ID, &w.Session, (*string)(&w.By), &until, &w.Dialog); err != nil {
				return "", err
			}
			w.Until = time.UnixMilli(until).UTC()
			each(w)
			return w.ID, nil
		})
	return s.db.Fault("loading subscriptions to PINT sessions", err)
}
