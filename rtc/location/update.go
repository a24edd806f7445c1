package location

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"tandem/rtc"
	"tandem/rtc/transport"
)

// Update replaces the bindings of an AOR by what change makes of the current
// ones. change runs under a lock: it must be pure and quick, must not change
// old, and returns either old itself or a new slice, newer bindings before older
// ones, which is then ordered by q. An error it returns changes nothing.
//
// done is called exactly once: inline when nothing had to be written or change
// failed, else from the store's goroutine when the outcome is on disk or
// failed. list is what the update made of the AOR and must not be changed; with
// an error it is what it was before.
func (l *Location) Update(aor rtc.AOR, change func(old []Binding) ([]Binding, error), done func(list []Binding, err error)) {
	l.update(aor, Asked, change, done)
}

func (l *Location) update(aor rtc.AOR, by Cause, change func(old []Binding) ([]Binding, error), done func(list []Binding, err error)) {
	s := l.of(aor)
	now := time.Now()
	s.mu.Lock()
	r := s.records[aor]
	fresh := r == nil
	if fresh {
		r = &record{aor: rtc.AOR(strings.Clone(string(aor))), at: -1}
	}
	before := s.open(r)
	old := live(before, now)
	list, err := change(old)
	if err != nil {
		s.mu.Unlock()
		done(old, err)
		return
	}
	changed := !same(list, before)
	if changed {
		arrange(list)
	}
	write := l.store != nil && (r.pending != nil || changed && (!covered(before, list) || l.distrust.Load()))
	if write {
		if err := l.put(s, r, list, now, done); err != nil {
			s.mu.Unlock()
			done(old, err)
			return
		}
	}
	if changed {
		l.show(s, r, list)
	}
	s.mu.Unlock()
	if changed {
		l.tell(aor, before, list, by)
		l.bury(before, list)
	}
	if !write {
		done(list, nil)
	}
}

// same reports whether two lists are one.
func same(a, b []Binding) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}

// arrange orders by q, keeping the order within equal q.
func arrange(list []Binding) {
	if len(list) > 1 {
		slices.SortStableFunc(list, func(a, b Binding) int { return cmp.Compare(b.Q, a.Q) })
	}
}

// covered carries over how long each binding lives on disk and reports whether
// the list there may stay as it is: see the package comment.
func covered(before, list []Binding) bool {
	ok := len(before) == len(list)
	for i := range list {
		b := &list[i]
		b.until = 0
		for j := range before {
			if o := &before[j]; alike(o, b) && o.until >= b.Expires.UnixMilli() {
				b.until = o.until
				break
			}
		}
		ok = ok && b.until != 0
	}
	return ok
}

// alike reports whether two bindings differ in nothing that is stored but time.
func alike(a, b *Binding) bool {
	return a.Contact == b.Contact && a.URI == b.URI && a.Instance == b.Instance && a.Path == b.Path &&
		a.UserAgent == b.UserAgent && a.Device == b.Device && a.RegID == b.RegID && a.Q == b.Q &&
		stored(a.Flow) == stored(b.Flow) &&
		a.TempGRUU == b.TempGRUU && (!a.TempGRUU || a.CallID == b.CallID)
}

// stored is the flow as far as it survives a restart.
func stored(f transport.Flow) transport.Flow {
	if streamID(f) != 0 {
		return transport.Flow{}
	}
	return f
}

// put gives the list to the store, with slack. The shard is locked, so that
// the store sees the updates of one AOR in their order.
func (l *Location) put(s *shard, r *record, list []Binding, now time.Time, done func([]Binding, error)) error {
	s.scratch = append(s.scratch[:0], list...)
	for i := range s.scratch {
		b := &s.scratch[i]
		if b.until == 0 {
			b.until = b.Expires.Add(b.Expires.Sub(now)).UnixMilli()
			list[i].until = b.until
		}
		b.Expires = time.UnixMilli(b.until)
	}
	number, err := l.store.PutBindings(r.aor, r.number, s.scratch, func(err error) { l.written(s, r, list, err, done) })
	clear(s.scratch)
	if err != nil {
		return err
	}
	r.number = number
	if r.pending == nil {
		r.pending = &pending{durable: r.list}
	}
	r.pending.writes++
	s.records[r.aor] = r
	return nil
}

// written is the store's answer.
func (l *Location) written(s *shard, r *record, list []Binding, err error, done func([]Binding, error)) {
	s.mu.Lock()
	p := r.pending
	p.writes--
	if err == nil {
		p.durable = list
	}
	undone := r.list
	undo := false
	if p.writes == 0 {
		if err != nil && !same(r.list, p.durable) {
			undo = true
			l.show(s, r, p.durable)
		}
		r.pending = nil
		s.tidy(r)
	}
	back := p.durable
	s.mu.Unlock()
	if undo {
		l.tell(r.aor, undone, back, Lost)
	}
	if err != nil {
		list = live(back, time.Now())
	}
	done(list, err)
}

// show makes list what look-ups see.
func (l *Location) show(s *shard, r *record, list []Binding) {
	if more := len(list) - len(r.list); more != 0 { // a refresh leaves the cache line to others
		l.count.Add(int64(more))
	}
	l.flows.move(r.aor, r.list, list)
	if len(r.list) == 0 && r.pending == nil { // not there yet
		s.records[r.aor] = r
	}
	r.list, r.packed = list, ""
	s.tidy(r)
}

// tidy keeps the record in the heap while it has bindings and in the map while
// it has them or a write under way.
func (s *shard) tidy(r *record) {
	if len(r.list) > 0 {
		if first := ends(r.list); r.at < 0 || first < s.due.of(r) {
			s.due.place(r, first)
		}
		return
	}
	s.due.remove(r)
	if r.pending == nil {
		delete(s.records, r.aor)
	}
}

// ends is when the first binding of the list ends (unix ms).
func ends(list []Binding) int64 {
	first := list[0].Expires.UnixMilli()
	for i := 1; i < len(list); i++ {
		first = min(first, list[i].Expires.UnixMilli())
	}
	return first
}
