package sqlstore

import (
	"context"

	"tandem/rtc"
	"tandem/rtc/store"
	"tandem/sipphone/hotdesk"
)

// PINs implements hotdesk.Store.
type PINs struct{ db *store.DB }

var _ hotdesk.Store = (*PINs)(nil)

// NewPINs makes the Store over an open database.
func NewPINs(db *store.DB) *PINs { return &PINs{db} }

// PINs implements hotdesk.Store.
func (s *PINs) PINs(ctx context.Context, each func(rtc.AOR, int)) error {
	err := store.Pages(ctx, s.db.Read(), `SELECT aor, generation FROM phone_pins WHERE aor > $1 ORDER BY aor LIMIT $2`, "",
		func(scan func(...any) error) (aor string, err error) {
			var generation int
			if err := scan(&aor, &generation); err != nil {
				return aor, err
			}
			each(rtc.AOR(aor), generation)
			return aor, nil
		})
	return s.db.Fault("loading PINs", err)
}

// PutPIN implements hotdesk.Store.
func (s *PINs) PutPIN(ctx context.Context, user rtc.AOR, generation int) error {
	return s.db.Do(ctx, store.Change{Octets: 128, Apply: func(ctx context.Context, tx store.Tx) error {
		if generation == 0 {
			_, err := tx.ExecContext(ctx, `DELETE FROM phone_pins WHERE aor = $1`, string(user))
			return err
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO phone_pins (aor, generation) VALUES ($1, $2)
			ON CONFLICT (aor) DO UPDATE SET generation = excluded.generation`, string(user), generation)
		return err
	}})
}
