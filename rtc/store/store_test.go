package store

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"

	"tandem/rtc/store/killtest"
)

// notes is the room of these tests.
var notes = fstest.MapFS{"sqlite/0990_notes.sql": {Data: []byte(`-- +goose Up
CREATE TABLE notes (
    id    BIGINT NOT NULL PRIMARY KEY,
    owner TEXT   NOT NULL,
    title TEXT   UNIQUE,
    text  TEXT   NOT NULL,
    made  BIGINT NOT NULL
);
CREATE INDEX notes_owner ON notes (owner, made);

-- +goose Down
DROP TABLE notes;
`)}}

const addNote = `INSERT INTO notes (id, owner, title, text, made) VALUES ($1, $2, $3, $4, $5)`

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

func openAt(t testing.TB, path string, more ...fs.FS) *DB {
	t.Helper()
	db, err := Open(context.Background(), "sqlite://"+path, quiet(), append(more, notes)...)
	if err != nil {
		t.Fatal(err)
	}
	return db
}

// note is the change that adds the nth note.
func note(n int) Change {
	return Change{Octets: 64, Apply: func(ctx context.Context, tx Tx) error {
		_, err := tx.ExecContext(ctx, addNote, n, "alice", nil, "text", n)
		return err
	}}
}

// setNote is a change with a key: the text of the note becomes n.
func setNote(key string, n int) Change {
	return Change{Key: "note:" + key, Octets: 64, Apply: func(ctx context.Context, tx Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO notes (id, owner, title, text, made) VALUES ($1, '', $2, $3, 0)
			ON CONFLICT (title) DO UPDATE SET text = excluded.text`, n, key, fmt.Sprint(n))
		return err
	}}
}

func statement(query string, args ...any) Change {
	return Change{Apply: func(ctx context.Context, tx Tx) error { _, err := tx.ExecContext(ctx, query, args...); return err }}
}

func do(t testing.TB, db *DB, c Change) {
	t.Helper()
	if err := db.Do(context.Background(), c); err != nil {
		t.Fatal(err)
	}
}

// hold keeps the writer busy until the function it returns is called.
func hold(t testing.TB, db *DB) (release func()) {
	t.Helper()
	held, let, ended := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	err := db.Put(Change{Apply: func(context.Context, Tx) error { close(held); <-let; return nil }}, func(err error) { ended <- err })
	if err != nil {
		t.Fatal(err)
	}
	<-held
	return func() {
		close(let)
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

func count(t testing.TB, db *DB, where string) (n int) {
	t.Helper()
	if err := db.Read().QueryRowContext(context.Background(), "SELECT count(*) FROM notes WHERE "+where).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestMain(m *testing.M) {
	if path := os.Getenv(killtest.Path); path != "" {
		writeForEver(path)
		return
	}
	os.Exit(m.Run())
}
