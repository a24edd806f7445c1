package event

import (
	"strconv"
	"sync/atomic"
	"time"

	"tandem/rtc/dialog"
	"tandem/rtc/reach"
	"tandem/rtc/sip"
	"tandem/rtc/transaction"
	"tandem/rtc/transport"
	"tandem/rtc/uac"
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

// work sends what waits until the queue is closed.
func (n *Notifier) work() {
	var batch []*notice
	for {
		t := n.queue.take()
		if t == nil {
			return
		}
		t.lane.DoTogether(func() { batch = n.send(t, batch[:0]) })
		t.shard.mu.Lock()
		t.queued = false
		wake := t.wake()
		t.tidy()
		t.shard.mu.Unlock()
		n.queue.put(wake)
	}
}

// notice is a NOTIFY on its way.
type notice struct {
	n        *Notifier
	sub      *subscription
	doc      *rendered // nil: of a list
	body     Document
	seq      uint32
	count    uint32
	state    State
	reason   string
	expires  int64 // seconds
	target   string
	flow     transport.Flow
	last     bool
	part     *part // of a list, what it tells
	interval uint32
	turn     uint32 // see queue.sent
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
	for _, sub := range views[:count] {
		view, kind := sub.view, sub.kind
		if sub.list == nil && (last == nil || last.view != view || last.kind != kind || last.gen != t.gen) {
			t.shard.mu.Unlock() // while the package makes the document
			last = n.render(t, view, kind)
			t.shard.mu.Lock()
		}
		if x := n.notice(t, sub, last); x != nil {
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
		batch[i] = nil
	}
	return batch
}

// notice decides whether a subscription that is ready is sent a NOTIFY, and
// which. The shard is locked.
func (n *Notifier) notice(t *topic, s *subscription, doc *rendered) *notice {
	s.listed = false
	if s.place < 0 || s.inflight || !s.dirty {
		return nil
	}
	now := time.Now().UnixMilli()
	if s.list == nil && !s.force && s.shown == doc.mark {
		s.dirty = false
		n.stats.suppressed.Add(1)
		s.settle(now)
		return nil
	}
	if s.list != nil && !s.force && !s.list.has() {
		s.dirty = false
		s.settle(now)
		return nil
	}
	x := &notice{n: n, sub: s, state: Active, expires: max(0, (s.until-now+500)/1000), last: s.reason != "", interval: s.interval}
	switch {
	case s.reason != "":
		x.state, x.reason = Terminated, s.reason
	case s.pending:
		x.state = Pending
	}
	if s.parent == nil && !s.number(x, now) {
		n.reserveMore(s)
		return nil
	}
	s.dirty, s.force, s.inflight = false, false, true
	s.next = now + int64(s.interval)
	if s.list != nil {
		s.content(n, x)
	} else {
		x.doc = doc
		x.body = doc.doc
		if !s.whole && doc.before != nil && s.shown == doc.before.mark && t.pkg.Difference != nil {
			if d := doc.difference(t.pkg); d != nil {
				x.body = *d
			}
		}
		if x.last && (x.reason == "rejected" || x.reason == "noresource" || x.reason == "giveup") {
			x.body = Document{} // it tells nothing any more
		}
	}
	s.whole = false
	s.settle(now)
	if s.parent == nil && s.leg.short() {
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

// number takes the next sequence number; false when none is reserved.
func (s *subscription) number(x *notice, now int64) bool {
	l := s.leg
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.seq >= l.reserved {
		s.next = now + 1000
		s.force = false
		s.settle(now)
		return false
	}
	l.seq++
	x.seq, x.count = l.seq, l.seq-s.base
	x.target, x.flow = l.target, l.flow
	return true
}

// short reports whether sequence numbers come to an end.
func (l *leg) short() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.reserved-l.seq < reserve/4 && !l.reserving
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

// transmit sends a NOTIFY: over the flow of its subscriber while that lives, else
// where its Contact leads, by our own location for a GRUU of ours.
func (n *Notifier) transmit(lane *transaction.Lane, x *notice) {
	x.turn = n.queue.sent()
	n.stats.notified.Add(1)
	if x.flow != (transport.Flow{}) && n.cfg.Wire.Alive(x.flow) && (x.sub.leg.routes != "" || reach.Compare([]byte(x.target), x.flow) != reach.OtherPort) {
		if n.cfg.Permit == nil || n.cfg.Permit(x.sub.leg.peer, x.flow.Remote) == nil {
			n.overFlow(lane, x)
			return
		}
	}
	n.byAddress(lane, x)
}

func (n *Notifier) overFlow(lane *transaction.Lane, x *notice) {
	tx := lane.Client(sip.NOTIFY, x)
	var buf [2048]byte
	var via [160]byte
	p, sentBy := n.cfg.Wire.Local(x.flow)
	v := uac.AppendVia(via[:0], p, sentBy)
	v = tx.AppendBranch(v, nil)
	tx.Send(x.flow, x.append(buf[:0], v, x.seq, x.flow))
}

// byAddress finds where a NOTIFY goes by its route set or Contact.
func (n *Notifier) byAddress(lane *transaction.Lane, x *notice) {
	hop := uac.Hop{URI: []byte(x.target), Peer: x.sub.leg.peer}
	if hop.Peer == "" {
		hop.By = x.flow.Remote
	}
	routes := x.sub.leg.routes
	if routes == "" && n.cfg.GRUU != nil {
		if u, err := sip.ParseURI(hop.URI); err == nil {
			if aor, instance, ok := n.cfg.GRUU(u); ok {
				ways := n.cfg.Reach.Ways(aor, reach.Want{Instance: instance, Max: 1, Secure: x.sub.leg.secure})
				if len(ways) == 0 {
					lane.After(0, func() { x.Failed(nil, uac.ErrUnreachable) })
					return
				}
				x.target, routes, hop.URI, hop.Flow = ways[0].URI, ways[0].Path, []byte(ways[0].URI), ways[0].Flow
			}
		}
	}
	if routes != "" {
		if a, err := sip.ParseNameAddr(sip.FirstElement([]byte(routes))); err == nil {
			hop.URI = a.URI
		}
	}
	n.client.Start(uac.Request{Lane: lane, Method: "NOTIFY", URI: []byte(x.target), Hop: hop, Seq: x.seq,
		Next: func() uint32 { return x.seq },
		Write: func(dst []byte, t uac.Try) []byte {
			return x.appendVia(dst, t.Via, x.seq, t.Flow, routes)
		},
		Heard: func(_ *uac.Sending, _ transport.Flow, m *sip.Message) { x.Response(nil, m) },
		Lost:  func(_ *uac.Sending, err error) { x.outcome(nil, err) },
	})
}

func (x *notice) append(dst, via []byte, seq uint32, f transport.Flow) []byte {
	return x.appendVia(dst, via, seq, f, x.sub.leg.routes)
}

// appendVia writes the NOTIFY.
func (x *notice) appendVia(dst, via []byte, seq uint32, f transport.Flow, routes string) []byte {
	l := x.sub.leg
	p := x.sub.topic.pkg
	uri, routes := strict(x.target, routes)
	dst = append(append(append(dst, "NOTIFY "...), uri...), " SIP/2.0\r\nVia: "...)
	dst = append(append(dst, via...), "\r\n"...)
	if routes != "" {
		dst = append(append(append(dst, "Route: "...), routes...), "\r\n"...)
	}
	dst = append(append(append(dst, "Max-Forwards: 70\r\nFrom: "...), l.from...), "\r\nTo: "...)
	dst = append(append(append(dst, l.to...), "\r\nCall-ID: "...), l.callID...)
	dst = strconv.AppendUint(append(dst, "\r\nCSeq: "...), uint64(seq), 10)
	dst = append(dst, " NOTIFY\r\n"...)
	dst = uac.Contact{Secure: l.secure}.Append(dst, x.n.cfg.Wire, f)
	dst = append(append(dst, "Event: "...), p.Name...)
	if x.sub.id != "" {
		dst = append(append(dst, ";id="...), x.sub.id...)
	}
	dst = append(append(dst, "\r\nSubscription-State: "...), x.state...)
	if x.reason != "" {
		dst = append(append(dst, ";reason="...), x.reason...)
	}
	if x.state != Terminated {
		dst = strconv.AppendInt(append(dst, ";expires="...), x.expires, 10)
	} else {
		dst = append(dst, ";expires=0"...)
	}
	if ms := int64(x.interval); ms > p.Interval.Milliseconds() { // RFC 6446 §5.3
		dst = strconv.AppendFloat(append(dst, ";max-rate="...), 1000/float64(ms), 'g', 4, 64)
	}
	dst = append(dst, "\r\nAllow-Events: "...)
	dst = append(append(dst, x.n.allow...), "\r\n"...)
	if x.doc != nil && x.body.Type != "" {
		dst = strconv.AppendUint(append(dst, "SIP-ETag: "...), x.doc.mark, 36) // RFC 5839 §6.2
		dst = append(dst, "\r\n"...)
	}
	if x.part != nil {
		dst = append(dst, "Require: eventlist\r\n"...)
	}
	return x.appendBody(dst)
}

func (x *notice) appendBody(dst []byte) []byte {
	b := &x.body
	size := len(b.Body)
	var digits [10]byte
	var count []byte
	if b.Count > 0 {
		count = strconv.AppendUint(digits[:0], uint64(x.count+b.First), 10)
		size += len(count)
	}
	if b.Type != "" {
		dst = append(append(append(dst, "Content-Type: "...), b.Type...), "\r\n"...)
	}
	dst = strconv.AppendInt(append(dst, "Content-Length: "...), int64(size), 10)
	dst = append(dst, "\r\n\r\n"...)
	dst = append(dst, b.Body[:b.Count]...)
	dst = append(dst, count...)
	return append(dst, b.Body[b.Count:]...)
}

// strict is what a first route without lr makes of Request-URI and Route (RFC
// 3261 §12.2.1.1).
func strict(target, routes string) (uri, rest string) {
	if routes == "" {
		return target, ""
	}
	first := sip.FirstElement([]byte(routes))
	a, err := sip.ParseNameAddr(first)
	if err != nil {
		return target, routes
	}
	u, err := sip.ParseURI(a.URI)
	if err != nil {
		return target, routes
	}
	if _, loose := u.Param("lr"); loose {
		return target, routes
	}
	for v := range sip.Elements([]byte(routes)) {
		if rest != "" || string(v) != string(first) {
			rest += string(v) + ", "
		}
	}
	return string(u.RequestForm(a.URI)), rest + "<" + target + ">"
}

// Response implements transaction.ClientTU.
func (x *notice) Response(_ *transaction.Client, m *sip.Message) {
	if m.StatusCode() >= 200 {
		x.outcome(m, nil)
	}
}

// Failed implements transaction.ClientTU.
func (x *notice) Failed(_ *transaction.Client, err error) { x.outcome(nil, err) }

// tries is how many NOTIFYs in a row may go without an answer before their
// subscription ends: one that is lost must not end it.
const tries = 2

// again is when a NOTIFY that had no answer is repeated, ms.
const again = 5000

// outcome is what became of a NOTIFY (RFC 6665 §4.2.2).
func (x *notice) outcome(m *sip.Message, err error) {
	n, s := x.n, x.sub
	n.queue.answered(x.turn)
	now := time.Now().UnixMilli()
	sh := s.topic.shard
	gone := false
	sh.mu.Lock()
	s.inflight = false
	switch {
	case x.last:
		gone = true
	case err == nil && m.StatusCode() < 300:
		s.fails = 0
		if x.doc != nil {
			s.shown = x.doc.mark
		}
		if x.part != nil && s.list.has() { // the next piece
			s.dirty, s.next = true, min(s.next, now)
		}
	case err == nil && m.Has(sip.HdrRetryAfter) && dialog.EffectOf("NOTIFY", m, nil) == dialog.OnTransaction:
		wait, _ := m.RetryAfter()
		s.failed(x)
		s.next = now + int64(max(wait, 1))*1000
	case err == nil && dialog.EffectOf("NOTIFY", m, nil) != dialog.OnTransaction:
		gone = true
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
		if err := n.cfg.Store.Delete(idOf(s.leg, s.topic.pkg.Name, s.id), func(error) {}); err != nil {
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
		n.table.remove(s.leg)
	}
	if s.parent == nil {
		n.total.Add(-1)
		n.users.release(s.user)
	}
}
