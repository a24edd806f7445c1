package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tandem/rtc"
	"tandem/rtc/directory"
	"tandem/rtc/directory/storetest"
	"tandem/rtc/store"
)

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// open opens a database in a new directory; again closes it and opens it anew.
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
		if db, err = store.Open(context.Background(), "sqlite://"+path, quiet(), Migrations); err != nil {
			t.Fatal(err)
		}
		return New(db)
	}
	s = again()
	t.Cleanup(func() { db.Close() })
	return s, again
}

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) (directory.Store, func() directory.Store) {
		s, again := open(t)
		return s, func() directory.Store { return again() }
	})
}

// TestDirectorySurvivesReopening drives a directory over a real store through
// every kind of change and compares it with what another one loads.
func TestDirectorySurvivesReopening(t *testing.T) {
	ctx := context.Background()

	s, reopen := open(t)
	d := directory.New(s, []string{"example.com"}, quiet())
	if _, err := d.Add(ctx, directory.AddUser{AOR: "sip:alice@example.com", Aliases: []rtc.AOR{"100", "tel:+4930123"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Import(ctx, strings.NewReader("bob,Bob,longenough,200\ncarol,Carol,,300\n")); err != nil {
		t.Fatal(err)
	}
	if _, _, err := d.AddDevice(ctx, "sip:alice@example.com", "desk"); err != nil {
		t.Fatal(err)
	}
	a, _ := d.Lookup([]byte("alice"), []byte("example.com"))
	a.Secrets[1].Use(time.Now())
	if err := errors.Join(d.KeepUse(ctx, time.Hour), d.Disable(ctx, "sip:bob@example.com"), d.Delete(ctx, "sip:carol@example.com")); err != nil {
		t.Fatal(err)
	}
	e := directory.New(reopen(), []string{"example.com"}, quiet())
	if err := e.Load(ctx); err != nil {
		t.Fatal(err)
	}
	want, got := d.Users(), e.Users()
	if len(got) != 2 || len(want) != 2 {
		t.Fatalf("%d users, then %d", len(want), len(got))
	}
	for i := range want {
		if got[i].AOR != want[i].AOR || got[i].Enabled != want[i].Enabled || len(got[i].Aliases) != len(want[i].Aliases) {
			t.Errorf("%+v became %+v", want[i], got[i])
		}
		before, _ := d.Lookup([]byte(want[i].AOR.User()), []byte("example.com"))
		after, _ := e.Lookup([]byte(want[i].AOR.User()), []byte("example.com"))
		for j, s := range before.Secrets {
			b, a := s.Credential(), after.Secrets[j].Credential()
			if b.MD5 != a.MD5 || b.MD5Long != a.MD5Long || b.SHA256 != a.SHA256 || b.SHA512256 != a.SHA512256 || b.Device != a.Device {
				t.Errorf("secret %q of %s changed", b.Device, b.AOR)
			}
			if !after.Secrets[j].LastUsed().Equal(s.LastUsed()) {
				t.Errorf("last use of %q became %v", b.Device, after.Secrets[j].LastUsed())
			}
		}
	}
	if before, after := devices(t, d), devices(t, e); !slices.Equal(before, after) {
		t.Errorf("devices %v became %v", before, after)
	}
}

func devices(t *testing.T, d *directory.Directory) []string {
	t.Helper()
	list, err := d.Devices("sip:alice@example.com")
	if err != nil || len(list) != 1 {
		t.Fatalf("%v, %v", list, err)
	}
	return []string{list[0].Name, list[0].Username}
}

// BenchmarkKeepUse writes when 300,000 secrets were used, and tells how long a
// change of somebody else waits at most meanwhile.
func BenchmarkKeepUse(b *testing.B) {
	const n = 300_000
	path := filepath.Join(b.TempDir(), "t.db")
	db, err := store.Open(context.Background(), "sqlite://"+path, quiet(), Migrations)
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	s := New(db)
	now := time.Now()
	uses := func(yield func(directory.Use) bool) {
		for i := range n {
			if !yield(directory.Use{AOR: rtc.AOR(fmt.Sprintf("sip:user%06d@example.com", i)), Used: now}) {
				return
			}
		}
	}
	longest := time.Duration(0)
	for b.Loop() {
		done := make(chan error, 1)
		go func() { done <- s.PutUses(context.Background(), uses) }()
		for ended := false; !ended; {
			start := time.Now()
			if err := db.Do(context.Background(), store.Change{Apply: func(context.Context, store.Tx) error { return nil }}); err != nil {
				b.Fatal(err)
			}
			longest = max(longest, time.Since(start))
			select {
			case err := <-done:
				if err != nil {
					b.Fatal(err)
				}
				ended = true
			case <-time.After(time.Millisecond):
			}
		}
	}
	b.ReportMetric(float64(longest.Milliseconds()), "longest-wait-ms")
}
