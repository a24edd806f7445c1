package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"tandem/rtc"
	"tandem/rtc/directory"
)

var _ directory.Store = (*DB)(nil)

// Users implements directory.Store.
func (db *DB) Users(ctx context.Context, each func(directory.User)) error {
	aliases := make(map[rtc.AOR][]rtc.AOR)
	rows, err := db.read.QueryContext(ctx, `SELECT alias, aor FROM aliases ORDER BY alias`)
	if err != nil {
		return classify(db.path, fmt.Errorf("loading aliases: %w", err))
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var alias, aor rtc.AOR
		if err := rows.Scan(&alias, &aor); err != nil {
			return classify(db.path, fmt.Errorf("loading aliases: %w", err))
		}
		aliases[aor] = append(aliases[aor], alias)
	}
	if err := rows.Err(); err != nil {
		return classify(db.path, fmt.Errorf("loading aliases: %w", err))
	}
	users, err := db.read.QueryContext(ctx, `SELECT aor, display_name, enabled, created, changed FROM users ORDER BY aor`)
	if err != nil {
		return classify(db.path, fmt.Errorf("loading users: %w", err))
	}
	defer func() { _ = users.Close() }()
	for users.Next() {
		var u directory.User
		var enabled, created, changed int64
		if err := users.Scan(&u.AOR, &u.DisplayName, &enabled, &created, &changed); err != nil {
			return classify(db.path, fmt.Errorf("loading users: %w", err))
		}
		u.Enabled, u.Created, u.Changed = enabled != 0, fromMillis(created), fromMillis(changed)
		u.Aliases = aliases[u.AOR]
		each(u)
	}
	return classify(db.path, users.Err())
}

// Credentials implements directory.Store.
func (db *DB) Credentials(ctx context.Context, each func(directory.Credential)) error {
	rows, err := db.read.QueryContext(ctx, `SELECT aor, device, username, realm, md5, md5_long, sha256, sha512_256, created, last_used
		FROM credentials ORDER BY aor, device`)
	if err != nil {
		return classify(db.path, fmt.Errorf("loading credentials: %w", err))
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var c directory.Credential
		var md5, long, sha256, sha512 []byte
		var created, used int64
		if err := rows.Scan(&c.AOR, &c.Device, &c.Username, &c.Realm, &md5, &long, &sha256, &sha512, &created, &used); err != nil {
			return classify(db.path, fmt.Errorf("loading credentials: %w", err))
		}
		if copy(c.MD5[:], md5) != len(c.MD5) || copy(c.SHA256[:], sha256) != len(c.SHA256) ||
			copy(c.SHA512256[:], sha512) != len(c.SHA512256) || len(long) != len(c.MD5Long)*len(c.MD5) {
			return &Error{Kind: ErrCorrupt, Path: db.path, Remedy: "restore it from a backup",
				Err: fmt.Errorf("hashes of %s have the wrong size", c.AOR)}
		}
		for i := range c.MD5Long {
			copy(c.MD5Long[i][:], long[i*len(c.MD5):])
		}
		c.Created, c.LastUsed = fromMillis(created), fromMillis(used)
		each(c)
	}
	return classify(db.path, rows.Err())
}

// PutUser implements directory.Store. An alias that another user has is ErrConflict.
func (db *DB) PutUser(ctx context.Context, u directory.User) error {
	u.Aliases = slices.Clone(u.Aliases) // the caller may go on before the write when ctx ends
	err := db.change(ctx, func(ctx context.Context, tx execer) error { return putUser(ctx, tx, u) })
	return wrap("storing user", err)
}

// PutUsers implements directory.Store.
func (db *DB) PutUsers(ctx context.Context, users []directory.User, credentials []directory.Credential) error {
	users, credentials = slices.Clone(users), slices.Clone(credentials)
	for i := range users {
		users[i].Aliases = slices.Clone(users[i].Aliases)
	}
	err := db.change(ctx, func(ctx context.Context, tx execer) error {
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
	return wrap("storing users", err)
}

func putUser(ctx context.Context, tx execer, u directory.User) error {
	enabled := 0
	if u.Enabled {
		enabled = 1
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO users (aor, display_name, enabled, created, changed) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (aor) DO UPDATE SET display_name = excluded.display_name, enabled = excluded.enabled,
		created = excluded.created, changed = excluded.changed`,
		string(u.AOR), u.DisplayName, enabled, millis(u.Created), millis(u.Changed))
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `DELETE FROM aliases WHERE aor = $1`, string(u.AOR)); err != nil {
		return err
	}
	for _, alias := range u.Aliases {
		if _, err := tx.ExecContext(ctx, `INSERT INTO aliases (alias, aor) VALUES ($1, $2)`, string(alias), string(u.AOR)); err != nil {
			return err
		}
	}
	return nil
}

// DeleteUser implements directory.Store.
func (db *DB) DeleteUser(ctx context.Context, aor rtc.AOR) error {
	err := db.change(ctx, func(ctx context.Context, tx execer) error {
		_, err1 := tx.ExecContext(ctx, `DELETE FROM credentials WHERE aor = $1`, string(aor))
		_, err2 := tx.ExecContext(ctx, `DELETE FROM aliases WHERE aor = $1`, string(aor))
		_, err3 := tx.ExecContext(ctx, `DELETE FROM users WHERE aor = $1`, string(aor))
		return errors.Join(err1, err2, err3)
	})
	return wrap("deleting user", err)
}

// PutCredential implements directory.Store.
func (db *DB) PutCredential(ctx context.Context, c directory.Credential) error {
	err := db.change(ctx, func(ctx context.Context, tx execer) error { return putCredential(ctx, tx, c) })
	return wrap("storing credential", err)
}

func putCredential(ctx context.Context, tx execer, c directory.Credential) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO credentials
		(aor, device, username, realm, md5, md5_long, sha256, sha512_256, created, last_used)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
		ON CONFLICT (aor, device) DO UPDATE SET username = excluded.username, realm = excluded.realm, md5 = excluded.md5,
		md5_long = excluded.md5_long, sha256 = excluded.sha256, sha512_256 = excluded.sha512_256,
		created = excluded.created, last_used = excluded.last_used`,
		string(c.AOR), c.Device, c.Username, c.Realm, c.MD5[:], slices.Concat(c.MD5Long[0][:], c.MD5Long[1][:], c.MD5Long[2][:]),
		c.SHA256[:], c.SHA512256[:], millis(c.Created), millis(c.LastUsed))
	return err
}

// DeleteCredential implements directory.Store.
func (db *DB) DeleteCredential(ctx context.Context, aor rtc.AOR, device string) error {
	err := db.change(ctx, func(ctx context.Context, tx execer) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM credentials WHERE aor = $1 AND device = $2`, string(aor), device)
		return err
	})
	return wrap("deleting credential", err)
}

func wrap(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// millis writes the zero time as 0.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func fromMillis(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms)
}
