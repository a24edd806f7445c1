package event

import (
	"sync/atomic"
	"time"

	"tandem/rtc/dialog"
	"tandem/rtc/sip"
	"tandem/rtc/transaction"
)

// stats counts since start.
type stats struct {
	subscribed, refreshed, notified, lost, suppressed atomic.Uint64
}

// Stats are counters since start.
type Stats struct {
	Subscribed uint64 // subscriptions that began
	Refreshed  uint64
	Notified   uint64 // NOTIFYs sent
	Suppressed uint64 // not sent, because the subscriber has the document
	Lost       uint64 // subscriptions whose subscriber did not answer or knew nothing of them
}

// Stats of the notifier.
func (n *Notifier) Stats() Stats {
	s := &n.stats
	return Stats{s.subscribed.Load(), s.refreshed.Load(), s.notified.Load(), s.suppressed.Load(), s.lost.Load()}
}

// atOnce is how many NOTIFYs are sent while a lane is held.
const atOnce = 32

// work answers and sends what waits until the queue is closed. What is done in a
// round leaves together: a system call costs more than a NOTIFY.
func (n *Notifier) work() {
	var answers []answer
	var batch []*notice
	for more := true; ; {
		if answers, more = n.queue.take(answers[:0]); !more {
			return
		}
		n.cfg.Layer.Together(func(do func(*transaction.Lane, func())) {
			for i := range answers {
				do(answers[i].lane, answers[i].send)
			}
			for sent := 0; sent < round; {
				t := n.queue.topic()
				if t == nil {
					return
				}
				do(t.lane, func() { batch = n.send(t, batch[:0]) })
				sent += max(1, len(batch))
				t.rest(n)
			}
		})
		clear(answers)
	}
}

// rest puts a topic out of a worker's hands.
func (t *topic) rest(n *Notifier) {
	t.shard.mu.Lock()
	t.queued = false
	wake := t.wake()
	t.tidy()
	t.shard.mu.Unlock()
	n.queue.put(wake)
}

// send sends what is ready at a topic, up to atOnce. On the topic's lane.
func (n *Notifier) send(t *topic, batch []*notice) []*notice {
	var views [atOnce]*subscription
	t.shard.mu.Lock()
	count := min(len(t.ready), atOnce)
	copy(views[:], t.ready[:count])
	rest := copy(t.ready, t.ready[count:])
	clear(t.ready[rest:])
	t.ready = t.ready[:rest]
	var last *rendered
	now := time.Now().UnixMilli()
	warm(views[:count])
	for _, sub := range views[:count] {
		view, kind := sub.view, sub.kind
		if sub.list == nil && (last == nil || last.view != view || last.kind != kind || last.gen != t.gen) {
			t.shard.mu.Unlock() // while the package makes the document
			last = n.render(t, view, kind)
			t.shard.mu.Lock()
		}
		if x := n.notice(t, sub, last, now); x != nil {
			batch = append(batch, x)
		}
	}
	t.shard.mu.Unlock()
	for i, x := range batch {
		if x.sub.parent != nil {
			n.hand(x)
		} else {
			n.transmit(t.lane, x)
		}
		batch[i] = nil // its length is how many there were
	}
	return batch
}

// warm reads from each dialog what its NOTIFY is written of. Of half a million dialogs
// nearly none is in a cache; here the memory is waited for all at a time, and not between
// the locks of each NOTIFY.
//
//go:noinline
func warm(subs []*subscription) (some int) {
	for _, s := range subs {
		if l := s.leg; l != nil && len(l.from) > 0 && len(l.to) > 0 {
			some += int(l.from[0]) + int(l.from[len(l.from)-1]) + int(l.to[len(l.to)-1]) + len(l.peer)
		}
	}
	return some
}

