package store

import (
	"context"
	"fmt"
	"time"

	"tandem/rtc"
	"tandem/rtc/location"
	"tandem/rtc/transport"
)

var _ location.Store = (*DB)(nil)

// PutBindings implements location.Store.
func (db *DB) PutBindings(aor rtc.AOR, bindings []location.Binding, done func(error)) error {
	var until int64
	for i := range bindings {
		until = max(until, bindings[i].Expires.UnixMilli())
	}
	return db.w.enqueue(func(b *batch) { b.putBindings(string(aor), until, bindings, done) })
}

// LoadBindings implements location.Store. Rows that ended while the server was
// down are deleted; a row that cannot be read is reported and left alone.
func (db *DB) LoadBindings(flow func(string) (transport.Flow, bool), each func(rtc.AOR, []location.Binding)) error {
	ctx := context.Background()
	now := time.Now().UnixMilli()
	err := db.change(ctx, func(ctx context.Context, tx execer) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM bindings WHERE until <= $1`, now)
		return err
	})
	if err != nil {
		return fmt.Errorf("deleting ended bindings: %w", err)
	}
	rows, err := db.read.QueryContext(ctx, `SELECT aor, data FROM bindings`)
	if err != nil {
		return classify(db.path, fmt.Errorf("loading bindings: %w", err))
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var aor string
		var data []byte
		if err := rows.Scan(&aor, &data); err != nil {
			return classify(db.path, fmt.Errorf("loading bindings: %w", err))
		}
		bindings, err := decodeBindings(data, flow)
		if err != nil {
			db.log.Error("stored bindings cannot be read", "aor", aor, "err", err)
			continue
		}
		each(rtc.AOR(aor), bindings)
	}
	return classify(db.path, rows.Err())
}

// change queues apply and waits until it is on disk. When ctx ends first the
// change may still be made.
func (db *DB) change(ctx context.Context, apply func(context.Context, execer) error) error {
	result := make(chan error, 1)
	done := func(err error) { result <- err }
	if err := db.w.enqueue(func(b *batch) { b.putChange(apply, done) }); err != nil {
		return err
	}
	select {
	case err := <-result:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}
