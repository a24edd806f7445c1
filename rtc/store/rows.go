package store

import (
	"context"
	"fmt"
)

// MaxRows is how many rows one transaction deletes or reads of many: others
// wait for a delete, and a long read keeps the write-ahead log from shrinking.
const MaxRows = 1000

// Purge deletes the rows of table that where selects, at most MaxRows in a
// transaction, and returns how many there were. key is a column with a
// different value in each row. Between two transactions others have their turn.
// An error leaves what was deleted before it deleted.
func (db *DB) Purge(ctx context.Context, table, key, where string, args ...any) (int64, error) {
	query := fmt.Sprintf("DELETE FROM %[1]s WHERE %[2]s IN (SELECT %[2]s FROM %[1]s WHERE %[3]s LIMIT %[4]d)", table, key, where, MaxRows)
	for total := int64(0); ; {
		var n int64
		err := db.Do(ctx, Change{Octets: 1024, Apply: func(ctx context.Context, tx Tx) error {
			r, err := tx.ExecContext(ctx, query, args...)
			if err != nil {
				return err
			}
			n, err = r.RowsAffected()
			return err
		}})
		if err != nil {
			return total, fmt.Errorf("deleting from %s: %w", table, err)
		}
		if total += n; n < MaxRows {
			return total, nil
		}
	}
}

// Pages reads the rows of query in their order, at most MaxRows in a
// transaction. query selects the rows whose key is greater than $1, ordered by
// the key, with LIMIT $2; first is less than any key. row reads one row and
// returns its key. Rows that come or go meanwhile may be seen or not.
func Pages[K any](ctx context.Context, r Reader, query string, first K, row func(scan func(...any) error) (K, error)) error {
	for after := first; ; {
		n := 0
		rows, err := r.QueryContext(ctx, query, after, MaxRows)
		if err != nil {
			return err
		}
		for ; rows.Next(); n++ {
			if after, err = row(rows.Scan); err != nil {
				break
			}
		}
		if err := firstError(err, rows.Err(), rows.Close()); err != nil {
			return err
		}
		if n < MaxRows {
			return nil
		}
	}
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