// notice decides whether a subscription that is ready is sent a NOTIFY, and
// which. The shard is locked.
func (n *Notifier) notice(t *topic, s *subscription, doc *rendered, now int64) *notice {
	s.listed = false
	if s.place < 0 || s.inflight || !s.dirty {
		return nil
	}
	if s.list == nil && (doc.view != s.view || doc.kind != s.kind) { // granted another while it was made
		s.settle(now)
		return nil
	}
	stale := s.list == nil && doc.gen != t.gen // something changed while it was made, and is told after it
	had := s.list == nil && s.has.holds(doc.mark)
	if s.list == nil && !s.force && (had || s.shown == doc.mark) {
		s.dirty = stale
		n.stats.suppressed.Add(1)
		s.settle(now)
		return nil
	}
	if s.list != nil && !s.force && !s.list.has() {
		s.dirty = false
		s.settle(now)
		return nil
	}
	x := notices.Get().(*notice)
	x.n, x.sub, x.state, x.expires, x.last, x.rates = n, s, Active, max(0, (s.until-now+500)/1000), s.reason != "", s.rates
	switch {
	case s.reason != "":
		x.state, x.reason = Terminated, s.reason
	case s.pending:
		x.state = Pending
	}
	short := false
	if s.parent == nil {
		var ok bool
		if ok, short = s.leg.number(x); !ok {
			s.next, s.force = now+1000, false
			s.settle(now)
			n.reserveMore(s)
			return nil
		}
		x.count = x.seq - s.base
	}
	s.dirty, s.force, s.inflight = stale && s.reason == "", false, true
	s.count = s.rates.sent(s.count, now-s.next+int64(s.rates.interval))
	s.next = now + int64(s.rates.interval)
	if s.list != nil {
		s.content(x)
		if s.fetch && len(s.list.news) > 0 { // more pieces follow
			x.last, x.state, x.reason = false, Active, ""
		}
	} else {
		x.doc = doc
		x.body = &doc.doc
		if !s.whole && doc.before != nil && s.shown == doc.before.mark && t.pkg.Difference != nil {
			if d := doc.difference(t.pkg); d != nil {
				x.body = d
			}
		}
		if x.last && (x.reason == "rejected" || x.reason == "noresource" || x.reason == "giveup") {
			x.body = nil // it tells nothing any more
		} else if had {
			x.body, x.bare = nil, true
		}
	}
	s.whole = false
	s.settle(now)
	if short {
		n.reserveMore(s)
	}
	return x
}

// difference is what changed since the document before, made once.
func (r *rendered) difference(p *Package) *Document {
	if r.diff == nil {
		d, ok := p.Difference(r.before.doc, r.doc)
		if !ok {
			r.before = nil
			return nil
		}
		r.diff = &d
	}
	return r.diff
}

// number gives a NOTIFY the next sequence number, and the way it takes; false when
// no number is reserved. short: few are left.
func (l *leg) number(x *notice) (ok, short bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.seq >= l.reserved {
		return false, true
	}
	l.seq++
	x.seq, x.target, x.flow = l.seq, l.target, l.flow
	return true, l.reserved-l.seq < reserve/4 && !l.reserving
}

// reserveMore has the disk know that more sequence numbers may be used.
func (n *Notifier) reserveMore(s *subscription) {
	if s.fetch {
		return
	}
	l := s.leg
	l.mu.Lock()
	if l.reserving {
		l.mu.Unlock()
		return
	}
	l.reserving = true
	before := l.reserved
	l.reserved = l.seq + reserve
	more := l.reserved
	l.mu.Unlock()
	row := n.row(s)
	l.mu.Lock()
	l.reserved = before // until it is on disk
	l.mu.Unlock()
	err := n.cfg.Store.Put(row, func(err error) {
		l.mu.Lock()
		l.reserving = false
		if err == nil {
			l.reserved = more
		}
		l.mu.Unlock()
	})
	if err != nil {
		l.mu.Lock()
		l.reserving = false
		l.mu.Unlock()
	}
}

// Response implements transaction.ClientTU.
func (x *notice) Response(_ *transaction.Client, m *sip.Message) {
	if m.StatusCode() >= 200 {
		x.outcome(m, nil)
	}
}

// Succeeded implements transaction.SuccessTU. A NOTIFY to which nothing refers any more
// is used again.
func (x *notice) Succeeded(c *transaction.Client) {
	x.outcome(nil, nil)
	if c.Spent() {
		*x = notice{}
		notices.Put(x)
	}
}

// Failed implements transaction.ClientTU.
func (x *notice) Failed(_ *transaction.Client, err error) { x.outcome(nil, err) }

