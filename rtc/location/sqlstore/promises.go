package sqlstore

import (
	"context"
	"encoding/binary"
	"fmt"
	"iter"

	"tandem/rtc"
	"tandem/rtc/location"
	"tandem/rtc/store"
)

// partOctets is about how much one row of promises holds. For each AOR it has the
// length of its name, the name, how many promises follow, and of each the hash of
// the Contact (8 octets) and the expiry (unix ms). Numbers are unsigned varints.
const partOctets = 256 << 10

// KeepPromises implements location.Store.
func (s *Store) KeepPromises(ctx context.Context, all iter.Seq2[rtc.AOR, []location.Promise]) error {
	if err := s.putPart(ctx, 0, nil); err != nil {
		return err
	}
	var data []byte
	part := 1
	for aor, list := range all {
		data = appendText(data, string(aor))
		data = binary.AppendUvarint(data, uint64(len(list)))
		for _, p := range list {
			data = binary.LittleEndian.AppendUint64(data, p.Contact)
			data = binary.AppendUvarint(data, uint64(p.Expires))
		}
		if len(data) < partOctets {
			continue
		}
		if err := s.putPart(ctx, part, data); err != nil {
			return err
		}
		part, data = part+1, nil // the change holds on to what it was given
	}
	if len(data) == 0 {
		return nil
	}
	return s.putPart(ctx, part, data)
}

// putPart writes a row; part 0 empties the table.
func (s *Store) putPart(ctx context.Context, part int, data []byte) error {
	return s.db.Do(ctx, store.Change{Octets: len(data), Apply: func(ctx context.Context, tx store.Tx) error {
		var err error
		if part == 0 {
			_, err = tx.ExecContext(ctx, `DELETE FROM promises`)
		} else {
			_, err = tx.ExecContext(ctx, `INSERT INTO promises (part, data) VALUES ($1, $2)`, part, data)
		}
		return err
	}})
}

// LoadPromises implements location.Store.
func (s *Store) LoadPromises(ctx context.Context, each func(rtc.AOR, []location.Promise)) error {
	rows, err := s.db.Read().QueryContext(ctx, `SELECT data FROM promises ORDER BY part`)
	if err != nil {
		return s.db.Fault("loading what phones were promised", err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var data []byte
		if err := rows.Scan(&data); err != nil {
			return s.db.Fault("loading what phones were promised", err)
		}
		if err := readPart(data, each); err != nil {
			s.log.Error("what phones were promised cannot be read; their registrations end later than they were told", "err", err)
		}
	}
	return s.db.Fault("loading what phones were promised", rows.Err())
}

// ForgetPromises implements location.Store.
func (s *Store) ForgetPromises(ctx context.Context) error { return s.putPart(ctx, 0, nil) }

func readPart(data []byte, each func(rtc.AOR, []location.Promise)) error {
	r := reader{rest: data}
	var list []location.Promise
	for len(r.rest) > 0 {
		aor := rtc.AOR(r.text())
		list = list[:0]
		for n := r.number(1 << 16); n > 0; n-- {
			if len(r.rest) < 8 {
				return fmt.Errorf("promises to %s: %w", aor, errEncoding)
			}
			p := location.Promise{Contact: binary.LittleEndian.Uint64(r.rest)}
			r.rest = r.rest[8:]
			p.Expires = int64(r.number(1<<62 - 1))
			list = append(list, p)
		}
		if r.bad {
			return errEncoding
		}
		each(aor, list)
	}
	return nil
}
