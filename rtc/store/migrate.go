package store

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"
)

//go:embed sqlite
var own embed.FS

// dialect is the folder of a room's migrations that holds ours.
const dialect = "sqlite"

// migration is one step of the schema.
type migration struct {
	version int64
	name    string // of its file
	up      string // its statements
}

// migrate brings the schema up to date and refuses one that is newer than ours.
// All that is missing is done in one transaction: an upgrade that fails has
// changed nothing.
func migrate(ctx context.Context, path string, db *sql.DB, log *slog.Logger, rooms []fs.FS) error {
	all, err := migrations(rooms)
	if err != nil {
		return err
	}
	done, err := known(ctx, path, db, all)
	if err != nil {
		return err
	}
	all = slices.DeleteFunc(all, func(m migration) bool { return slices.Contains(done, m.version) })
	if len(all) == 0 {
		return nil
	}
	start := time.Now()
	if err := perform(ctx, db, all); err != nil {
		return fmt.Errorf("migrating schema: %w", err)
	}
	for _, m := range all {
		log.Debug("store schema migrated", "version", m.version)
	}
	log.Info("store schema is up to date", "migrations", len(all), "dur", time.Since(start))
	return nil
}

// perform writes each migration with the statements it consists of. The table is
// goose's, by which earlier versions of this program wrote their schema; its
// version 0 says that it is there.
func perform(ctx context.Context, db *sql.DB, all []migration) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // nothing after a commit
	_, err = tx.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS goose_db_version (
		id INTEGER PRIMARY KEY AUTOINCREMENT,
		version_id INTEGER NOT NULL,
		is_applied INTEGER NOT NULL,
		tstamp TIMESTAMP DEFAULT (datetime('now'))
	);
	INSERT INTO goose_db_version (version_id, is_applied) SELECT 0, 1 WHERE NOT EXISTS (SELECT 1 FROM goose_db_version)`)
	if err != nil {
		return err
	}
	for _, m := range all {
		if _, err := tx.ExecContext(ctx, m.up); err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO goose_db_version (version_id, is_applied) VALUES ($1, 1)`, m.version); err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
	}
	return tx.Commit()
}

// migrations are those of all rooms and our own, in the order of their numbers.
// Rooms number theirs in ranges of their own, so an upgrade may bring a number
// below the highest one there is.
func migrations(rooms []fs.FS) ([]migration, error) {
	var all []migration
	for _, room := range append([]fs.FS{own}, rooms...) {
		names, err := fs.Glob(room, dialect+"/*.sql")
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			m, err := readMigration(room, name)
			if err != nil {
				return nil, fmt.Errorf("reading migration %s: %w", name, err)
			}
			all = append(all, m)
		}
	}
	slices.SortFunc(all, func(a, b migration) int { return int(a.version - b.version) })
	for i := range all[1:] {
		if all[i].version == all[i+1].version {
			return nil, fmt.Errorf("reading migrations: %s and %s have one number", all[i].name, all[i+1].name)
		}
	}
	return all, nil
}

// What begins the statements of a migration, and those that would undo it, which
// this program never runs.
const up, down = "-- +goose Up\n", "\n-- +goose Down\n"

func readMigration(room fs.FS, name string) (m migration, err error) {
	text, err := fs.ReadFile(room, name)
	if err != nil {
		return m, err
	}
	m.name = strings.TrimPrefix(name, dialect+"/")
	number, _, _ := strings.Cut(m.name, "_")
	if m.version, err = strconv.ParseInt(number, 10, 64); err != nil || m.version <= 0 {
		return m, fmt.Errorf("%q is no number", number)
	}
	rest, found := strings.CutPrefix(string(text), up)
	if !found {
		return m, fmt.Errorf("it does not begin with %q", strings.TrimSpace(up))
	}
	m.up, _, _ = strings.Cut(rest, down)
	return m, nil
}

// known returns the migrations the schema has, and refuses it when one is not
// among all.
func known(ctx context.Context, path string, db *sql.DB, all []migration) (done []int64, err error) {
	fault := func(err error) error { return fmt.Errorf("reading schema version: %w", err) }
	var made bool
	if err := db.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE name = 'goose_db_version')`).Scan(&made); err != nil {
		return nil, fault(err)
	}
	if !made {
		return nil, nil
	}
	rows, err := db.QueryContext(ctx, `SELECT version_id FROM goose_db_version WHERE version_id > 0 ORDER BY version_id`)
	if err != nil {
		return nil, fault(err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var version int64
		if err := rows.Scan(&version); err != nil {
			return nil, fault(err)
		}
		if !slices.ContainsFunc(all, func(m migration) bool { return m.version == version }) {
			return nil, &Error{Kind: ErrNewer, Path: path,
				Remedy: fmt.Sprintf("its schema has migration %d, which this program does not know: run the newer program or restore an older backup", version)}
		}
		done = append(done, version)
	}
	return done, rows.Err()
}
