package store

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/fstest"
)

// A snapshot has everything that was acknowledged before it began, of the
// changes during it some, and none by halves.
func TestSnapshotDuringChanges(t *testing.T) {
	db, path := open(t)
	ctx, stop := context.WithCancel(t.Context())
	var mu sync.Mutex
	var acked []int
	var writing sync.WaitGroup
	writing.Go(func() {
		window := make(chan struct{}, 64)
		for n := 0; ctx.Err() == nil; n++ {
			window <- struct{}{}
			_ = db.Put(Change{Octets: 64, Apply: func(ctx context.Context, tx Tx) error { // two rows or none
				if _, err := tx.ExecContext(ctx, addNote, 2*n, "alice", nil, "", n); err != nil {
					return err
				}
				_, err := tx.ExecContext(ctx, addNote, 2*n+1, "alice", nil, "", n)
				return err
			}}, func(err error) {
				if err == nil {
					mu.Lock()
					acked = append(acked, n)
					mu.Unlock()
				}
				<-window
			})
		}
	})
	for round := range 5 {
		for enough := false; !enough; {
			mu.Lock()
			enough = len(acked) > 200*round
			mu.Unlock()
		}
		mu.Lock()
		before := len(acked)
		mu.Unlock()
		to := filepath.Join(t.TempDir(), "copy.db")
		if err := db.Snapshot(t.Context(), to); err != nil {
			t.Fatal(err)
		}
		if _, err := Verify(t.Context(), to, notes); err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(to); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%v %v", info.Mode(), err)
		}
		copied := openAt(t, to)
		if n := count(t, copied, "1"); n < 2*before || n%2 != 0 {
			t.Errorf("%d rows of %d changes acknowledged before", n, before)
		}
		copied.Close()
	}
	stop()
	writing.Wait()
	if _, err := db.reads.db.Exec("DELETE FROM notes"); err == nil {
		t.Error("the read pool can write after a snapshot")
	}
	if err := db.Snapshot(t.Context(), path); !errors.Is(err, os.ErrExist) {
		t.Errorf("over a file that is there: %v", err)
	}
}

func TestReplace(t *testing.T) {
	db, path := open(t)
	do(t, db, note(1))
	if err := db.SetKeyPrint(t.Context(), "a key"); err != nil {
		t.Fatal(err)
	}
	copied := path + ".copy"
	if err := Snapshot(t.Context(), "sqlite://"+path, copied); !errors.Is(err, ErrLocked) {
		t.Errorf("of an open store: %v", err)
	}
	if err := db.Snapshot(t.Context(), copied); err != nil {
		t.Fatal(err)
	}
	if print, err := Verify(t.Context(), copied, notes); print != "a key" || err != nil {
		t.Errorf("%q, %v", print, err)
	}
	if err := Replace(t.Context(), "sqlite://"+path, copied); !errors.Is(err, ErrLocked) {
		t.Errorf("over an open store: %v", err)
	}
	other := filepath.Join(t.TempDir(), "other.db")
	second := openAt(t, other)
	for n := range 50 {
		do(t, second, note(100+n))
	}
	second.Close()
	if err := Snapshot(t.Context(), "sqlite://"+other, other+".copy"); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Rename(copied, other+".from"), Replace(t.Context(), "sqlite://"+other, other+".from")); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]int{other: 1, other + Old: 50, other + ".copy": 50} {
		db := openAt(t, path) // which has fewer transactions than the one before, and is taken all the same
		if n := count(t, db, "1"); n != want {
			t.Errorf("%s has %d notes instead of %d", path, n, want)
		}
		db.Close()
	}
}

func TestVerifyRefuses(t *testing.T) {
	db, path := open(t)
	for n := range 2000 {
		if err := db.Put(note(n), func(error) {}); err != nil {
			t.Fatal(err)
		}
	}
	do(t, db, note(9999))
	to := path + ".copy"
	if err := db.Snapshot(t.Context(), to); err != nil {
		t.Fatal(err)
	}
	if _, err := Verify(t.Context(), to, fstest.MapFS{"sqlite/x.txt": {}}); !errors.Is(err, ErrNewer) {
		t.Errorf("a schema not known: %v", err)
	}
	whole, err := os.ReadFile(to)
	if err != nil {
		t.Fatal(err)
	}
	for name, damaged := range map[string][]byte{
		"cut":     whole[:len(whole)/2],
		"changed": append(append(append([]byte{}, whole[:8192]...), make([]byte, 4096)...), whole[12288:]...),
		"text":    []byte("this is not a database, but it is long enough for one to be looked for in it"),
	} {
		if err := os.WriteFile(to, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Verify(t.Context(), to, notes); err == nil {
			t.Errorf("%s: taken for whole", name)
		}
	}
}
