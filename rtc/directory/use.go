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
	type seen struct {
		secret *Secret
		used   int64
	}
	var all []seen
	moved := false
	for _, a := range d.index.accounts() {
		for _, s := range a.Secrets {
			if used := s.used.Load(); used != 0 {
				all = append(all, seen{s, used})
				moved = moved || time.Duration(used-s.kept.Load())*time.Second > granularity
			}
		}
	}
	if !moved {
		return nil
	}
	err := d.store.PutUses(ctx, func(yield func(Use) bool) {
		for _, u := range all {
			if !yield(Use{u.secret.Identity.AOR, u.secret.Identity.Device, time.Unix(u.used, 0)}) {
				return
			}
		}
	})
	if err != nil {
		return fmt.Errorf("storing when secrets were last used: %w", err)
	}
	for _, u := range all {
		u.secret.kept.Store(u.used)
	}
	return nil
}
