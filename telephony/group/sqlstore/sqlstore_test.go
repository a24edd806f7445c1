package sqlstore

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"

	"tandem/rtc/store"
	"tandem/telephony/group"
	"tandem/telephony/group/storetest"
)

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) (group.Store, func() group.Store) {
		path := filepath.Join(t.TempDir(), "t.db")
		var db *store.DB
		again := func() group.Store {
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
		t.Cleanup(func() { _ = db.Close() })
		return again(), again
	})
}
