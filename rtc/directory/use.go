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
	var shards [shardCount]*shard // as they are now
	moved := false
	for i := range shards {
		shards[i] = d.accounts.shards[i].Load()
		for k := range shards[i].seen {
			x := &shards[i].seen[k]
			moved = moved || time.Duration(int64(x.used.Load())-int64(x.kept.Load()))*time.Second > granularity
		}
	}
	if !moved {
		return nil
	}
	err := d.store.PutUses(ctx, func(yield func(Use) bool) {
		for _, s := range shards {
			if !s.uses(yield) {
				return
			}
		}
	})
	if err != nil {
		for _, s := range shards {
			s.forgetKept()
		}
		return fmt.Errorf("storing when secrets were last used: %w", err)
	}
	return nil
}

// uses yields those of all secrets, and takes them for kept.
func (s *shard) uses(yield func(Use) bool) bool {
	for i := range s.ends {
		list := s.seenOf(i)
		for k := range list {
			used := list[k].used.Load()
			if used == 0 {
				continue
			}
			list[k].kept.Store(used)
			aor, device := s.record(i).whose(k, s.domain)
			if !yield(Use{aor, device, time.Unix(int64(used), 0)}) {
				return false
			}
		}
	}
	return true
}

// forgetKept is for uses that are not kept after all.
func (s *shard) forgetKept() {
	for k := range s.seen {
		s.seen[k].kept.Store(0)
	}
}
