package sqlstore

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"

	"tandem/rtc/store"
	"tandem/sipphone/inventory"
	"tandem/sipphone/storetest"
	"tandem/sipphone/waiting"
)

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) (inventory.Store, func() inventory.Store) {
		again := opener(t)
		return New(again()), func() inventory.Store { return New(again()) }
	})
}

func TestWaiting(t *testing.T) {
	storetest.Waiting(t, func(t *testing.T) (waiting.Store, func() waiting.Store) {
		again := opener(t)
		return NewWaiting(again()), func() waiting.Store { return NewWaiting(again()) }
	})
}

func TestPINs(t *testing.T) {
	storetest.PINs(t, func(t *testing.T) (storetest.PINStore, func() storetest.PINStore) {
		again := opener(t)
		return NewPINs(again()), func() storetest.PINStore { return NewPINs(again()) }
	})
}

// opener opens a database in a new directory, again and again.
func opener(t *testing.T) func() *store.DB {
	path := filepath.Join(t.TempDir(), "t.db")
	var db *store.DB
	t.Cleanup(func() { db.Close() })
	return func() *store.DB {
		if db != nil {
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
		}
		var err error
		if db, err = store.Open(context.Background(), "sqlite://"+path, slog.New(slog.DiscardHandler), Migrations); err != nil {
			t.Fatal(err)
		}
		return db
	}
}
