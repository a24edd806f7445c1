package directory

import (
	"bytes"
	"cmp"
	"iter"
	"slices"
	"strings"

	"tandem/rtc"
)

// After yields the users that come after aor, who need not exist, sorted by
// domain, then name; "" yields all. It takes no lock: what changes meanwhile may
// be seen or not.
func (d *Directory) After(aor rtc.AOR) iter.Seq[User] {
	all := d.inOrder()
	at, there := 0, false
	if aor != "" {
		at, there = slices.BinarySearchFunc(all.places, aor, func(p place, aor rtc.AOR) int {
			s := all.shards[p.shard]
			return compareAORs(s.record(int(p.record)).aor(s.domain), aor)
		})
	}
	if there {
		at++
	}
	return func(yield func(User) bool) {
		for _, p := range all.places[at:] {
			if !yield(all.shards[p.shard].user(int(p.record))) {
				return
			}
		}
	}
}

// sorted are all accounts as they were after so many changes, in order.
type sorted struct {
	at     uint64
	shards [shardCount]*shard
	places []place
}

// place is where an account stands.
type place struct{ shard, record uint32 }

func (d *Directory) inOrder() *sorted {
	now := d.changes.Load() // first: a change that comes meanwhile wants the list made again
	if s := d.sorted.Load(); s != nil && s.at == now {
		return s
	}
	all := &sorted{at: now}
	type named struct {
		place
		domain string
		name   []byte
	}
	list := make([]named, 0, d.accounts.count())
	for i := range all.shards {
		s := d.accounts.shards[i].Load()
		all.shards[i] = s
		for k := range s.ends {
			name, local := s.record(k).name()
			domain := s.domain
			if !local {
				aor := rtc.AOR(name)
				domain, name = aor.Domain(), []byte(aor.User())
			}
			list = append(list, named{place{uint32(i), uint32(k)}, domain, name})
		}
	}
	slices.SortFunc(list, func(a, b named) int {
		return cmp.Or(strings.Compare(a.domain, b.domain), bytes.Compare(a.name, b.name))
	})
	all.places = make([]place, len(list))
	for i := range list {
		all.places[i] = list[i].place
	}
	d.sorted.Store(all)
	return all
}

// changed is called after every change. What was in order is let go, with the shards
// that have been replaced.
func (d *Directory) changed() {
	d.changes.Add(1)
	d.sorted.Store(nil)
}

func compareAORs(a, b rtc.AOR) int {
	return cmp.Or(strings.Compare(a.Domain(), b.Domain()), strings.Compare(a.User(), b.User()))
}
