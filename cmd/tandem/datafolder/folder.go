// Package datafolder has what must lie in a data folder together: the database with the
// tables of all rooms, and the key that belongs to it. It opens, copies, checks and puts
// back both, and refuses a folder of which one has gone. What is in the tables is the
// rooms' matter.
package datafolder

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"time"

	"tandem/cmd/tandem/config"
	"tandem/rtc/store"
)

// Open opens the store with the tables of all rooms, as every part of the
// program must: a schema with tables it does not know is refused. It returns the
// key that belongs to it as well, and refuses a data folder of which one of the
// two has gone. A folder that another process has is waited for, up to patience: verbs
// have it for a moment. One that a server answers for is store.ErrLocked at once.
func Open(ctx context.Context, cfg *config.Config, log *slog.Logger) (*store.DB, []byte, error) {
	for end := time.Now().Add(patience); ; {
		db, key, err := open(ctx, cfg, log)
		if !errors.Is(err, store.ErrLocked) || served(cfg) || time.Now().After(end) {
			return db, key, err
		}
		select {
		case <-ctx.Done():
			return nil, nil, err
		case <-time.After(50 * time.Millisecond):
		}
	}
}

const patience = 10 * time.Second

// served reports whether a server answers for the folder.
func served(cfg *config.Config) bool {
	c, err := net.Dial("unix", cfg.Socket())
	if err != nil {
		return false
	}
	c.Close()
	return true
}

func open(ctx context.Context, cfg *config.Config, log *slog.Logger) (*store.DB, []byte, error) {
	key, err := readKey(cfg.Data)
	if err != nil {
		return nil, nil, err
	}
	if there, err := store.Present(cfg.StoreURL()); err == nil && !there && key != nil {
		return nil, nil, fmt.Errorf("%w: there is a key in %s but no database at %s: restore it from a backup (tandem restore); to begin with an empty one, remove %s",
			store.ErrLost, cfg.Data, cfg.StoreURL(), filepath.Join(cfg.Data, keyFile))
	}
	db, err := store.Open(ctx, cfg.StoreURL(), log, migrations()...)
	if err != nil {
		return nil, nil, err
	}
	if key, err = checkKey(ctx, cfg, db, key); err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	return db, key, nil
}

// Snapshots lie in the data folder under such names until they are packed; older
// ones were forgotten.
const (
	snapshotName = "snapshot-*.db"
	snapshotLife = time.Hour
)

// Snapshot copies the database of a data folder that no server has open.
func Snapshot(ctx context.Context, cfg *config.Config) (path string, octets int64, err error) {
	return TakeSnapshot(ctx, cfg, func(ctx context.Context, to string) error { return store.Snapshot(ctx, cfg.StoreURL(), to) })
}

// TakeSnapshot has take copy the database to a new file in the data folder. Snapshots that
// were forgotten there are removed.
func TakeSnapshot(ctx context.Context, cfg *config.Config, take func(ctx context.Context, to string) error) (path string, octets int64, err error) {
	old, err := filepath.Glob(filepath.Join(cfg.Data, snapshotName))
	if err != nil {
		return "", 0, err
	}
	for _, path := range old {
		if info, err := os.Stat(path); err == nil && time.Since(info.ModTime()) > snapshotLife {
			_ = os.Remove(path)
		}
	}
	path = filepath.Join(cfg.Data, fmt.Sprintf("snapshot-%d.db", time.Now().UnixNano()))
	if err := take(ctx, path); err != nil {
		return "", 0, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return "", 0, err
	}
	return path, info.Size(), nil
}

// Restore puts a data folder back: the database at db, and the files below
// files, which both lie in the data folder. What stands in their place is put
// aside with the suffix ".old"; without force nothing may. No server may be
// running.
func Restore(ctx context.Context, cfg *config.Config, db, files string, force bool) error {
	there, err := store.Present(cfg.StoreURL())
	if err != nil {
		return err
	}
	key, err := readKey(cfg.Data)
	if (there || key != nil || err != nil) && !force {
		return fmt.Errorf("%s already contains the data of a server; --force moves it aside, to files named .old", cfg.Data)
	}
	if key, err = os.ReadFile(filepath.Join(files, keyFile)); err != nil {
		return fmt.Errorf("the backup has no key: %w", err)
	}
	if err := Verify(ctx, db, key); err != nil {
		return fmt.Errorf("the database of the backup: %w", err)
	}
	// The database first: it tells when a server has it open. Should we be
	// stopped before the key is there, the next start sees that they do not fit.
	if err := store.Replace(ctx, cfg.StoreURL(), db); err != nil {
		return err
	}
	return filepath.WalkDir(files, func(from string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(files, from)
		if err != nil {
			return err
		}
		return putBack(from, filepath.Join(cfg.Data, rel))
	})
}

// putBack moves a file to its place and what is there aside.
func putBack(from, to string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	if err := os.Rename(to, to+store.Old); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Rename(from, to); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(to))
}

// Verify checks a copy of the database, and that key belongs to it.
func Verify(ctx context.Context, path string, key []byte) error {
	print, err := store.Verify(ctx, path, migrations()...)
	if err != nil {
		return err
	}
	if print != "" && print != keyPrint(key) {
		return errors.New("the key does not belong to the database")
	}
	return nil
}

// CheckMode tells of a data folder that others can read: passwords and keys are
// in it.
func CheckMode(dir string, log *slog.Logger) {
	info, err := os.Stat(dir)
	if err != nil {
		return // opening the store says so
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		log.Warn("others on this machine can read the data folder, which holds passwords and keys; run: chmod 700 "+dir, "data", dir, "mode", mode.String())
	}
}
