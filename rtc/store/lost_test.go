package store

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// crashed copies the files of a store as a crash would leave them, and returns
// where the copy is.
func crashed(t *testing.T, path string) string {
	t.Helper()
	dir := t.TempDir()
	for _, suffix := range []string{"", "-wal", lockSuffix} {
		b, err := os.ReadFile(path + suffix)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, "t.db"+suffix), b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "t.db")
}

func TestLostFilesAreNoticedAtStart(t *testing.T) {
	db, path := open(t)
	do(t, db, note(1))
	early := crashed(t, path)
	for n := range 20 {
		do(t, db, note(n+2))
	}
	late := crashed(t, path)
	refused := func(t *testing.T, path, says string) {
		t.Helper()
		db, err := Open(context.Background(), "sqlite://"+path, quiet(), notes)
		if err == nil {
			db.Close()
			t.Fatal("opened")
		}
		if !errors.Is(err, ErrLost) || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), "tandem restore") || strings.Contains(err.Error(), "\n") {
			t.Errorf("got %v", err)
		}
	}
	opens := func(t *testing.T, path string, notes int) {
		t.Helper()
		db := openAt(t, path)
		defer db.Close()
		if n := count(t, db, "1"); n != notes {
			t.Errorf("%d notes instead of %d", n, notes)
		}
	}
	t.Run("the log of a crash", func(t *testing.T) {
		if err := os.Rename(late+"-wal", late+"-aside"); err != nil {
			t.Fatal(err)
		}
		refused(t, late, "transactions that were acknowledged")
		refused(t, late, "transactions that were acknowledged") // looking did no harm
		if err := os.Rename(late+"-aside", late+"-wal"); err != nil {
			t.Fatal(err)
		}
		opens(t, late, 21)
		opens(t, late, 21)
	})
	t.Run("an older copy in place", func(t *testing.T) {
		lock, err := os.ReadFile(late + lockSuffix)
		if err == nil {
			err = os.WriteFile(early+lockSuffix, lock, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		refused(t, early, "transactions that were acknowledged")
		if err := os.Remove(early + lockSuffix); err != nil {
			t.Fatal(err)
		}
		opens(t, early, 1) // as its error said
	})
	t.Run("everything", func(t *testing.T) {
		if err := errors.Join(os.Remove(late), os.RemoveAll(late+"-wal")); err != nil {
			t.Fatal(err)
		}
		refused(t, late, "it is gone")
		if exists(late) {
			t.Error("an empty one was left in its place")
		}
		if err := os.WriteFile(late, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		refused(t, late, "it is gone") // an empty file is none
		if err := os.Remove(late + lockSuffix); err != nil {
			t.Fatal(err)
		}
		opens(t, late, 0)
	})
}

func TestFilesRemovedUnderARunningStore(t *testing.T) {
	for name, remove := range map[string]func(path string) (back func() error, err error){
		"database moved": func(path string) (func() error, error) {
			return func() error { return os.Rename(path+"-aside", path) }, os.Rename(path, path+"-aside")
		},
		"log moved": func(path string) (func() error, error) {
			return func() error { return os.Rename(path+"-aside", path+"-wal") }, os.Rename(path+"-wal", path+"-aside")
		},
		"database replaced": func(path string) (func() error, error) {
			err := os.Rename(path, path+"-aside")
			return func() error { return os.Rename(path+"-aside", path) }, errors.Join(err, os.WriteFile(path, nil, 0o600))
		},
	} {
		t.Run(name, func(t *testing.T) {
			db, path := open(t)
			do(t, db, note(1))
			back, err := remove(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := db.Healthy(); !errors.Is(err, ErrGone) {
				t.Errorf("healthy says %v", err)
			}
			if err := db.Do(t.Context(), note(2)); !errors.Is(err, ErrGone) || !strings.Contains(err.Error(), "tandem backup") {
				t.Errorf("a change is told %v", err)
			}
			saved := filepath.Join(t.TempDir(), "saved.db")
			if err := db.Snapshot(t.Context(), saved); err != nil {
				t.Errorf("what is there cannot be saved: %v", err)
			} else {
				db := openAt(t, saved)
				if n := count(t, db, "1"); n != 1 {
					t.Errorf("%d notes are saved", n)
				}
				db.Close()
			}
			if _, err := Open(t.Context(), "sqlite://"+path, quiet(), notes); !errors.Is(err, ErrLocked) {
				t.Errorf("a second server: %v", err)
			}
			if err := back(); err != nil {
				t.Fatal(err)
			}
			do(t, db, note(3))
			if err := db.Healthy(); err != nil {
				t.Errorf("healthy says %v when all is back", err)
			}
		})
	}
}

func TestPresent(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.db")
	is := func(want bool) {
		t.Helper()
		if got, err := Present("sqlite://" + path); got != want || err != nil {
			t.Errorf("present: %v, %v", got, err)
		}
	}
	is(false)
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	is(false)
	openAt(t, path).Close()
	is(true)
}

func TestKeyPrint(t *testing.T) {
	db, _ := open(t)
	for _, want := range []string{"", "a", "b"} {
		if want != "" {
			if err := db.SetKeyPrint(t.Context(), want); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := db.KeyPrint(t.Context()); got != want || err != nil {
			t.Errorf("print %q, %v", got, err)
		}
	}
}
