package sqlstore

import (
	"context"
	"time"

	"tandem/rtc"
	"tandem/rtc/event/winfo"
	"tandem/rtc/store"
)

// Waiting implements winfo.Store for one event package.
type Waiting struct {
	db  *store.DB
	pkg string
}

var _ winfo.Store = (*Waiting)(nil)

// NewWaiting makes one over a database opened with Migrations.
func NewWaiting(db *store.DB, pkg string) *Waiting { return &Waiting{db, pkg} }

// Put implements winfo.Store.
func (s *Waiting) Put(w winfo.Waiter, done func(error)) error {
	return s.change(w.Resource, w.Watcher, done, `INSERT INTO waiting_watchers (package, resource, watcher, id, proved, since) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (package, resource, watcher) DO UPDATE SET id = excluded.id, proved = excluded.proved, since = excluded.since`,
		w.ID, w.Proved, w.Since.UnixMilli())
}

// Delete implements winfo.Store.
func (s *Waiting) Delete(resource, watcher rtc.AOR, done func(error)) error {
	return s.change(resource, watcher, done, `DELETE FROM waiting_watchers WHERE package = $1 AND resource = $2 AND watcher = $3`)
}

// change carries out a statement on the row of a resource and a watcher.
func (s *Waiting) change(resource, watcher rtc.AOR, done func(error), statement string, more ...any) error {
	args := append([]any{s.pkg, string(resource), string(watcher)}, more...)
	return s.db.Put(store.Change{Key: "waiting:" + string(resource) + " " + string(watcher), Octets: len(resource) + len(watcher) + 128,
		Apply: func(ctx context.Context, tx store.Tx) error {
			_, err := tx.ExecContext(ctx, statement, args...)
			return err
		}}, done)
}

// Load implements winfo.Store.
func (s *Waiting) Load(ctx context.Context, each func(winfo.Waiter)) error {
	rows, err := s.db.Read().QueryContext(ctx, `SELECT resource, watcher, id, proved, since FROM waiting_watchers WHERE package = $1`, s.pkg)
	if err != nil {
		return s.db.Fault("loading who waits", err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var w winfo.Waiter
		var since int64
		if err := rows.Scan((*string)(&w.Resource), (*string)(&w.Watcher), &w.ID, &w.Proved, &since); err != nil {
			return s.db.Fault("loading who waits", err)
		}
		w.Since = time.UnixMilli(since)
		each(w)
	}
	return s.db.Fault("loading who waits", rows.Err())
}
