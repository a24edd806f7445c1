package sqlstore

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"

	"tandem/rtc/presence"
	"tandem/rtc/presence/storetest"
	"tandem/rtc/store"
)

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) (presence.Store, func() presence.Store) {
		path := filepath.Join(t.TempDir(), "t.db")
		var db *store.DB
		again := func() presence.Store {
			if db != nil {
				if err := db.Close(); err != nil {
					t.Fatal(err)
				}
			}
			var err error
			if db, err = store.Open(context.Background(), "sqlite://"+path, slog.New(slog.DiscardHandler), Migrations); err != nil {
				t.Fatal(err)
			}
			return New(db)
		}
		t.Cleanup(func() { db.Close() })
		return again(), again
	})
}
