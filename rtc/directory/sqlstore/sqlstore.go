// Package sqlstore keeps users, aliases and credentials in the store. It
// implements directory.Store and decides nothing about users.
package sqlstore

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"tandem/rtc"
	"tandem/rtc/directory"
	"tandem/rtc/store"
)

// Migrations of the tables, for store.Open.
//
//go:embed sqlite
var Migrations embed.FS

// Store implements directory.Store.
type Store struct{ db *store.DB }

var _ directory.Store = (*Store)(nil)

// New makes the Store over an open database.
func New(db *store.DB) *Store { return &Store{db} }

// Users implements directory.Store.
func (s *Store) Users(ctx context.Context, each func(directory.User)) error {
	aliases := make(map[rtc.AOR][]rtc.AOR)
	direct := make(map[rtc.AOR]map[rtc.AOR]string)
	rows, err := s.db.Read().QueryContext(ctx, `SELECT alias, aor, device FROM aliases ORDER BY alias`)
	if err != nil {
		return s.db.Fault("loading aliases", err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var alias, aor rtc.AOR
		var device string
		if err := rows.Scan(&alias, &aor, &device); err != nil {
			return s.db.Fault("loading aliases", err)
		}
		aliases[aor] = append(aliases[aor], alias)
		if device != "" {
			if direct[aor] == nil {
				direct[aor] = make(map[rtc.AOR]string)
			}
			direct[aor][alias] = device
		}
	}
	if err := rows.Err(); err != nil {
		return s.db.Fault("loading aliases", err)
	}
	users, err := s.db.Read().QueryContext(ctx, `SELECT aor, display_name, mail, department, site, extension, member_of,
		enabled, created, changed FROM users ORDER BY aor`)
	if err != nil {
		return s.db.Fault("loading users", err)
	}
	defer func() { _ = users.Close() }()
	for users.Next() {
		var u directory.User
		var groups string
		var enabled, created, changed int64
		if err := users.Scan(&u.AOR, &u.DisplayName, &u.Mail, &u.Department, &u.Site, &u.Extension, &groups, &enabled, &created, &changed); err != nil {
			return s.db.Fault("loading users", err)
		}
		u.Enabled, u.Created, u.Changed = enabled != 0, store.FromMillis(created), store.FromMillis(changed)
		u.Aliases, u.Direct = aliases[u.AOR], direct[u.AOR]
		if groups != "" {
			u.Groups = strings.Split(groups, "\n")
		}
		each(u)
	}
	return s.db.Fault("loading users", users.Err())
}

// Credentials implements directory.Store.
func (s *Store) Credentials(ctx context.Context, each func(directory.Credential)) error {
	uses, err := s.uses(ctx)
	if err != nil {
		return err
	}
	rows, err := s.db.Read().QueryContext(ctx, `SELECT aor, device, username, realm, md5, md5_long, sha256, sha512_256, created, last_used
		FROM credentials ORDER BY aor, device`)
	if err != nil {
		return s.db.Fault("loading credentials", err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var c directory.Credential
		var md5, long, sha256, sha512 []byte
		var created, used int64
		if err := rows.Scan(&c.AOR, &c.Device, &c.Username, &c.Realm, &md5, &long, &sha256, &sha512, &created, &used); err != nil {
			return s.db.Fault("loading credentials", err)
		}
		if copy(c.MD5[:], md5) != len(c.MD5) || copy(c.SHA256[:], sha256) != len(c.SHA256) ||
			copy(c.SHA512256[:], sha512) != len(c.SHA512256) || len(long) != len(c.MD5Long)*len(c.MD5) {
			return &store.Error{Kind: store.ErrCorrupt, Path: s.db.Path(), Remedy: "restore it from a backup",
				Err: fmt.Errorf("hashes of %s have the wrong size", c.AOR)}
		}
		for i := range c.MD5Long {
			copy(c.MD5Long[i][:], long[i*len(c.MD5):])
		}
		c.Created, c.LastUsed = store.FromMillis(created), store.FromMillis(used)
		if later := uses[nameHash(c.AOR, c.Device)]; later.After(c.LastUsed) && !later.Before(c.Created.Truncate(time.Second)) {
			c.LastUsed = later
		}
		each(c)
	}
	return s.db.Fault("loading credentials", rows.Err())
}

// PutUser implements directory.Store.
func (s *Store) PutUser(ctx context.Context, u directory.User) error {
	u.Aliases, u.Direct = slices.Clone(u.Aliases), maps.Clone(u.Direct) // the caller may go on before the write when ctx ends
	return s.change(ctx, "storing user", 1, func(ctx context.Context, tx store.Tx) error { return putUser(ctx, tx, u) })
}

// PutUsers implements directory.Store.
func (s *Store) PutUsers(ctx context.Context, users []directory.User, credentials []directory.Credential) error {
	users, credentials = slices.Clone(users), slices.Clone(credentials)
	for i := range users {
		users[i].Aliases, users[i].Direct = slices.Clone(users[i].Aliases), maps.Clone(users[i].Direct)
	}
	return s.change(ctx, "storing users", len(users)+len(credentials), func(ctx context.Context, tx store.Tx) error {
		for _, u := range users {
			if err := putUser(ctx, tx, u); err != nil {
				return fmt.Errorf("user %s: %w", u.AOR, err)
			}
		}
		for _, c := range credentials {
			if err := putCredential(ctx, tx, c); err != nil {
				return fmt.Errorf("credential of %s: %w", c.AOR, err)
			}
		}
		return nil
	})
}

func putUser(ctx context.Context, tx store.Tx, u directory.User) error {
	enabled := 0
	if u.Enabled {
		enabled = 1
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO users (aor, display_name, mail, department, site, extension, member_of, enabled, created, changed)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
		ON CONFLICT (aor) DO UPDATE SET display_name = excluded.display_name, mail = excluded.mail, department = excluded.department,
		site = excluded.site, extension = excluded.extension, member_of = excluded.member_of, enabled = excluded.enabled,
		created = excluded.created, changed = excluded.changed`,
		string(u.AOR), u.DisplayName, u.Mail, u.Department, u.Site, u.Extension, strings.Join(u.Groups, "\n"), enabled, store.Millis(u.Created), store.Millis(u.Changed))
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `DELETE FROM aliases WHERE aor = $1`, string(u.AOR)); err != nil {
		return err
	}
	for _, alias := range u.Aliases {
		if _, err := tx.ExecContext(ctx, `INSERT INTO aliases (alias, aor, device) VALUES ($1, $2, $3)`, string(alias), string(u.AOR), u.Direct[alias]); err != nil {
			return err
		}
	}
	return nil
}

// DeleteUser implements directory.Store.
func (s *Store) DeleteUser(ctx context.Context, aor rtc.AOR) error {
	return s.change(ctx, "deleting user", 1, func(ctx context.Context, tx store.Tx) error {
		_, err1 := tx.ExecContext(ctx, `DELETE FROM credentials WHERE aor = $1`, string(aor))
		_, err2 := tx.ExecContext(ctx, `DELETE FROM aliases WHERE aor = $1`, string(aor))
		_, err3 := tx.ExecContext(ctx, `DELETE FROM users WHERE aor = $1`, string(aor))
		return errors.Join(err1, err2, err3)
	})
}

// PutCredential implements directory.Store.
func (s *Store) PutCredential(ctx context.Context, c directory.Credential) error {
	return s.change(ctx, "storing credential", 1, func(ctx context.Context, tx store.Tx) error { return putCredential(ctx, tx, c) })
}

func putCredential(ctx context.Context, tx store.Tx, c directory.Credential) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO credentials
		(aor, device, username, realm, md5, md5_long, sha256, sha512_256, created, last_used)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
		ON CONFLICT (aor, device) DO UPDATE SET username = excluded.username, realm = excluded.realm, md5 = excluded.md5,
		md5_long = excluded.md5_long, sha256 = excluded.sha256, sha512_256 = excluded.sha512_256,
		created = excluded.created, last_used = excluded.last_used`,
		string(c.AOR), c.Device, c.Username, c.Realm, c.MD5[:], slices.Concat(c.MD5Long[0][:], c.MD5Long[1][:], c.MD5Long[2][:]),
		c.SHA256[:], c.SHA512256[:], store.Millis(c.Created), store.Millis(c.LastUsed))
	return err
}

// DeleteDevice implements directory.Store.
func (s *Store) DeleteDevice(ctx context.Context, u directory.User, device string) error {
	u.Aliases, u.Direct = slices.Clone(u.Aliases), maps.Clone(u.Direct)
	return s.change(ctx, "deleting device", 2, func(ctx context.Context, tx store.Tx) error {
		if err := putUser(ctx, tx, u); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `DELETE FROM credentials WHERE aor = $1 AND device = $2`, string(u.AOR), device)
		return err
	})
}

// rowOctets is about what a user or a credential takes in memory.
const rowOctets = 512

// change makes a change of so many rows and waits until it is on disk.
func (s *Store) change(ctx context.Context, doing string, rows int, apply func(context.Context, store.Tx) error) error {
	err := s.db.Do(ctx, store.Change{Octets: rows * rowOctets, Apply: apply})
	switch {
	case errors.Is(err, store.ErrConflict):
		return fmt.Errorf("%s: %w: %w", doing, directory.ErrExists, err)
	case err != nil:
		return fmt.Errorf("%s: %w", doing, err)
	}
	return nil
}