// tries is how many NOTIFYs in a row may go without an answer before their
// subscription ends: one that is lost must not end it.
const tries = 2

// again is when a NOTIFY that had no answer is repeated, ms.
const again = 5000

// outcome is what became of a NOTIFY (RFC 6665 §4.2.2); neither m nor err: a 200 that says
// nothing more.
func (x *notice) outcome(m *sip.Message, err error) {
	n, s := x.n, x.sub
	n.queue.answered(x.turn)
	now := time.Now().UnixMilli()
	sh := s.topic.shard
	gone := false
	sh.mu.Lock()
	s.inflight = false
	switch {
	case s.place < 0: // it ended meanwhile, and nobody was told
		sh.mu.Unlock()
		return
	case x.last:
		gone = true
	case err == nil && (m == nil || m.StatusCode() < 300):
		s.fails = 0
		if r := (rates{}); m != nil && m.Has(sip.HdrEvent) && r.read(m, s.topic.pkg) { // RFC 6446 §5.1
			s.rates, s.next = r, s.next-int64(s.rates.interval)+int64(r.interval)
		}
		if x.doc != nil {
			s.shown = x.doc.mark
		}
		if x.part != nil {
			s.list.refusals = 0
			if s.list.has() { // the next piece
				s.dirty, s.next = true, min(s.next, now)
			}
		}
	case err == nil && m.Has(sip.HdrRetryAfter) && dialog.EffectOf("NOTIFY", m, nil) == dialog.OnTransaction:
		wait, _ := m.RetryAfter()
		s.failed(x)
		s.next = now + int64(max(wait, 1))*1000
	case err == nil && dialog.EffectOf("NOTIFY", m, nil) != dialog.OnTransaction:
		gone = true
	case err == nil && x.part != nil: // refused, as a piece of a list: later others go first
		s.list.failed(x.part)
		s.dirty, s.next = true, now+s.list.refused()
	case err == nil:
		s.shown, s.whole = 0, true // refused; the next change is tried again
	default:
		if s.fails++; s.fails >= tries {
			gone = true
		} else {
			s.failed(x)
			s.next = now + again
			if _, broken := err.(*transaction.TransportError); broken {
				s.next = now
			}
		}
	}
	if !gone {
		s.settle(now)
	}
	wake := s.topic.wake()
	var info Subscription
	if gone {
		info = s.info()
	}
	sh.mu.Unlock()
	n.queue.put(wake)
	if !gone {
		return
	}
	if !x.last {
		n.stats.lost.Add(1)
		info.State, info.Reason = Terminated, "lost"
		n.ended(s, info)
		n.cfg.Log.Info("subscription lost", "call_id", s.leg.callID, "aor", string(s.user.aor), "package", s.topic.pkg.Name, "err", err, "code", codeOf(m))
	}
	n.forget(s)
}

// failed has what a NOTIFY told be sent again, in a whole document.
func (s *subscription) failed(x *notice) {
	s.dirty, s.whole, s.shown = true, true, 0
	if x.part != nil {
		s.list.failed(x.part)
	}
}

func codeOf(m *sip.Message) int {
	if m == nil {
		return 0
	}
	return m.StatusCode()
}

// ended deletes a subscription from the disk, and tells that it ended.
func (n *Notifier) ended(s *subscription, info Subscription) {
	if s.parent == nil && !s.fetch {
		if err := n.cfg.Store.Delete(s.row, func(error) {}); err != nil {
			n.cfg.Log.Warn("an ended subscription stays on disk until its time is over", "call_id", s.leg.callID, "err", err)
		}
	}
	event := info.Reason
	if event == "lost" {
		event = "timeout"
	}
	n.tell(info, event)
	n.unfill(s)
}

// forget takes a subscription that is over out of everything.
func (n *Notifier) forget(s *subscription) {
	sh := s.topic.shard
	sh.mu.Lock()
	was := s.place >= 0
	s.topic.remove(s)
	sh.mu.Unlock()
	if !was {
		return
	}
	if s.parent == nil && s.leg.leave(s) {
		n.legs.Remove(s.leg)
	}
	if s.parent != nil {
		n.users.releaseMember(s.user)
		return
	}
	n.total.Add(-1)
	n.users.release(s.user)
}
