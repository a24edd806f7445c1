package sqlstore

import (
	"context"
	"encoding/binary"
	"errors"
	"iter"
	"time"

	"tandem/rtc"
	"tandem/rtc/directory"
	"tandem/rtc/store"
)

// Uses are kept in buckets by a hash of the secret's name: 300,000 of them are
// 1,024 rows of 3.5 KB, written in a tenth of a second, where a row each would
// take seconds. A bucket is a list of hash (8 octets) and Unix time in seconds
// (4 octets).
const (
	buckets    = 1024
	useOctets  = 12
	bucketsOne = 32 // in one transaction
)

// nameHash is FNV-1a, which is the same in every process.
func nameHash(aor rtc.AOR, device string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(aor) {
		h = (h ^ uint64(aor[i])) * 1099511628211
	}
	h *= 1099511628211 // a zero octet between the two
	for i := range len(device) {
		h = (h ^ uint64(device[i])) * 1099511628211
	}
	return h
}

// PutUses implements directory.Store.
func (s *Store) PutUses(ctx context.Context, uses iter.Seq[directory.Use]) error {
	var rows [buckets][]byte
	for u := range uses {
		h := nameHash(u.AOR, u.Device)
		row := &rows[h%buckets]
		*row = binary.BigEndian.AppendUint64(*row, h)
		*row = binary.BigEndian.AppendUint32(*row, uint32(u.Used.Unix()))
	}
	for first := 0; first < buckets; first += bucketsOne {
		err := s.change(ctx, "storing uses", 4*bucketsOne, func(ctx context.Context, tx store.Tx) error {
			for i := first; i < first+bucketsOne; i++ {
				if err := putBucket(ctx, tx, i, rows[i]); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func putBucket(ctx context.Context, tx store.Tx, bucket int, row []byte) (err error) {
	if len(row) == 0 {
		_, err = tx.ExecContext(ctx, `DELETE FROM credential_uses WHERE bucket = $1`, bucket)
	} else {
		_, err = tx.ExecContext(ctx, `INSERT INTO credential_uses (bucket, uses) VALUES ($1, $2)
			ON CONFLICT (bucket) DO UPDATE SET uses = excluded.uses`, bucket, row)
	}
	return err
}

// uses reads what PutUses wrote, by nameHash.
func (s *Store) uses(ctx context.Context) (map[uint64]time.Time, error) {
	rows, err := s.db.Read().QueryContext(ctx, `SELECT uses FROM credential_uses`)
	if err != nil {
		return nil, s.db.Fault("loading uses", err)
	}
	defer func() { _ = rows.Close() }()
	all := make(map[uint64]time.Time)
	for rows.Next() {
		var row []byte
		if err := rows.Scan(&row); err != nil {
			return nil, s.db.Fault("loading uses", err)
		}
		if len(row)%useOctets != 0 {
			return nil, &store.Error{Kind: store.ErrCorrupt, Path: s.db.Path(), Remedy: "restore it from a backup", Err: errors.New("uses have the wrong size")}
		}
		for ; len(row) > 0; row = row[useOctets:] {
			all[binary.BigEndian.Uint64(row)] = time.Unix(int64(binary.BigEndian.Uint32(row[8:])), 0)
		}
	}
	return all, s.db.Fault("loading uses", rows.Err())
}
