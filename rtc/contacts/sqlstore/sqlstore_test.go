package sqlstore

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"

	"tandem/rtc/contacts"
	"tandem/rtc/contacts/storetest"
	"tandem/rtc/store"
)

func open(t testing.TB) (s *Store, again func() *Store) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "t.db")
	var db *store.DB
	again = func() *Store {
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
	s = again()
	t.Cleanup(func() { _ = db.Close() })
	return s, again
}

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) (contacts.Store, func() contacts.Store) {
		s, again := open(t)
		return s, func() contacts.Store { return again() }
	})
}
