package datafolder

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"tandem/cmd/tandem/config"
	"tandem/rtc/store"
)

// keyFile is the key in the data folder that signs what peers carry for us, so
// that calls survive a restart, and seals secrets in the store.
const keyFile = "key"

// keySize in octets.
const keySize = 32

// readKey reads the key of a data folder; nil when there is none.
func readKey(dir string) ([]byte, error) {
	path := filepath.Join(dir, keyFile)
	b, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("reading the key: %w; the data folder must belong to the user who runs the server", err)
	case len(b) != keySize:
		return nil, fmt.Errorf("the key %s is damaged: it has %d octets instead of %d; restore it from a backup (tandem restore), or start with a new one (tandem serve --new-key)", path, len(b), keySize)
	}
	return b, nil
}

// makeKey makes a new key, on disk before it is used.
func makeKey(dir string) ([]byte, error) {
	b := make([]byte, keySize)
	rand.Read(b) // never fails
	if err := writeDurably(filepath.Join(dir, keyFile), b); err != nil {
		return nil, fmt.Errorf("keeping the key: %w", err)
	}
	return b, nil
}

// writeDurably makes a file that is whole and on disk, or not there.
func writeDurably(path string, b []byte) error {
	f, err := os.OpenFile(path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(path+".new", path); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(path))
}

// syncFolder puts the names in a folder on disk.
func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// keyPrint tells keys apart without giving them away.
func keyPrint(key []byte) string {
	sum := sha256.Sum256(append([]byte("tandem key print"), key...))
	return hex.EncodeToString(sum[:8])
}

// checkKey wants the key and the database of a data folder to belong together;
// it makes the key of a new one.
func checkKey(ctx context.Context, cfg *config.Config, db *store.DB, key []byte) ([]byte, error) {
	print, err := db.KeyPrint(ctx)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(cfg.Data, keyFile)
	const instead = "restore both from a backup (tandem restore), or go on with a new key (tandem serve --new-key): then passwords of trunks and webhooks have to be entered again"
	switch {
	case key == nil && print != "":
		return nil, fmt.Errorf("the key %s for the database %s is missing: %s", path, db.Path(), instead)
	case key != nil && print != "" && print != keyPrint(key):
		return nil, fmt.Errorf("the key %s does not belong to the database %s: %s", path, db.Path(), instead)
	case print != "":
		return key, nil
	}
	if key == nil {
		if key, err = makeKey(cfg.Data); err != nil {
			return nil, err
		}
	}
	return key, db.SetKeyPrint(ctx, keyPrint(key))
}

// RenewKey puts the key aside, as key.old, and lets the next start make a new
// one. No server may be running.
func RenewKey(ctx context.Context, cfg *config.Config, log *slog.Logger) error {
	db, err := store.Open(ctx, cfg.StoreURL(), log, migrations()...)
	if err != nil {
		return err
	}
	path := filepath.Join(cfg.Data, keyFile)
	err = db.SetKeyPrint(ctx, "")
	if err == nil {
		if err = os.Rename(path, path+".old"); errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
	}
	return errors.Join(err, db.Close())
}
