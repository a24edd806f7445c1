package store

import (
	"context"
	"errors"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// What was committed is acknowledged when the log has been forced to disk, not before.
func TestAcknowledgedWhenForced(t *testing.T) {
	db, _ := open(t)
	toDisk := db.w.wal.sync
	reached, release := make(chan int), make(chan struct{})
	db.w.wal.sync = func() error {
		var rows int
		if err := db.Read().QueryRowContext(context.Background(), `SELECT count(*) FROM notes`).Scan(&rows); err != nil {
			t.Error(err)
		}
		reached <- rows
		<-release
		return toDisk()
	}
	for n := range 3 {
		done := make(chan error, 1)
		if err := db.Put(note(n), func(err error) { done <- err }); err != nil {
			t.Fatal(err)
		}
		if rows := <-reached; rows != n+1 {
			t.Errorf("forced when %d of %d rows were committed", rows, n+1)
		}
		select {
		case err := <-done:
			t.Fatalf("acknowledged before it was on disk: %v", err)
		case <-time.After(20 * time.Millisecond):
		}
		release <- struct{}{}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
}

// After the log could not be forced once nothing can be promised: the system may say
// of the next attempt that all went well.
func TestLogThatCannotBeForced(t *testing.T) {
	db, _ := open(t)
	do(t, db, note(0))
	toDisk := db.w.wal.sync
	db.w.wal.sync = func() error { return unix.EIO }
	ctx := context.Background()
	if err := db.Do(ctx, note(1)); !errors.Is(err, ErrFull) || !errors.Is(err, unix.EIO) {
		t.Errorf("got %v", err)
	}
	db.w.wal.sync = toDisk
	if err := db.Do(ctx, note(2)); !errors.Is(err, ErrFull) {
		t.Errorf("acknowledged after the log was lost: %v", err)
	}
	if err := db.Healthy(); !errors.Is(err, ErrFull) {
		t.Errorf("healthy: %v", err)
	}
	if n := db.w.lock.kept + db.w.commits; n == 0 {
		t.Error("no commit was counted before")
	}
	var rows int
	if err := db.Read().QueryRowContext(ctx, `SELECT count(*) FROM notes WHERE id = 2`).Scan(&rows); err != nil || rows != 0 {
		t.Errorf("%d rows written after the log was lost (%v)", rows, err)
	}
}
