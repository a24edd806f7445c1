package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
)

// Snapshot writes a copy of the database to a new file, as it is at one moment
// after the call, while changes go on. It needs no file that is there: what was
// removed under the server can be saved by it.
func (db *DB) Snapshot(ctx context.Context, to string) error {
	c, err := db.read.Conn(ctx)
	if err != nil {
		return db.Fault("taking a snapshot", err)
	}
	defer func() { _ = c.Close() }()
	if _, err := c.ExecContext(ctx, "PRAGMA query_only = 0"); err != nil { // SQLite takes the copy for a write
		return db.Fault("taking a snapshot", err)
	}
	err = vacuumInto(ctx, c, to)
	_, back := c.ExecContext(context.WithoutCancel(ctx), "PRAGMA query_only = 1")
	return db.Fault("taking a snapshot", errors.Join(err, back))
}

// Snapshot is DB.Snapshot of a store that nobody has open. Its schema stays as it
// is.
func Snapshot(ctx context.Context, address, to string) error {
	path, err := sqlitePath(address)
	if err != nil {
		return err
	}
	if !present(path) {
		return &Error{Kind: ErrPath, Path: path, Remedy: "there is no database: nothing to copy"}
	}
	lock, err := lockFile(path)
	if err != nil {
		return classify(path, fmt.Errorf("taking a snapshot: %w", err))
	}
	db, err := sql.Open("sqlite", dsn(path, "mode=rw"))
	if err != nil {
		return errors.Join(err, lock.release())
	}
	db.SetMaxOpenConns(1)
	c, err := db.Conn(ctx)
	if err == nil {
		err = errors.Join(vacuumInto(ctx, c, to), c.Close())
	}
	err = errors.Join(err, db.Close(), lock.release())
	if err != nil {
		return classify(path, fmt.Errorf("taking a snapshot: %w", err))
	}
	return nil
}

func vacuumInto(ctx context.Context, c *sql.Conn, to string) error {
	f, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) // before SQLite makes one that all can read
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if _, err := c.ExecContext(ctx, "VACUUM INTO $1", to); err != nil {
		return errors.Join(err, os.Remove(to))
	}
	return nil
}

// Verify checks a copy that Snapshot made: that it is whole, and that this
// program knows its schema. It returns the print of its key.
func Verify(ctx context.Context, path string, rooms ...fs.FS) (keyPrint string, err error) {
	u := url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: "mode=ro"}
	db, err := sql.Open("sqlite", u.String())
	if err != nil {
		return "", err
	}
	defer func() { _ = db.Close() }()
	var result string
	if err := db.QueryRowContext(ctx, "PRAGMA integrity_check(1)").Scan(&result); err != nil {
		return "", classify(path, fmt.Errorf("checking: %w", err))
	}
	if result != "ok" {
		return "", &Error{Kind: ErrCorrupt, Path: path, Remedy: "take another backup", Err: errors.New(result)}
	}
	all, err := migrations(rooms)
	if err != nil {
		return "", err
	}
	done, err := known(ctx, path, db, all)
	if err != nil {
		return "", classify(path, err)
	}
	if len(done) == 0 {
		return "", &Error{Kind: ErrCorrupt, Path: path, Remedy: "take another backup", Err: errors.New("it has no schema")}
	}
	if n, err := commits(ctx, db); err != nil || n == 0 { // of before there was a key print
		return "", classify(path, err)
	}
	err = db.QueryRowContext(ctx, "SELECT key_print FROM store_state WHERE one = 1").Scan(&keyPrint)
	return keyPrint, classify(path, err)
}

// Old is the suffix of a database that Replace has put aside.
const Old = ".old"

// Replace puts the database at from, which must be on the same file system, in
// the place of the one at address, which is put aside with the suffix Old. No
// server may have it open.
func Replace(ctx context.Context, address, from string) error {
	path, err := sqlitePath(address)
	if err != nil {
		return err
	}
	lock, err := lockFile(path)
	if err != nil {
		return classify(path, err)
	}
	err = replace(ctx, path, from, lock)
	return classify(path, errors.Join(err, lock.release()))
}

func replace(ctx context.Context, path, from string, lock *fileLock) error {
	db, err := sql.Open("sqlite", dsn(from, "mode=rw"))
	if err != nil {
		return err
	}
	n, err := commits(ctx, db)
	if err = errors.Join(err, db.Close()); err != nil {
		return fmt.Errorf("reading %s: %w", from, err)
	}
	// The log first: it must never meet another database.
	for _, suffix := range []string{"-wal", ""} {
		err := os.Rename(path+suffix, path+Old+suffix)
		if errors.Is(err, fs.ErrNotExist) {
			err = os.Remove(path + Old + suffix)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("putting the old database aside: %w", err)
		}
	}
	if err := os.Remove(path + "-shm"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Rename(from, path); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close(), lock.keep(n), lock.f.Sync())
}
