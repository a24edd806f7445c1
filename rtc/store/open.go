package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"strings"

	_ "modernc.org/sqlite" // the driver named "sqlite"
)

// DB is an open store.
type DB struct {
	path  string
	log   *slog.Logger
	lock  *fileLock
	write *sql.DB // one connection, the writer's
	read  *sql.DB // a small pool that cannot write
	reads *reads
	w     *writer
}

// readers is the size of the read pool.
const readers = 4

// Open opens or makes the store at address, "sqlite:///var/lib/tandem/tandem.db"
// (or "sqlite:relative/path.db"), brings its schema up to date and starts the
// writer. Each of migrations is that of one room (see the package comment);
// whoever opens a store gives those of all rooms that have tables in it. The
// error is an *Error whose one line names the remedy.
func Open(ctx context.Context, address string, log *slog.Logger, migrations ...fs.FS) (*DB, error) {
	path, err := sqlitePath(address)
	if err != nil {
		return nil, err
	}
	lock, err := take(path)
	if err != nil {
		return nil, classify(path, fmt.Errorf("opening store: %w", err))
	}
	db := &DB{path: path, log: log, lock: lock}
	if err := db.start(ctx, migrations); err != nil {
		if db.write != nil {
			_ = db.write.Close()
		}
		if db.read != nil {
			_ = db.read.Close()
		}
		_ = lock.release()
		return nil, classify(path, fmt.Errorf("opening store: %w", err))
	}
	return db, nil
}

func (db *DB) start(ctx context.Context, migrations []fs.FS) (err error) {
	if db.write, err = sql.Open("sqlite", dsn(db.path, "_txlock=immediate&_pragma=cache_size(-4000)")); err != nil {
		return err
	}
	db.write.SetMaxOpenConns(1)
	if err := db.checkComplete(ctx); err != nil {
		return err
	}
	if err := migrate(ctx, db.path, db.write, db.log, migrations); err != nil {
		return err
	}
	if db.read, err = sql.Open("sqlite", dsn(db.path, "mode=rw&_pragma=query_only(1)&_pragma=cache_size(-1000)")); err != nil {
		return err
	}
	db.read.SetMaxOpenConns(readers)
	db.read.SetMaxIdleConns(readers)
	if err := db.read.PingContext(ctx); err != nil {
		return err
	}
	db.reads = newReads(db.read)
	kept, err := openedFiles(db.path)
	if err != nil {
		return err
	}
	n, err := commits(ctx, db.write)
	if err != nil {
		return err
	}
	db.w, err = newWriter(ctx, db.write, kept, n, db.lock, db.log)
	return err
}

// take makes the file when there is none yet, and locks it.
func take(path string) (_ *fileLock, err error) {
	_, missing := os.Lstat(path)
	there := present(path)
	// SQLite would say "unable to open" for each of these; the system says why.
	if err := probe(path); err != nil {
		return nil, err
	}
	lock, err := lockFile(path)
	if err == nil && lock.kept > 0 && !there {
		err = errors.Join(errMissing(path, path+lockSuffix), lock.release())
	}
	if err != nil && missing != nil {
		_ = os.Remove(path) // probe has made it
	}
	return lock, err
}

// Close writes what is queued, acknowledges it and closes the store. Puts
// that come later fail with ErrClosed.
func (db *DB) Close() error {
	db.w.close()
	db.reads.close()
	err := errors.Join(db.write.Close(), db.read.Close())
	db.w.beside.release()
	return errors.Join(err, db.lock.release())
}

// Path of the database file.
func (db *DB) Path() string { return db.path }

// Healthy is nil unless the last commit failed or the files are gone; then it
// says why. ErrGone: nothing that was ever written can be relied on.
func (db *DB) Healthy() error {
	if err := db.w.files.there(); err != nil {
		return err
	}
	return db.w.healthy()
}

// Pressure is how full the write queue is, 0 to 1.
func (db *DB) Pressure() float64 { return db.w.pressure() }

// Stats of the writer since start.
func (db *DB) Stats() Stats { return db.w.statistics() }

func sqlitePath(address string) (string, error) {
	scheme, rest, found := strings.Cut(address, ":")
	switch {
	case !found || rest == "":
		return "", &Error{Kind: ErrURL, Remedy: fmt.Sprintf("%q: write sqlite:///path/tandem.db", address)}
	case scheme == "postgres" || scheme == "postgresql":
		return "", &Error{Kind: ErrURL, Remedy: "PostgreSQL is not supported yet: write sqlite:///path/tandem.db"}
	case scheme != "sqlite":
		return "", &Error{Kind: ErrURL, Remedy: fmt.Sprintf("unknown engine %q: write sqlite:///path/tandem.db", scheme)}
	}
	rest = strings.TrimPrefix(rest, "//")
	path, err := url.PathUnescape(rest)
	if err != nil || path == "" || strings.ContainsAny(path, "?\x00") || strings.HasPrefix(path, ":") {
		return "", &Error{Kind: ErrURL, Remedy: fmt.Sprintf("%q: write sqlite:///path/tandem.db", address)}
	}
	return path, nil
}

// probe finds out whether path can be opened for writing, and makes it.
func probe(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

func dsn(path, more string) string {
	u := url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath()}
	// busy_timeout stands first so that it holds for the other pragmas too.
	u.RawQuery = "_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)" +
		"&_pragma=wal_autocheckpoint(" + mostPages + ")&" + more
	return u.String()
}
