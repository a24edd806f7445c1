package event

import (
	"strconv"
	"sync"
	"time"

	"tandem/rtc"
	"tandem/rtc/sip"
)

// Serve implements rtc.Handler: it takes SUBSCRIBE for resources of ours and in
// dialogs of ours.
func (n *Notifier) Serve(r *rtc.Request) error {
	if r.Method() != sip.SUBSCRIBE {
		return rtc.Next
	}
	if len(r.ToTag()) > 0 {
		return n.again(r)
	}
	return n.begin(r)
}

// begin takes a SUBSCRIBE that begins a dialog.
func (n *Notifier) begin(r *rtc.Request) error {
	w, err := n.wish(r, nil)
	if err != nil {
		return err
	}
	sub := newSubscription()
	sub.id, sub.kind, sub.proved = w.id, w.kind, w.proved
	sub.fetch = w.expires == 0
	if sub.leg, err = n.newLeg(r); err != nil {
		return err
	}
	if !n.legs.Enter(sub.leg) {
		return &rtc.Status{Code: 482, Reason: "Merged Request"} // RFC 3261 §8.2.2.2
	}
	if !w.kept() {
		return n.admitFirst(r, sub, w)
	}
	return n.read(r, w, func(w wish) error { return n.admitFirst(r, sub, w) }, func() { n.legs.Remove(sub.leg) })
}

// admitFirst is admit for the subscription that begins a dialog: without it there is none.
func (n *Notifier) admitFirst(r *rtc.Request, sub *subscription, w wish) error {
	err := n.admit(r, sub, w)
	if err != nil {
		n.legs.Remove(sub.leg)
	}
	return err
}

// admit counts a subscription, asks whether it may be, and keeps it; the 200
// follows when it is on disk.
func (n *Notifier) admit(r *rtc.Request, sub *subscription, w wish) error {
	if n.draining.Load() {
		return &rtc.Status{Code: 503, Reason: "Subscribe Elsewhere", Header: []byte("Retry-After: 60\r\n")}
	}
	if n.total.Add(1) > int64(n.cfg.Total) {
		n.total.Add(-1)
		return &rtc.Status{Code: 503, Reason: "Too Many Subscriptions", Header: []byte("Retry-After: 60\r\n")}
	}
	var ok bool
	if sub.user, ok = n.users.take(w.watcher, n.cfg.PerUser); !ok {
		n.total.Add(-1)
		return &rtc.Status{Code: 403, Reason: "Too Many Subscriptions of This User"}
	}
	err := n.enter(r, sub, w)
	if err != nil {
		n.total.Add(-1)
		n.users.release(sub.user)
	}
	return err
}

func (n *Notifier) enter(r *rtc.Request, sub *subscription, w wish) error {
	k := key{w.resource, w.pkg}
	if w.isList {
		sub.list = newList(string(r.RequestURI()), w.resource, w.given)
		sub.list.gen = w.gen
		k.resource = rtc.AOR("list " + sub.leg.local) // a topic of its own
	} else {
		g, err := w.pkg.Authorise(Ask{Resource: w.resource, Watcher: w.watcher, Proved: w.proved, Type: w.pkg.Types[w.kind], Message: r.Message})
		if err != nil {
			return err
		}
		sub.pending, sub.view = g.Pending, g.View
	}
	sub.row = n.rows.Add(1)
	if sub.leg.reserved == 0 {
		sub.leg.reserved = sub.leg.seq + reserve
	}
	sub.base = sub.leg.seq + 1
	now := time.Now().UnixMilli()
	sub.agree(w, now)
	s := n.shardOf(k)
	s.mu.Lock()
	t := s.topicOf(n, k)
	if !w.isList && len(t.subs) >= n.cfg.PerResource {
		s.mu.Unlock()
		return &rtc.Status{Code: 403, Reason: "Too Many Watchers of This Resource"}
	}
	sub.topic = t // it is entered when it is on disk
	t.coming++
	s.mu.Unlock()
	if w.isList {
		n.fill(sub, append(w.given, w.members...))
	}
	a := n.arrivals.Get().(*arrival)
	a.sub, a.has, a.answers = sub, w.has, n.answers(r, sub, w)
	if sub.fetch {
		a.welcome()
		return nil
	}
	if err := n.cfg.Store.Put(n.row(sub), a.onDisk); err != nil {
		a.end()
		n.abandon(sub)
		return busy(err)
	}
	return nil
}

// arrival is a subscription that is being written. Arrivals are used again.
type arrival struct {
	n       *Notifier
	sub     *subscription
	has     condition
	answers answers
	onDisk  func(error) // stored, as a value
	goOn    func()      // welcome, as a value
}

