package location

import (
	"context"
	"fmt"
	"hash/fnv"
	"hash/maphash"
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

// kept are the promises of the server that ended, by the AOR and the Contact. There are
// as many as bindings, so both are hashes.
type kept map[keptKey]int64

type keptKey struct{ aor, contact uint64 }

func (l *Location) keptPromises() (kept, error) {
	all := make(kept)
	err := l.store.LoadPromises(context.Background(), func(aor rtc.AOR, list []Promise) {
		for _, p := range list {
			all[keptKey{maphash.String(l.seed, string(aor)), p.Contact}] = p.Expires
		}
	})
	return all, err
}

// apply has a restored binding end when its phone was told.
func (l *Location) apply(all kept, aor rtc.AOR, b *Binding) {
	if len(all) == 0 {
		return
	}
	expires, ok := all[keptKey{maphash.String(l.seed, string(aor)), hashed(b.Contact)}]
	if ok && expires <= b.until {
		b.Expires, b.Restored = time.UnixMilli(expires), false
	}
}

func hashed(contact string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(contact))
	return h.Sum64()
}
