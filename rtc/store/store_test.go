package store

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"tandem/rtc"
	"tandem/rtc/location"
)

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// open opens a store in a new directory and closes it with the test.
func open(t testing.TB) (*DB, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "t.db")
	db := openAt(t, path)
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db, path
}

func openAt(t testing.TB, path string) *DB {
	t.Helper()
	db, err := Open(context.Background(), "sqlite://"+path, quiet())
	if err != nil {
		t.Fatal(err)
	}
	return db
}

// binding makes the nth binding of a test.
func binding(n int) location.Binding {
	d := location.Draft{
		Contact:   fmt.Appendf(nil, `"N" <sip:user%d@192.0.2.1:5060;line=x>;+sip.instance="<urn:uuid:%032d>";q=0.5`, n, n),
		URI:       fmt.Appendf(nil, "sip:user%d@192.0.2.1:5060;line=x", n),
		Instance:  fmt.Appendf(nil, "<urn:uuid:%032d>", n),
		CallID:    fmt.Appendf(nil, "call-%d@192.0.2.1", n),
		UserAgent: []byte("Phone/1.0"),
		CSeq:      uint32(n), Q: 500,
		Expires: time.UnixMilli(time.Now().UnixMilli()).Add(time.Hour),
	}
	return d.Binding()
}

func aorOf(n int) rtc.AOR { return rtc.AOR(fmt.Sprintf("sip:user%d@example.com", n)) }

// put stores bindings and waits for the acknowledgement.
func put(t testing.TB, db *DB, aor rtc.AOR, list ...location.Binding) error {
	t.Helper()
	result := make(chan error, 1)
	if err := db.PutBindings(aor, list, func(err error) { result <- err }); err != nil {
		return err
	}
	return <-result
}

// all loads every binding kept.
func all(t testing.TB, db *DB) map[rtc.AOR][]location.Binding {
	t.Helper()
	m := make(map[rtc.AOR][]location.Binding)
	if err := db.LoadBindings(nil, func(aor rtc.AOR, list []location.Binding) { m[aor] = list }); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestMain(m *testing.M) {
	if path := os.Getenv("TANDEM_STORE_WRITER"); path != "" {
		writeForEver(path)
		return
	}
	os.Exit(m.Run())
}
