package sqlstore

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"tandem/cmd/tandem/api/access"
	"tandem/cmd/tandem/api/audit"
	"tandem/cmd/tandem/api/idempotency"
	"tandem/cmd/tandem/api/outbox"
	"tandem/cmd/tandem/api/storetest"
	"tandem/rtc/store"
)

var key = bytes.Repeat([]byte{1}, 32)

// opened gives stores made by make over a database in a new directory; again closes
// it and opens it anew.
func opened[S any](make func(*store.DB) S) storetest.Open[S] {
	return func(t *testing.T) (S, func() S) {
		t.Helper()
		path := filepath.Join(t.TempDir(), "t.db")
		var db *store.DB
		again := func() S {
			if db != nil {
				if err := db.Close(); err != nil {
					t.Fatal(err)
				}
			}
			var err error
			if db, err = store.Open(context.Background(), "sqlite://"+path, slog.New(slog.DiscardHandler), Migrations); err != nil {
				t.Fatal(err)
			}
			return make(db)
		}
		s := again()
		t.Cleanup(func() { db.Close() })
		return s, again
	}
}

func newOutbox(db *store.DB) outbox.Store {
	s, err := NewOutbox(db, key)
	if err != nil {
		panic(err) // the key is ours
	}
	return s
}

func newRequests(db *store.DB) idempotency.Store {
	s, err := NewRequests(db, key)
	if err != nil {
		panic(err) // the key is ours
	}
	return s
}

func TestStores(t *testing.T) {
	t.Run("tokens", func(t *testing.T) {
		storetest.Tokens(t, opened(func(db *store.DB) access.Store { return NewTokens(db) }))
	})
	t.Run("audit", func(t *testing.T) {
		storetest.Audit(t, opened(func(db *store.DB) audit.Store { return NewAudit(db) }))
	})
	t.Run("outbox", func(t *testing.T) { storetest.Outbox(t, opened(newOutbox)) })
	t.Run("idempotency", func(t *testing.T) { storetest.Idempotency(t, opened(newRequests)) })
}

// Secrets cannot be read in the file, and not with another key.
func TestSecretsAreSealed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.db")
	open := func() *store.DB {
		db, err := store.Open(context.Background(), "sqlite://"+path, slog.New(slog.DiscardHandler), Migrations)
		if err != nil {
			t.Fatal(err)
		}
		return db
	}
	db := open()
	secret := "an-easily-found-secret-text"
	if err := newOutbox(db).PutHook(t.Context(), outbox.Hook{Name: "a", URL: "https://a.test/", Secret: []byte(secret)}); err != nil {
		t.Fatal(err)
	}
	r := newRequests(db)
	k := idempotency.Kept{Who: "a", Key: "k"}
	if _, err := r.Begin(t.Context(), k); err != nil {
		t.Fatal(err)
	}
	k.Code, k.Body = 200, []byte(secret)
	if err := r.Finish(t.Context(), k); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(path + "*")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		if b, err := os.ReadFile(f); err != nil || bytes.Contains(b, []byte(secret)) || bytes.Contains(b, []byte("YW4tZWFzaWx5")) {
			t.Errorf("%s holds the secret (%v)", f, err)
		}
	}
	db = open()
	defer db.Close()
	other, err := NewOutbox(db, bytes.Repeat([]byte{2}, 32))
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Hooks(t.Context(), func(h outbox.Hook) {
		if len(h.Secret) != 0 {
			t.Errorf("with another key: %q", h.Secret)
		}
	}); err != nil {
		t.Error(err)
	}
}