func (n *Notifier) newArrival() any {
	a := &arrival{n: n}
	a.onDisk, a.goOn = a.stored, a.welcome
	return a
}

func (a *arrival) end() {
	a.sub, a.answers = nil, answers{}
	a.n.arrivals.Put(a)
}

// abandon takes back what enter prepared for a subscription that will not be.
func (n *Notifier) abandon(sub *subscription) {
	drop(sub.topic)
	if sub.list == nil {
		return
	}
	for _, x := range sub.list.members {
		if x.sub != nil {
			n.leaveOut(x)
		}
	}
}

// busy is the answer when the store takes no more.
func busy(err error) error {
	return &rtc.Status{Code: 503, Header: []byte("Retry-After: 5\r\n"), Err: err}
}

// agree takes over what was granted.
func (s *subscription) agree(w wish, now int64) {
	s.granted = uint32(w.expires / time.Second)
	s.until = now + w.expires.Milliseconds()
	s.disk = s.until + w.expires.Milliseconds() // the slack
	s.rates = w.rates
	s.has = w.has
}

// stored goes on when a new subscription is on disk, or cannot be.
func (a *arrival) stored(err error) {
	n, sub := a.n, a.sub
	if err != nil {
		if sub.leg.empty() {
			n.legs.Remove(sub.leg)
		}
		n.total.Add(-1)
		n.users.release(sub.user)
		n.abandon(sub)
		a.answers.ok.Break(busy(err))
		a.end()
		return
	}
	n.queue.later(answer{a.answers.ok.Lane(), a.goOn})
}

// welcome answers the SUBSCRIBE and begins to notify. On the lane of the request.
func (a *arrival) welcome() {
	n, sub := a.n, a.sub
	n.stats.subscribed.Add(1)
	if sub.fetch && sub.list != nil {
		n.look(sub)
	}
	quiet := n.matches(sub, a.has) && a.answers.quiet != nil
	a.answers.give(quiet)
	a.end()
	now := time.Now().UnixMilli()
	s := sub.topic.shard
	s.mu.Lock()
	sub.topic.coming--
	sub.topic.add(sub)
	sub.leg.join(sub)
	switch {
	case sub.fetch:
		sub.reason, sub.until = "timeout", now+64*1000
		sub.touch(now, true)
	case quiet:
		sub.settle(now)
	default:
		sub.touch(now, true)
	}
	info, wake := sub.info(), sub.topic.wake()
	s.mu.Unlock()
	n.queue.put(wake)
	if sub.list != nil && !sub.fetch {
		n.connect(sub, sub.list.members)
		if n.kept.enter(sub) {
			go n.Relist(sub.user.aor)
		}
	}
	if !sub.fetch {
		n.tell(info, "subscribe")
	}
}

// answers are those that a SUBSCRIBE may get when it is taken.
type answers struct {
	ok    *rtc.Promise
	quiet *rtc.Promise // nil: it cannot be
}

func (n *Notifier) answers(r *rtc.Request, sub *subscription, w wish) answers {
	a := answers{ok: n.promise(r, sub, w, 200, "")}
	if w.has != 0 && len(r.ToTag()) > 0 { // else the NOTIFY makes the dialog (RFC 5839 §6.2)
		a.quiet = n.promise(r, sub, w, 204, "No Notification") // RFC 5839 §7.1
	}
	return a
}

// give sends one. On the lane of the request.
func (a answers) give(quiet bool) {
	if quiet {
		a.quiet.Keep()
	} else {
		a.ok.Keep()
	}
}

// promise writes a 2xx to a SUBSCRIBE.
func (n *Notifier) promise(r *rtc.Request, sub *subscription, w wish, code int, reason string) *rtc.Promise {
	var room [512]byte
	header := sub.contact().Append(room[:0], n.cfg.Wire, r.Flow())
	header = append(header, "Expires: "...)
	header = strconv.AppendInt(header, int64(w.expires/time.Second), 10)
	header = append(header, "\r\nAllow-Events: "...)
	header = append(append(header, n.allow...), "\r\n"...)
	if sub.list != nil {
		header = append(header, "Require: eventlist\r\n"...) // RFC 4662 §4.2
	}
	return r.Promise(sip.Response{Code: code, Reason: reason, ToTag: sub.leg.local, Header: header})
}

// buffers are those that messages and dialogs are written in, for as long as it takes.
var buffers = sync.Pool{New: func() any { b := make([]byte, 0, 2048); return &b }}

func giveBack(b *[]byte) {
	if cap(*b) <= 16<<10 { // an odd one must not stay for ever
		buffers.Put(b)
	}
}
