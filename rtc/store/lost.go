package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"syscall"
)

// Path is where the database at address is, or will be.
func Path(address string) (string, error) { return sqlitePath(address) }

// Present reports whether there is a database at address, or the log of one
// that was not closed.
func Present(address string) (bool, error) {
	path, err := sqlitePath(address)
	if err != nil {
		return false, err
	}
	return present(path), nil
}

func present(path string) bool {
	for _, file := range []string{path, path + "-wal"} {
		if info, err := os.Stat(file); err == nil && !info.IsDir() && info.Size() > 0 {
			return true
		}
	}
	return false
}

// checkComplete refuses a database that has fewer transactions than the lock
// file says were acknowledged, and one that is not there any more.
func (db *DB) checkComplete(ctx context.Context) error {
	have, err := commits(ctx, db.write)
	if err != nil {
		return fmt.Errorf("reading the number of commits: %w", err)
	}
	if have < db.lock.kept {
		return &Error{Kind: ErrLost, Path: db.path, Remedy: fmt.Sprintf("it has %d of the %d transactions that were acknowledged: "+
			"put the file and its %s-wal back, or restore a backup (tandem restore); to go on without what is missing, remove %s",
			have, db.lock.kept, db.path, db.lock.f.Name())}
	}
	return nil
}

// commits is how many transactions a database has seen, 0 for a new one.
func commits(ctx context.Context, db *sql.DB) (n uint64, err error) {
	var tables int
	if err := db.QueryRowContext(ctx, `SELECT count(*) FROM sqlite_master WHERE name = 'store_state'`).Scan(&tables); err != nil || tables == 0 {
		return 0, err
	}
	err = db.QueryRowContext(ctx, `SELECT commits FROM store_state WHERE one = 1`).Scan(&n)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	return n, err
}

// errMissing is the error of a database that is not there but was.
func errMissing(path, lock string) error {
	return &Error{Kind: ErrLost, Path: path,
		Remedy: "it is gone: put it back, or restore a backup (tandem restore); to begin with an empty one, remove " + lock}
}

// files are the database and its log, as they were when they were opened. One
// that is deleted under us stays open and takes writes that nobody will find.
type files struct {
	path string
	kept [2]identity
}

type identity struct{ device, inode uint64 }

func (f *files) names() [2]string { return [2]string{f.path, f.path + "-wal"} }

func identify(path string) (identity, error) {
	var s syscall.Stat_t
	err := syscall.Stat(path, &s)
	return identity{uint64(s.Dev), s.Ino}, err
}

func openedFiles(path string) (f files, err error) {
	f.path = path
	for i, name := range f.names() {
		if f.kept[i], err = identify(name); err != nil {
			return f, fmt.Errorf("looking at %s: %w", name, err)
		}
	}
	return f, nil
}

// there is nil while the files are where they were.
func (f *files) there() error {
	for i, name := range f.names() {
		if now, err := identify(name); err != nil || now != f.kept[i] {
			return &Error{Kind: ErrGone, Path: name,
				Remedy: "nothing is kept any more: save what the server still has (tandem backup FILE), stop it, and restore that (tandem restore FILE --force)", Err: err}
		}
	}
	return nil
}

// KeyPrint is the print of the key that seals secrets in the database, "" when
// none is known yet. What a print is, its owner decides.
func (db *DB) KeyPrint(ctx context.Context) (print string, err error) {
	err = db.Read().QueryRowContext(ctx, `SELECT key_print FROM store_state WHERE one = 1`).Scan(&print)
	return print, db.Fault("reading the print of the key", err)
}

// SetKeyPrint keeps the print of the key.
func (db *DB) SetKeyPrint(ctx context.Context, print string) error {
	return db.Do(ctx, Change{Octets: len(print), Apply: func(ctx context.Context, tx Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE store_state SET key_print = $1 WHERE one = 1`, print)
		return err
	}})
}
