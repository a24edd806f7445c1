package store

import (
	"context"
	"os"
	"strings"
	"testing"
)

// The log begins anew long before SQLite would see to that within a commit, also while
// changes keep coming.
func TestLogBeginsAnew(t *testing.T) {
	db, path := open(t)
	const commits, notes, octets, page = 300, 50, 1000, 4096
	for n := range commits {
		do(t, db, Change{Apply: func(ctx context.Context, tx Tx) error {
			for i := range notes {
				if _, err := tx.ExecContext(ctx, addNote, n*notes+i, "alice", nil, strings.Repeat("x", octets), 0); err != nil {
					return err
				}
			}
			return nil
		}})
	}
	info, err := os.Stat(path + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	if n := info.Size() / page; n > 3000 {
		t.Errorf("the log has %d pages after %d were written", n, commits*notes*octets/page)
	}
}
