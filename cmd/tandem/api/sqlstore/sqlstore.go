// Package sqlstore keeps what the API itself has to keep: tokens, audit rows,
// webhooks and their deliveries, answers to requests with a key. It implements the
// stores of the packages that own these and decides nothing about them.
package sqlstore

import (
	"context"
	"embed"
	"fmt"

	"tandem/rtc/store"
)

// Migrations of the tables, for store.Open.
//
//go:embed sqlite
var Migrations embed.FS

// rowOctets is about what a row takes in memory besides its texts.
const rowOctets = 512

// do makes a change and waits until it is on disk.
func do(ctx context.Context, db *store.DB, doing string, octets int, apply func(context.Context, store.Tx) error) error {
	if err := db.Do(ctx, store.Change{Octets: rowOctets + octets, Apply: apply}); err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return nil
}

// affect runs one statement and tells how many rows it changed.
func affect(ctx context.Context, db *store.DB, doing, query string, args ...any) (int, error) {
	var rows int64
	err := do(ctx, db, doing, 0, func(ctx context.Context, tx store.Tx) error {
		r, err := tx.ExecContext(ctx, query, args...)
		if err != nil {
			return err
		}
		rows, err = r.RowsAffected()
		return err
	})
	if err != nil { // rows is not ours to read: the change may still be under way
		return 0, err
	}
	return int(rows), nil
}
