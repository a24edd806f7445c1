package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"strings"

	"github.com/pressly/goose/v3"
	_ "modernc.org/sqlite" // the driver named "sqlite"
)

//go:embed migrations/sqlite/*.sql
var migrations embed.FS

// DB is an open store.
type DB struct {
	path  string
	log   *slog.Logger
	lock  *fileLock
	write *sql.DB // one connection, the writer's
	read  *sql.DB // a small pool that cannot write
	w     *writer
}

// readers is the size of the read pool.
const readers = 4

// Open opens or makes the store at address, "sqlite:///var/lib/tandem/tandem.db"
// (or "sqlite:relative/path.db"), brings its schema up to date and starts the
// writer. The error is an *Error whose one line names the remedy.
func Open(ctx context.Context, address string, log *slog.Logger) (*DB, error) {
	path, err := sqlitePath(address)
	if err != nil {
		return nil, err
	}
	// SQLite would say "unable to open" for each of these; the system says why.
	if err := probe(path); err != nil {
		return nil, classify(path, fmt.Errorf("opening store: %w", err))
	}
	lock, err := lockFile(path)
	if err != nil {
		return nil, classify(path, fmt.Errorf("opening store: %w", err))
	}
	db := &DB{path: path, log: log, lock: lock}
	if err := db.start(ctx); err != nil {
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

func (db *DB) start(ctx context.Context) (err error) {
	if db.write, err = sql.Open("sqlite", dsn(db.path, "_txlock=immediate&_pragma=cache_size(-4000)")); err != nil {
		return err
	}
	db.write.SetMaxOpenConns(1)
	if err := migrate(ctx, db.path, db.write, db.log); err != nil {
		return err
	}
	if db.read, err = sql.Open("sqlite", dsn(db.path, "_pragma=query_only(1)&_pragma=cache_size(-1000)")); err != nil {
		return err
	}
	db.read.SetMaxOpenConns(readers)
	if err := db.read.PingContext(ctx); err != nil {
		return err
	}
	db.w, err = newWriter(ctx, db.write, db.path, db.log)
	return err
}

// Close writes what is queued, acknowledges it and closes the store. Puts
// that come later fail with ErrClosed.
func (db *DB) Close() error {
	db.w.close()
	return errors.Join(db.write.Close(), db.read.Close(), db.lock.release())
}

// Path of the database file.
func (db *DB) Path() string { return db.path }

// Healthy is nil unless the last commit failed; then it says why.
func (db *DB) Healthy() error { return db.w.healthy() }

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
		"&_pragma=wal_autocheckpoint(1000)&" + more
	return u.String()
}

// migrate brings the schema up to date and refuses one that is newer than ours.
func migrate(ctx context.Context, path string, db *sql.DB, log *slog.Logger) error {
	dir, err := fs.Sub(migrations, "migrations/sqlite")
	if err != nil {
		return err
	}
	p, err := goose.NewProvider(goose.DialectSQLite3, db, dir)
	if err != nil {
		return fmt.Errorf("reading migrations: %w", err)
	}
	have, err := p.GetDBVersion(ctx)
	if err != nil {
		return fmt.Errorf("reading schema version: %w", err)
	}
	sources := p.ListSources()
	if newest := sources[len(sources)-1].Version; have > newest {
		return &Error{Kind: ErrNewer, Path: path,
			Remedy: fmt.Sprintf("its schema is version %d, this program knows %d: run the newer program or restore an older backup", have, newest)}
	}
	done, err := p.Up(ctx)
	if err != nil {
		return fmt.Errorf("migrating schema: %w", err)
	}
	if len(done) > 0 {
		log.Info("store schema migrated", "from", have, "to", done[len(done)-1].Source.Version)
	}
	return nil
}
