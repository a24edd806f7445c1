package store

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"

	"github.com/pressly/goose/v3"
)

//go:embed sqlite
var own embed.FS

// dialect is the folder of a room's migrations that holds ours.
const dialect = "sqlite"

// migrate brings the schema up to date and refuses one that is newer than ours.
func migrate(ctx context.Context, path string, db *sql.DB, log *slog.Logger, rooms []fs.FS) error {
	p, err := provider(db, rooms)
	if err != nil {
		return err
	}
	if _, err := p.GetDBVersion(ctx); err != nil { // makes goose's table
		return fmt.Errorf("reading schema version: %w", err)
	}
	if err := known(ctx, path, db, p.ListSources()); err != nil {
		return err
	}
	done, err := p.Up(ctx)
	if err != nil {
		return fmt.Errorf("migrating schema: %w", err)
	}
	for _, d := range done {
		log.Info("store schema migrated", "version", d.Source.Version, "dur", d.Duration)
	}
	return nil
}

// provider reads the migrations of all rooms and our own.
func provider(db *sql.DB, rooms []fs.FS) (*goose.Provider, error) {
	all := make(union, 0, 1+len(rooms))
	for _, room := range append([]fs.FS{own}, rooms...) {
		dir, err := fs.Sub(room, dialect)
		if err != nil {
			return nil, err
		}
		all = append(all, dir)
	}
	// Rooms number their migrations in ranges of their own, so an upgrade may
	// bring a number below the highest one there is.
	p, err := goose.NewProvider(goose.DialectSQLite3, db, all, goose.WithAllowOutofOrder(true))
	if err != nil {
		return nil, fmt.Errorf("reading migrations: %w", err)
	}
	return p, nil
}

// known refuses a schema with a migration that none of sources made.
func known(ctx context.Context, path string, db *sql.DB, sources []*goose.Source) error {
	rows, err := db.QueryContext(ctx, `SELECT version_id FROM goose_db_version WHERE version_id > 0 ORDER BY version_id`)
	if err != nil {
		return fmt.Errorf("reading schema version: %w", err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var version int64
		if err := rows.Scan(&version); err != nil {
			return fmt.Errorf("reading schema version: %w", err)
		}
		if !slices.ContainsFunc(sources, func(s *goose.Source) bool { return s.Version == version }) {
			return &Error{Kind: ErrNewer, Path: path,
				Remedy: fmt.Sprintf("its schema has migration %d, which this program does not know: run the newer program or restore an older backup", version)}
		}
	}
	return rows.Err()
}

// union shows the files of several folders as those of one.
type union []fs.FS

// Open implements fs.FS.
func (u union) Open(name string) (fs.File, error) {
	for _, dir := range u {
		if f, err := dir.Open(name); err == nil {
			return f, nil
		}
	}
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

// ReadDir implements fs.ReadDirFS.
func (u union) ReadDir(name string) ([]fs.DirEntry, error) {
	var all []fs.DirEntry
	for _, dir := range u {
		entries, err := fs.ReadDir(dir, name)
		if err != nil {
			return nil, err
		}
		all = append(all, entries...)
	}
	return all, nil
}
