// Package sqlstore keeps messages, and the devices they wait for, in the store.
package sqlstore

import (
	"context"
	"embed"
	"strings"
	"time"

	"tandem/rtc"
	"tandem/rtc/im/kept"
	"tandem/rtc/store"
)

// Migrations make the tables.
//
//go:embed sqlite
var Migrations embed.FS

// Store implements kept.Store.
type Store struct{ db *store.DB }

var _ kept.Store = (*Store)(nil)

// New makes the messages of a database opened with Migrations.
func New(db *store.DB) *Store { return &Store{db} }

const put = `INSERT INTO im_messages (id, receiver, sender, repeat, arrived, expires, hops, held, octets, waiting, text, secure)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT (receiver, repeat) DO NOTHING`

// Put implements kept.Store.
func (s *Store) Put(m kept.Message, done func(error)) error {
	held, secure := 0, 0
	if m.Held {
		held = 1
	}
	if m.Secure {
		secure = 1
	}
	return s.db.Put(store.Change{Owner: "im:" + string(m.From), Octets: len(m.Text) + 512, Apply: func(ctx context.Context, tx store.Tx) error {
		_, err := tx.ExecContext(ctx, put, m.ID, string(m.To), string(m.From), m.Key, m.Arrived.UnixMilli(), m.Expires.UnixMilli(),
			m.Hops, held, m.Octets(), strings.Join(m.Waiting, "\n"), m.Text, secure)
		return err
	}}, done)
}

// Settle implements kept.Store.
func (s *Store) Settle(id int64, waiting []string, held bool, done func(error)) error {
	return s.db.Put(store.Change{Octets: 256, Apply: func(ctx context.Context, tx store.Tx) error {
		if len(waiting) == 0 {
			_, err := tx.ExecContext(ctx, "DELETE FROM im_messages WHERE id = $1", id)
			return err
		}
		h := 0
		if held {
			h = 1
		}
		_, err := tx.ExecContext(ctx, "UPDATE im_messages SET waiting = $1, held = $2 WHERE id = $3", strings.Join(waiting, "\n"), h, id)
		return err
	}}, done)
}

// Index implements kept.Store.
func (s *Store) Index(ctx context.Context, each func(m kept.Message, octets int)) error {
	const query = `SELECT id, receiver, sender, repeat, arrived, expires, hops, held, octets, waiting, secure
		FROM im_messages WHERE id > $1 ORDER BY id LIMIT $2`
	err := store.Pages(ctx, s.db.Read(), query, int64(-1), func(scan func(...any) error) (int64, error) {
		var m kept.Message
		octets := 0
		err := readMessage(&m, scan, &octets)
		if err == nil {
			each(m, octets)
		}
		return m.ID, err
	})
	return s.db.Fault("reading the index of messages", err)
}

// readMessage reads a row: its fixed columns, then more.
func readMessage(m *kept.Message, scan func(...any) error, more ...any) error {
	var arrived, expires, held, secure int64
	var waiting string
	octets := more[0]
	args := []any{&m.ID, (*string)(&m.To), (*string)(&m.From), &m.Key, &arrived, &expires, &m.Hops, &held, octets, &waiting, &secure}
	if err := scan(append(args, more[1:]...)...); err != nil {
		return err
	}
	m.Arrived, m.Expires, m.Held, m.Secure = time.UnixMilli(arrived).UTC(), time.UnixMilli(expires).UTC(), held != 0, secure != 0
	if waiting != "" {
		m.Waiting = strings.Split(waiting, "\n")
	}
	return nil
}

// Messages implements kept.Store.
func (s *Store) Messages(ctx context.Context, to rtc.AOR, from int64, limit int) (list []kept.Message, err error) {
	const query = `SELECT id, receiver, sender, repeat, arrived, expires, hops, held, octets, waiting, secure, text
		FROM im_messages WHERE receiver = $1 AND id >= $2 ORDER BY id LIMIT $3`
	rows, err := s.db.Read().QueryContext(ctx, query, string(to), from, limit)
	if err != nil {
		return nil, s.db.Fault("reading messages", err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var m kept.Message
		octets := 0
		if err := readMessage(&m, rows.Scan, &octets, &m.Text); err != nil {
			return nil, s.db.Fault("reading messages", err)
		}
		list = append(list, m)
	}
	return list, s.db.Fault("reading messages", rows.Err())
}

// Forget implements kept.Store.
func (s *Store) Forget(ctx context.Context, user rtc.AOR) error {
	return s.db.Do(ctx, store.Change{Octets: 512, Apply: func(ctx context.Context, tx store.Tx) error {
		for _, query := range []string{"DELETE FROM im_messages WHERE receiver = $1", "DELETE FROM im_devices WHERE owner = $1"} {
			if _, err := tx.ExecContext(ctx, query, string(user)); err != nil {
				return err
			}
		}
		return nil
	}})
}

// PutDevice implements kept.Store.
func (s *Store) PutDevice(d kept.Device, done func(error)) error {
	const query = `INSERT INTO im_devices (owner, instance, seen) VALUES ($1, $2, $3)
		ON CONFLICT (owner, instance) DO UPDATE SET seen = excluded.seen`
	return s.db.Put(store.Change{Key: "im-device:" + string(d.User) + " " + d.Instance, Octets: 256, Apply: func(ctx context.Context, tx store.Tx) error {
		_, err := tx.ExecContext(ctx, query, string(d.User), d.Instance, d.Seen.UnixMilli())
		return err
	}}, done)
}

// DeleteDevice implements kept.Store.
func (s *Store) DeleteDevice(user rtc.AOR, instance string, done func(error)) error {
	return s.db.Put(store.Change{Key: "im-device:" + string(user) + " " + instance, Octets: 256, Apply: func(ctx context.Context, tx store.Tx) error {
		_, err := tx.ExecContext(ctx, "DELETE FROM im_devices WHERE owner = $1 AND instance = $2", string(user), instance)
		return err
	}}, done)
}

// Devices implements kept.Store.
func (s *Store) Devices(ctx context.Context, each func(kept.Device)) error {
	rows, err := s.db.Read().QueryContext(ctx, "SELECT owner, instance, seen FROM im_devices")
	if err != nil {
		return s.db.Fault("reading devices", err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var d kept.Device
		var seen int64
		if err := rows.Scan((*string)(&d.User), &d.Instance, &seen); err != nil {
			return s.db.Fault("reading devices", err)
		}
		d.Seen = time.UnixMilli(seen).UTC()
		each(d)
	}
	return s.db.Fault("reading devices", rows.Err())
}
