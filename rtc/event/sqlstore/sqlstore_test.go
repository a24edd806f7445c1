package sqlstore

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"

	"tandem/rtc/event"
	"tandem/rtc/event/storetest"
	"tandem/rtc/store"
)

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) (event.Store, func() event.Store) {
		path := filepath.Join(t.TempDir(), "t.db")
		var db *store.DB
		again := func() event.Store {
			if db != nil {
				if err := db.Close(); err != nil {
					t.Fatal(err)
				}
			}
			var err error
			log := slog.New(slog.DiscardHandler)
			if db, err = store.Open(context.Background(), "sqlite://"+path, log, Migrations); err != nil {
				t.Fatal(err)
			}
			return New(db, log)
		}
		t.Cleanup(func() { db.Close() })
		return again(), again
	})
}

func FuzzDecode(f *testing.F) {
	full := storetest.Full(1)
	f.Add(encode(nil, &full))
	f.Fuzz(func(t *testing.T, b []byte) {
		var st event.Stored
		if decode(b, &st) == nil {
			var back event.Stored
			if err := decode(encode(nil, &st), &back); err != nil {
				t.Errorf("%v", err)
			}
		}
	})
}
