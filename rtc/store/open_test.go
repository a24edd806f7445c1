package store

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "text.db")
	if err := os.WriteFile(text, []byte(strings.Repeat("this is no database\n", 200)), 0o600); err != nil {
		t.Fatal(err)
	}
	newer := filepath.Join(dir, "newer.db")
	db := openAt(t, newer)
	err := db.change(context.Background(), func(ctx context.Context, tx execer) error {
		_, err := tx.ExecContext(ctx, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (99, 1)")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	held := filepath.Join(dir, "held.db")
	defer openAt(t, held).Close()
	for _, c := range []struct {
		name, address string
		kind          error
		says          string
	}{
		{"empty", "", ErrURL, "write sqlite:///path/tandem.db"},
		{"no path", "sqlite://", ErrURL, "write sqlite:///path/tandem.db"},
		{"postgres", "postgres://db/tandem", ErrURL, "not supported yet"},
		{"unknown engine", "mysql://db/tandem", ErrURL, `unknown engine "mysql"`},
		{"no such directory", "sqlite://" + dir + "/none/t.db", ErrPath, "make sure " + dir + "/none is a directory"},
		{"a directory", "sqlite://" + dir, ErrPath, "is a directory"},
		{"not a database", "sqlite://" + text, ErrCorrupt, "restore it from a backup"},
		{"not writable", "sqlite:///proc/t.db", ErrPath, "/proc"},
		{"newer schema", "sqlite://" + newer, ErrNewer, "version 99, this program knows 2"},
		{"second server", "sqlite://" + held, ErrLocked, "stop the other server first"},
	} {
		t.Run(c.name, func(t *testing.T) {
			db, err := Open(context.Background(), c.address, quiet())
			if err == nil {
				db.Close()
				t.Fatal("opened")
			}
			if !errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %v", err)
			}
			t.Log(err)
		})
	}
}

func TestRelativeAndOddPaths(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, address := range []string{"sqlite:a.db", "sqlite://b%20c.db", "sqlite:100%25.db", "sqlite:d#e.db"} {
		db, err := Open(context.Background(), address, quiet())
		if err != nil {
			t.Errorf("%s: %v", address, err)
			continue
		}
		if info, err := os.Stat(db.Path()); err != nil || info.Size() == 0 && !exists(db.Path()+"-wal") {
			t.Errorf("%s: nothing at %s: %v", address, db.Path(), err)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}
}

func exists(path string) bool { _, err := os.Stat(path); return err == nil }

func TestPragmas(t *testing.T) {
	db, path := open(t)
	for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "wal_autocheckpoint": "1000"} {
		var got string
		if err := db.w.conn.QueryRowContext(context.Background(), "PRAGMA "+pragma).Scan(&got); err != nil || got != want {
			t.Errorf("%s of the writer is %q, want %q (%v)", pragma, got, want, err)
		}
	}
	if _, err := db.read.Exec("DELETE FROM users"); err == nil {
		t.Error("the read pool can write")
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v %v: secrets would be readable", info.Mode(), err)
	}
}

func TestFullDisk(t *testing.T) {
	db, _ := open(t)
	if err := put(t, db, aorOf(0), binding(0)); err != nil {
		t.Fatal(err)
	}
	pages := func(n string) {
		if _, err := db.w.conn.ExecContext(context.Background(), "PRAGMA max_page_count="+n); err != nil {
			t.Fatal(err)
		}
	}
	pages("1") // SQLite takes it as "not a page more than there are"
	var err error
	acked := []int{0}
	for n := 1; n < 500; n++ {
		if err = put(t, db, aorOf(n), binding(n)); err != nil {
			break
		}
		acked = append(acked, n)
	}
	if !errors.Is(err, ErrFull) || !strings.Contains(err.Error(), "free space") {
		t.Fatalf("got %v", err)
	}
	if h := db.Healthy(); !errors.Is(h, ErrFull) {
		t.Errorf("healthy says %v", h)
	}
	pages("1000000")
	if err := put(t, db, "sip:z@example.com", binding(1)); err != nil {
		t.Fatalf("after space was freed: %v", err)
	}
	if h := db.Healthy(); h != nil {
		t.Errorf("healthy says %v after recovery", h)
	}
	got := all(t, db)
	if len(got) != len(acked)+1 {
		t.Errorf("%d kept of %d acknowledged", len(got), len(acked)+1)
	}
}

func TestLockedByAnotherProgram(t *testing.T) {
	db, path := open(t)
	if _, err := db.w.conn.ExecContext(context.Background(), "PRAGMA busy_timeout=20"); err != nil {
		t.Fatal(err)
	}
	other, err := sql.Open("sqlite", dsn(path, ""))
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	other.SetMaxOpenConns(1)
	if _, err := other.Exec("BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	if err := put(t, db, aorOf(1), binding(1)); !errors.Is(err, ErrLocked) {
		t.Errorf("got %v", err)
	}
	if _, err := other.Exec("ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	if err := put(t, db, aorOf(1), binding(1)); err != nil {
		t.Error(err)
	}
}
