package store

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
)

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "text.db")
	if err := os.WriteFile(text, []byte(strings.Repeat("this is not a database\n", 200)), 0o600); err != nil {
		t.Fatal(err)
	}
	newer := filepath.Join(dir, "newer.db")
	db := openAt(t, newer)
	do(t, db, statement("INSERT INTO goose_db_version (version_id, is_applied) VALUES (99, 1)"))
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
		{"newer schema", "sqlite://" + newer, ErrNewer, "migration 99"},
		{"second server", "sqlite://" + held, ErrLocked, "stop the other server first"},
	} {
		t.Run(c.name, func(t *testing.T) {
			db, err := Open(context.Background(), c.address, quiet(), notes)
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
		db, err := Open(context.Background(), address, quiet(), notes)
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
	for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "1", "wal_autocheckpoint": mostPages} {
		var got string
		if err := db.w.conn.QueryRowContext(context.Background(), "PRAGMA "+pragma).Scan(&got); err != nil || got != want {
			t.Errorf("%s of the writer is %q, want %q (%v)", pragma, got, want, err)
		}
	}
	if _, err := db.reads.db.Exec("DELETE FROM notes"); err == nil {
		t.Error("the read pool can write")
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v %v: secrets would be readable", info.Mode(), err)
	}
}

func TestFullDisk(t *testing.T) {
	db, _ := open(t)
	do(t, db, note(0))
	pages := func(n string) {
		if _, err := db.w.conn.ExecContext(context.Background(), "PRAGMA max_page_count="+n); err != nil {
			t.Fatal(err)
		}
	}
	pages("1") // SQLite takes it as "not a page more than there are"
	var err error
	acked := 1
	for n := 1; n < 5000; n++ {
		if err = db.Do(context.Background(), note(n)); err != nil {
			break
		}
		acked++
	}
	if !errors.Is(err, ErrFull) || !strings.Contains(err.Error(), "free space") {
		t.Fatalf("got %v", err)
	}
	if h := db.Healthy(); !errors.Is(h, ErrFull) {
		t.Errorf("healthy says %v", h)
	}
	pages("1000000")
	if err := db.Do(context.Background(), note(9999)); err != nil {
		t.Fatalf("after space was freed: %v", err)
	}
	if h := db.Healthy(); h != nil {
		t.Errorf("healthy says %v after recovery", h)
	}
	if got := count(t, db, "1"); got != acked+1 {
		t.Errorf("%d kept of %d acknowledged", got, acked+1)
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
	if err := db.Do(context.Background(), note(1)); !errors.Is(err, ErrLocked) {
		t.Errorf("got %v", err)
	}
	if _, err := other.Exec("ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	do(t, db, note(1))
}

// Rooms come and go in any order of their numbers; a schema with a room that
// the program does not know is refused.
func TestMigrationsOfManyRooms(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.db")
	low := fstest.MapFS{"sqlite/0101_low.sql": {Data: []byte("-- +goose Up\nCREATE TABLE low (n BIGINT);\n")}}
	openAt(t, path).Close()
	db := openAt(t, path, low) // came later with a lower number
	do(t, db, statement("INSERT INTO low VALUES (1)"))
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), "sqlite://"+path, quiet(), notes); !errors.Is(err, ErrNewer) || !strings.Contains(err.Error(), "migration 101") {
		t.Errorf("without the room: %v", err)
	}
	if _, err := Open(t.Context(), "sqlite://"+path, quiet(), notes, low, low); err == nil {
		t.Error("two migrations of one number were accepted")
	}
	db = openAt(t, path, low)
	do(t, db, note(1))
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// An upgrade that fails at one migration has changed nothing; when it is
// repaired, all is done that was missing.
func TestUpgradeIsWholeOrNot(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.db")
	openAt(t, path).Close()
	room := fstest.MapFS{
		"sqlite/0991_good.sql": {Data: []byte("-- +goose Up\nCREATE TABLE good (n BIGINT);\nINSERT INTO good VALUES (1);\n\n-- +goose Down\nDROP TABLE good;\n")},
		"sqlite/0992_bad.sql":  {Data: []byte("-- +goose Up\nCREATE TABLE bad (n BIGINT);\nINSERT INTO missing VALUES (1);\n")},
	}
	if _, err := Open(t.Context(), "sqlite://"+path, quiet(), notes, room); err == nil || !strings.Contains(err.Error(), "0992_bad.sql") {
		t.Fatalf("got %v", err)
	}
	openAt(t, path).Close() // the program of before has no migration that it does not know
	room["sqlite/0992_bad.sql"] = &fstest.MapFile{Data: []byte("-- +goose Up\nCREATE TABLE bad (n BIGINT);\n")}
	for range 2 { // the second time there is nothing to do
		db := openAt(t, path, room)
		var good, bad, steps int
		err := db.Read().QueryRowContext(t.Context(), `SELECT (SELECT count(*) FROM good), (SELECT count(*) FROM bad),
			(SELECT count(*) FROM goose_db_version WHERE version_id IN (0, 4, 990, 991, 992) AND is_applied)`).Scan(&good, &bad, &steps)
		if err != nil || good != 1 || bad != 0 || steps != 5 {
			t.Errorf("%d rows of one table, %d of the other, %d steps: %v", good, bad, steps, err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// A file that is no migration is refused before anything is done.
func TestNoMigration(t *testing.T) {
	for name, text := range map[string]string{
		"0991_first.sql":  "CREATE TABLE a (n BIGINT);\n",
		"first.sql":       "-- +goose Up\nCREATE TABLE a (n BIGINT);\n",
		"0000_first.sql":  "-- +goose Up\nCREATE TABLE a (n BIGINT);\n",
		"-0004_first.sql": "-- +goose Up\nCREATE TABLE a (n BIGINT);\n",
		"0990_again.sql":  "-- +goose Up\nCREATE TABLE a (n BIGINT);\n",
	} {
		room := fstest.MapFS{"sqlite/" + name: {Data: []byte(text)}}
		_, err := Open(t.Context(), "sqlite://"+filepath.Join(t.TempDir(), "t.db"), quiet(), notes, room)
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
