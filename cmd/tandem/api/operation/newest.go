package operation

import (
	"cmp"
	"fmt"
	"iter"
	"time"
)

const (
	// atOnce is the most that read is asked for, which is what stores return.
	atOnce = 1000
	// sameMillisecond is how many items of one millisecond a page may read again.
	sameMillisecond = 100
)

// Newest takes one page off a list whose newest item comes first. stamp returns an item's
// time and its name, which is unique. read returns at most limit items (up to 1000), those
// before a time unless that is zero. A page may be shorter than asked for and have a next
// one.
func Newest[T any](p Paging, stamp func(T) (time.Time, string), read func(before time.Time, limit int) ([]T, error)) (Page[T], error) {
	key := func(v T) string {
		at, name := stamp(v)
		return fmt.Sprintf("%013d %s", at.UnixMilli(), name)
	}
	p.Limit = min(p.Limit, atOnce-sameMillisecond-1) // else the item that tells of a next page is not read
	var failed error
	page, err := Paginate(p, key, func(after string) iter.Seq[T] {
		before, limit := time.Time{}, p.Limit+1
		if after != "" {
			var ms int64
			if _, err := fmt.Sscanf(after, "%d", &ms); err != nil {
				failed = WrongCursor()
				return func(func(T) bool) {}
			}
			before = time.UnixMilli(ms + 1) // others of the same millisecond come again
			limit += sameMillisecond
		}
		var list []T
		list, failed = read(before, limit)
		return func(yield func(T) bool) {
			for _, v := range list {
				if (after == "" || key(v) < after) && !yield(v) {
					return
				}
			}
		}
	})
	return page, cmp.Or(failed, err)
}
