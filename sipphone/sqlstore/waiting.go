package sqlstore

import (
	"context"
	"time"

	"tandem/rtc"
	"tandem/rtc/store"
	"tandem/sipphone/waiting"
)

// Waiting implements waiting.Store.
type Waiting struct{ db *store.DB }

var _ waiting.Store = (*Waiting)(nil)

// NewWaiting makes the Store over an open database.
func NewWaiting(db *store.DB) *Waiting { return &Waiting{db} }

// Counts implements waiting.Store.
func (s *Waiting) Counts(ctx context.Context, each func(rtc.AOR, waiting.Counts)) error {
	err := store.Pages(ctx, s.db.Read(), `SELECT aor, fresh, old, urgent, urgent_old FROM waiting WHERE aor > $1 ORDER BY aor LIMIT $2`, "",
		func(scan func(...any) error) (aor string, err error) {
			var c waiting.Counts
			if err := scan(&aor, &c.New, &c.Old, &c.UrgentNew, &c.UrgentOld); err != nil {
				return aor, err
			}
			each(rtc.AOR(aor), c)
			return aor, nil
		})
	return s.db.Fault("loading counts of messages", err)
}

// PutCounts implements waiting.Store.
func (s *Waiting) PutCounts(ctx context.Context, user rtc.AOR, c waiting.Counts) error {
	return s.db.Do(ctx, store.Change{Octets: 256, Apply: func(ctx context.Context, tx store.Tx) error {
		if c == (waiting.Counts{}) {
			_, err := tx.ExecContext(ctx, `DELETE FROM waiting WHERE aor = $1`, string(user))
			return err
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO waiting (aor, fresh, old, urgent, urgent_old, changed) VALUES ($1, $2, $3, $4, $5, $6)
			ON CONFLICT (aor) DO UPDATE SET fresh = excluded.fresh, old = excluded.old, urgent = excluded.urgent,
			urgent_old = excluded.urgent_old, changed = excluded.changed`,
			string(user), c.New, c.Old, c.UrgentNew, c.UrgentOld, time.Now().UnixMilli())
		return err
	}})
}
