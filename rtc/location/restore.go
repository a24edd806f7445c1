package location

import (
	"context"
	"fmt"
	"iter"
	"time"

	"tandem/rtc"
	"tandem/rtc/transport"
)

// Restore loads what the store kept, once, before the first update. flow
// revives UDP flows (transport.Transport.ParseFlow); nil revives none. It
// returns the number of bindings that have not ended.
func (l *Location) Restore(flow func(string) (transport.Flow, bool)) (int, error) {
	now := time.Now()
	promises, err := l.keptPromises()
	if err != nil {
		return 0, fmt.Errorf("restoring bindings: %w", err)
	}
	err = l.store.LoadBindings(flow, func(aor rtc.AOR, number int64, list []Binding) {
		for i := range list {
			list[i].until, list[i].Restored = list[i].Expires.UnixMilli(), true
		}
		// Ended ones stay in the record until the sweep, which writes their removal; the
		// store has done so where all have ended by what is on disk.
		if len(live(list, now)) == 0 {
			return
		}
		for i := range list {
			l.apply(promises, aor, &list[i])
		}
		s := l.of(aor)
		s.mu.Lock()
		defer s.mu.Unlock()
		r := &record{aor: aor, number: number, at: -1}
		l.show(s, r, list)
		s.rest(r)
	})
	if err == nil && len(promises) > 0 {
		err = l.store.ForgetPromises(context.Background())
	}
	if err != nil {
		return l.Count(), fmt.Errorf("restoring bindings: %w", err)
	}
	return l.Count(), nil
}

// All yields every AOR with its current bindings, in no order, without
// holding a lock: what changes meanwhile may be seen or not.
func (l *Location) All() iter.Seq2[rtc.AOR, []Binding] {
	return func(yield func(rtc.AOR, []Binding) bool) {
		type entry struct {
			aor    rtc.AOR
			list   []Binding
			packed string
		}
		var part []entry
		for i := range l.shard {
			s := &l.shard[i]
			part = part[:0]
			s.mu.Lock()
			for aor, r := range s.records {
				part = append(part, entry{aor, r.list, r.packed})
			}
			common := s.common // what is in it now stays as it is
			s.mu.Unlock()
			now := time.Now()
			for _, e := range part {
				if e.list == nil && e.packed != "" {
					e.list = common.unpack(e.packed)
				}
				if list := live(e.list, now); len(list) > 0 && !yield(e.aor, list) {
					return
				}
			}
		}
	}
}

// Remove ends the bindings of an AOR that match reports true for (nil: all),
// and returns how many those were when their removal is on disk. Watchers are told by
// what they are removed.
func (l *Location) Remove(ctx context.Context, aor rtc.AOR, by Cause, match func(*Binding) bool) (int, error) {
	removed := 0
	result := make(chan error, 1)
	l.update(aor, by, func(old []Binding) ([]Binding, error) {
		list := make([]Binding, 0, len(old))
		for i := range old {
			if match == nil || match(&old[i]) {
				removed++
			} else {
				list = append(list, old[i])
			}
		}
		if removed == 0 {
			return old, nil
		}
		return list, nil
	}, func(_ []Binding, err error) { result <- err })
	select {
	case err := <-result:
		if err != nil {
			return 0, fmt.Errorf("removing bindings: %w", err)
		}
		return removed, nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}
