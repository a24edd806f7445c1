package store

import (
	"context"
	"database/sql"
	"encoding/binary"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
)

const (
	// A checkpoint is made when the log has grown by so many pages.
	manyPages = 500
	// It has so many at most when the checkpoints do not keep up. Then SQLite makes one within
	// the commit.
	mostPages = "4000"
)

// checkpoint asks SQLite for a checkpoint that waits for nobody.
const checkpoint = "PRAGMA wal_checkpoint(PASSIVE)"

// checkpointer brings what is in the log into the database, by a connection of its own.
// SQLite by itself does so within a commit: whoever waits for that would wait for the disk
// to take a thousand pages. The writer then brings what came meanwhile, so that the log
// begins anew.
type checkpointer struct {
	db    *sql.DB
	log   *slog.Logger
	wake  chan struct{}
	ended sync.WaitGroup
	rest  atomic.Bool // is for the writer
	index *os.File    // of the log
	pages uint32      // the writer's: of the log when it last asked for one
}

func newCheckpointer(path string, log *slog.Logger) (*checkpointer, error) {
	db, err := sql.Open("sqlite", dsn(path, "mode=rw&_pragma=query_only(1)&_pragma=cache_size(-64)"))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	index, err := os.Open(path + "-shm")
	if err != nil {
		_ = db.Close()
		return nil, err
	}
	c := &checkpointer{db: db, index: index, log: log, wake: make(chan struct{}, 1)}
	c.ended.Go(c.run)
	return c, nil
}

func (c *checkpointer) run() {
	failed := false
	for range c.wake {
		_, err := c.db.ExecContext(context.Background(), checkpoint)
		if err != nil && !failed {
			c.log.Warn("the log of the store cannot be brought into its file: it grows", "err", err)
		}
		failed = err != nil
		c.rest.Store(!failed)
	}
}

// committed looks whether the log has grown enough. The writer calls it.
func (c *checkpointer) committed() {
	// The number of the log's pages stands in its index, in the machine's own order of
	// octets (sqlite.org/walformat.html, mxFrame).
	var field [4]byte
	if _, err := c.index.ReadAt(field[:], 16); err != nil {
		return // SQLite sees to it, at mostPages
	}
	pages := binary.NativeEndian.Uint32(field[:])
	if pages < c.pages { // it has begun anew
		c.pages = 0
	}
	if pages-c.pages < manyPages {
		return
	}
	c.pages = pages
	select {
	case c.wake <- struct{}{}:
	default: // one is under way, and another waits
	}
}

// close returns when none is under way.
func (c *checkpointer) close() {
	close(c.wake)
	c.ended.Wait()
	_ = c.db.Close()
}

// release lets go of the index. SQLite has locks on that file, and a process loses its
// locks on a file when it closes it once: so this comes after all connections are closed.
func (c *checkpointer) release() { _ = c.index.Close() }
