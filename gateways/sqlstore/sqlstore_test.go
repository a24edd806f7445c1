package sqlstore

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tandem/gateways"
	"tandem/gateways/storetest"
	"tandem/rtc/store"
)

var key = bytes.Repeat([]byte{7}, 32)

// open opens a database in a new directory; again closes it and opens it anew,
// with that key.
func open(t *testing.T) (path string, again func(key []byte, log *slog.Logger) *Store) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "t.db")
	var db *store.DB
	t.Cleanup(func() { db.Close() })
	return path, func(key []byte, log *slog.Logger) *Store {
		if db != nil {
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
		}
		var err error
		if db, err = store.Open(context.Background(), "sqlite://"+path, log, Migrations); err != nil {
			t.Fatal(err)
		}
		s, err := New(db, key, log)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) (gateways.Store, func() gateways.Store) {
		_, again := open(t)
		return again(key, quiet()), func() gateways.Store { return again(key, quiet()) }
	})
}

// TestSecretIsSealed: a copy of the database does not tell it, and another key
// does not open it.
func TestSecretIsSealed(t *testing.T) {
	path, again := open(t)
	s := again(key, quiet())
	trunk := gateways.Trunk{Name: "berlin", Addresses: []string{"sip:192.0.2.1"}, Digest: gateways.Digest{User: "tandem", Secret: "correct-horse"}}
	if err := s.PutTrunks(t.Context(), []gateways.Trunk{trunk}); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{path, path + "-wal"} {
		if b, err := os.ReadFile(file); err == nil && bytes.Contains(b, []byte("correct-horse")) {
			t.Errorf("%s shows the secret", file)
		}
	}
	var log strings.Builder
	s = again(bytes.Repeat([]byte{8}, 32), slog.New(slog.NewTextHandler(&log, nil)))
	var got []gateways.Trunk
	if err := s.Trunks(t.Context(), func(t gateways.Trunk) { got = append(got, t) }); err != nil {
		t.Fatal(err)
	}
	if len(got) != 1 || got[0].Digest.Secret != "" || !strings.Contains(log.String(), "berlin") || !strings.Contains(log.String(), "enter it again") {
		t.Errorf("%+v; %s", got, log.String())
	}
}
