package directory

import (
	"context"
	"fmt"
	"time"

	"tandem/rtc"
)

// Use is when a secret last proved an identity.
type Use struct {
	AOR    rtc.AOR
	Device string
	Used   time.Time // to the second
}

// LastUsed is when one of a user's secrets last proved an identity, the zero time
// if never.
func (d *Directory) LastUsed(aor rtc.AOR) (last time.Time) {
	a, err := d.account(aor)
	if err != nil {
		return last
	}
	for _, s := range a.Secrets {
		if used := s.LastUsed(); used.After(last) {
			last = used
		}
	}
	return last
}

// KeepUse writes to the Store when the secrets were last used, if the use of any
// moved by more than granularity since it was written. Changes of users need not
// wait for it.
func (d *Directory) KeepUse(ctx context.Context, granularity time.Duration) error {
	type use struct {
		shard          *shard
		record, secret int // the secret of a record
		used           uint32
	}
	var all []use
	moved := false
	for i := range d.accounts.shards {
		s := d.accounts.shards[i].Load()
		for record := range s.ends {
			for k := range s.seenOf(record) {
				seen := &s.seenOf(record)[k]
				if used := seen.used.Load(); used != 0 {
					all = append(all, use{s, record, k, used})
					moved = moved || time.Duration(int64(used)-int64(seen.kept.Load()))*time.Second > granularity
				}
			}
		}
	}
	if !moved {
		return nil
	}
	err := d.store.PutUses(ctx, func(yield func(Use) bool) {
		for _, u := range all {
			id := u.shard.record(u.record).account(u.shard.domain, u.shard.seenOf(u.record)).Secrets[u.secret].Identity
			if !yield(Use{id.AOR, id.Device, time.Unix(int64(u.used), 0)}) {
				return
			}
		}
	})
	if err != nil {
		return fmt.Errorf("storing when secrets were last used: %w", err)
	}
	for _, u := range all {
		u.shard.seenOf(u.record)[u.secret].kept.Store(u.used)
	}
	return nil
}
