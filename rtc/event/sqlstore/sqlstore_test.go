package sqlstore

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"

	"tandem/rtc/event"
	"tandem/rtc/event/storetest"
	"tandem/rtc/event/winfo"
	"tandem/rtc/store"
)

var silent = slog.New(slog.DiscardHandler)

// reopened opens a database of a test, which is closed before it is opened again.
func reopened(t *testing.T) (open func() *store.DB) {
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
		if db, err = store.Open(context.Background(), "sqlite://"+path, silent, Migrations); err != nil {
			t.Fatal(err)
		}
		return db
	}
}

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) (event.Store, func() event.Store) {
		open := reopened(t)
		again := func() event.Store { return New(open(), silent) }
		return again(), again
	})
}

func TestWaiting(t *testing.T) {
	storetest.RunWaiting(t, func(t *testing.T) (winfo.Store, func() winfo.Store) {
		open := reopened(t)
		again := func() winfo.Store { return NewWaiting(open(), "presence") }
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
