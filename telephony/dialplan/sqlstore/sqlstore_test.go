package sqlstore

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"

	"tandem/rtc/store"
	"tandem/telephony/dialplan"
	"tandem/telephony/dialplan/storetest"
)

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) (dialplan.Store, func() dialplan.Store) {
		path := filepath.Join(t.TempDir(), "t.db")
		var db *store.DB
		t.Cleanup(func() { db.Close() })
		again := func() dialplan.Store {
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
		return again(), again
	})
}
