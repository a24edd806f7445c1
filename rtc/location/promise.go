package location

import (
	"context"
	"fmt"
	"hash/fnv"
	"iter"
	"time"

	"tandem/rtc"
)

// Promise is what a phone was promised last about one binding. The copy on disk
// says more (see the package comment), so promises are kept apart when a server
// ends, and known exactly by the next one.
type Promise struct {
	Contact uint64 // a hash of the binding's Contact
	Expires int64  // unix ms
}

// KeepPromises writes down what the phones were promised where the copy on disk
// says more. It is for the end of a server: no update may come during it or after.
func (l *Location) KeepPromises(ctx context.Context) error {
	if l.store == nil {
		return nil
	}
	if err := l.store.KeepPromises(ctx, l.promises()); err != nil {
		return fmt.Errorf("keeping what phones were promised: %w", err)
	}
	return nil
}

// promises yields those of every AOR that are not on disk as they are.
func (l *Location) promises() iter.Seq2[rtc.AOR, []Promise] {
	return func(yield func(rtc.AOR, []Promise) bool) {
		var all []Promise
		for aor, list := range l.All() {
			all = all[:0]
			for i := range list {
				if b := &list[i]; !b.Restored && b.Expires.UnixMilli() < b.until {
					all = append(all, Promise{hashed(b.Contact), b.Expires.UnixMilli()})
				}
			}
			if len(all) > 0 && !yield(aor, all) {
				return
			}
		}
	}
}

// takePromises has restored bindings end when their phones were told.
func (l *Location) takePromises() error {
	return l.store.TakePromises(context.Background(), func(aor rtc.AOR, all []Promise) {
		s := l.of(aor)
		s.mu.Lock()
		defer s.mu.Unlock()
		r := s.records[aor]
		if r == nil {
			return
		}
		list := append([]Binding(nil), r.list...)
		for i := range list {
			for _, p := range all {
				if b := &list[i]; p.Contact == hashed(b.Contact) && p.Expires <= b.until {
					b.Expires, b.Restored = time.UnixMilli(p.Expires), false
				}
			}
		}
		l.show(s, r, list)
	})
}

func hashed(contact string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(contact))
	return h.Sum64()
}
