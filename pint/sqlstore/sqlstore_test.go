package sqlstore

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"tandem/pint"
	"tandem/pint/storetest"
	"tandem/rtc/store"
)

var key = bytes.Repeat([]byte{7}, 32)

// open opens a database in a new directory; again closes it and opens it anew.
func open(t testing.TB) (path string, again func() *Store) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "t.db")
	var db *store.DB
	t.Cleanup(func() { db.Close() })
	return path, func() *Store {
		if db != nil {
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
		}
		var err error
		if db, err = store.Open(context.Background(), "sqlite://"+path, slog.New(slog.DiscardHandler), Migrations); err != nil {
			t.Fatal(err)
		}
		s, err := New(db, key)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
}

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) (pint.Store, func() pint.Store) {
		_, again := open(t)
		return again(), func() pint.Store { return again() }
	})
}

// A copy of the database does not tell what a client pays with, nor whom it calls.
func TestSealed(t *testing.T) {
	path, again := open(t)
	x := storetest.Full("x")
	done := make(chan error, 1)
	if err := again().Put(&x, func(err error) { done <- err }); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	again()
	for _, name := range []string{path, path + "-wal"} {
		b, err := os.ReadFile(name)
		if err != nil && name == path {
			t.Fatal(err)
		}
		for _, secret := range []string{"1234-PIN", "+12014567890"} {
			if bytes.Contains(b, []byte(secret)) {
				t.Errorf("%s can be read in %s", secret, filepath.Base(name))
			}
		}
	}
}

func BenchmarkPut(b *testing.B) {
	_, again := open(b)
	s := again()
	window := make(chan struct{}, 500)
	x := storetest.Full("x")
	for n := range b.N {
		window <- struct{}{}
		x.ID = fmt.Sprint(n)
		if err := s.Put(&x, func(err error) {
			if err != nil {
				b.Error(err)
			}
			<-window
		}); err != nil {
			b.Fatal(err)
		}
	}
	for range cap(window) {
		window <- struct{}{}
	}
}
