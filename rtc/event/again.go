package event

import (
	"strings"
	"time"

	"tandem/rtc"
	"tandem/rtc/sip"
)

// again takes a SUBSCRIBE in a dialog.
func (n *Notifier) again(r *rtc.Request) error {
	l := n.legs.Find(r.CallID(), r.ToTag(), r.FromTag())
	if l == nil {
		if n.ours(r.CallID(), r.ToTag()) {
			return &rtc.Status{Code: 481} // RFC 6665 §4.2.1.4
		}
		return rtc.Next
	}
	seq, ok := r.CSeq()
	if !ok {
		return &rtc.Status{Code: 400, Reason: "Bad CSeq"}
	}
	target, moved := l.way(r)
	if err := n.prove(r, l, moved); err != nil {
		return err
	}
	pkg, id := r.Event()
	sub, late := l.heard(r, seq, target, string(pkg), string(id))
	switch {
	case late:
		return &rtc.Status{Code: 500, Reason: "CSeq Out of Order"} // RFC 3261 §12.2.2
	case sub == nil:
		return n.beside(r, l)
	}
	changed := l.provedBy(r.Identity) || moved
	return n.refresh(r, sub, changed)
}

// provedBy notes by which secret the subscriber proves who he is, and reports whether it
// is another one.
func (l *leg) provedBy(id *rtc.Identity) (other bool) {
	if id == nil {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	other, l.secret = l.secret != id.Secret, id.Secret
	return other
}

// way is the target that a request in the dialog names, "" when it stays as it is;
// moved says that the sender is reached otherwise than the subscriber was before.
func (l *leg) way(r *rtc.Request) (target string, moved bool) {
	contact, err := contactOf(r.Message)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err == nil && string(contact) != l.target && (!l.secure || strings.HasPrefix(strings.ToLower(string(contact)), "sips:")) {
		target = string(contact)
	}
	return target, target != "" || l.flow != r.Flow()
}

// prove checks that a request in the dialog is the subscriber's. Whoever sees the
// dialog go by can write one, so it takes credentials to have what he is told go
// elsewhere (RFC 6665 §8.1); from where he was heard before it takes none, as many
// phones send none.
func (n *Notifier) prove(r *rtc.Request, l *leg, moved bool) error {
	l.mu.Lock()
	with := l.first
	l.mu.Unlock()
	switch {
	case with == nil:
		return &rtc.Status{Code: 481}
	case !with.proved, r.Identity == nil && !moved:
		return nil
	case r.Identity == nil && n.cfg.Demand != nil:
		return n.cfg.Demand(r)
	case r.Identity == nil, !l.sameAs(r.Identity, with.user.aor):
		return &rtc.Status{Code: 403, Reason: "Not the Subscriber"}
	}
	return nil
}

// sameAs reports whether an identity is that of a subscriber, or of the peer or
// listener that vouched for him.
func (l *leg) sameAs(id *rtc.Identity, subscriber rtc.AOR) bool {
	return id.AOR == subscriber || id.AOR == "" && id.Peer == l.peer
}

// heard takes over what a request in the dialog says of the subscriber, and finds
// its subscription.
func (l *leg) heard(r *rtc.Request, seq uint32, target, pkg, id string) (sub *subscription, late bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if seq < l.remoteSeq {
		return nil, true
	}
	l.remoteSeq, l.flow = seq, r.Flow()
	if target != "" {
		l.target = target
	}
	for s := l.first; s != nil; s = s.sibling {
		if s.topic.pkg.Name == pkg && s.id == id {
			return s, false
		}
	}
	return nil, false
}

// beside takes a SUBSCRIBE for something else in a dialog of ours, as old phones
// send it (RFC 6665 §4.5.2).
func (n *Notifier) beside(r *rtc.Request, l *leg) error {
	l.mu.Lock()
	with := l.first
	l.mu.Unlock()
	if with == nil {
		return &rtc.Status{Code: 481}
	}
	w, err := n.wish(r, with)
	if err == rtc.Next {
		return &rtc.Status{Code: 481}
	}
	if err != nil {
		return err
	}
	sub := newSubscription()
	sub.leg, sub.id, sub.kind, sub.proved, sub.fetch = l, w.id, w.kind, w.proved, w.expires == 0
	admit := func(w wish) error { return n.admit(r, sub, w) }
	if !w.kept() {
		return admit(w)
	}
	return n.read(r, w, admit, func() {})
}

// refresh takes a SUBSCRIBE of a subscription there is. changed: of its dialog, too, the
// disk must know something new.
func (n *Notifier) refresh(r *rtc.Request, sub *subscription, changed bool) error {
	w := wish{pkg: sub.topic.pkg, isList: sub.list != nil}
	if err := n.terms(r.Message, &w); err != nil {
		return err
	}
	now := time.Now().UnixMilli()
	s := sub.topic.shard
	s.mu.Lock()
	if sub.reason != "" || sub.place < 0 {
		s.mu.Unlock()
		return &rtc.Status{Code: 481} // it was said that it is over
	}
	covered := !changed && w.has == sub.has && w.expires > 0 && now+w.expires.Milliseconds() <= sub.disk
	before := terms{sub.until, sub.disk, sub.granted, sub.has}
	if w.expires > 0 {
		sub.agree(w, now)
		if covered {
			sub.disk = before.disk
		}
		if r.Has(sip.HdrAccept) {
			sub.kind = w.kind
		}
	}
	s.mu.Unlock()
	if covered {
		n.goOn(n.answers(r, sub, w), sub, w)
		return nil
	}
	return n.rewrite(r, sub, w, before)
}

// terms are what a refresh changes.
type terms struct {
	until, disk int64
	granted     uint32
	has         condition
}

// rewrite goes on with a refresh when it is on disk; otherwise the terms are as before.
func (n *Notifier) rewrite(r *rtc.Request, sub *subscription, w wish, before terms) error {
	undo := func() {
		s := sub.topic.shard
		s.mu.Lock()
		sub.until, sub.disk, sub.granted, sub.has = before.until, before.disk, before.granted, before.has
		s.mu.Unlock()
	}
	a := n.answers(r, sub, w)
	done := func(err error) {
		if err != nil {
			undo()
			a.ok.Break(busy(err))
			return
		}
		n.queue.later(answer{a.ok.Lane(), func() { n.goOn(a, sub, w) }})
	}
	var err error
	if w.expires == 0 {
		err = n.cfg.Store.Delete(sub.row, done)
	} else {
		err = n.cfg.Store.Put(n.row(sub), done)
	}
	if err != nil {
		undo()
		return busy(err)
	}
	return nil
}

// goOn answers a refresh and notifies (RFC 6665 §4.2.1.2). On the lane of the
// request.
func (n *Notifier) goOn(a answers, sub *subscription, w wish) {
	n.stats.refreshed.Add(1)
	quiet := n.matches(sub, w.has)
	a.give(quiet)
	now := time.Now().UnixMilli()
	s := sub.topic.shard
	s.mu.Lock()
	var told Subscription
	switch {
	case w.expires == 0 && quiet: // RFC 5839 §5.7
		sub.reason, sub.dirty = "timeout", false
		told = sub.info()
	case w.expires == 0:
		sub.end("timeout", now)
		told = sub.info()
	case quiet:
		sub.settle(now)
	default:
		sub.whole = true
		sub.touch(now, true)
	}
	wake := sub.topic.wake()
	s.mu.Unlock()
	n.queue.put(wake)
	if w.expires == 0 {
		n.tell(told, "timeout")
		n.unfill(sub)
		if quiet {
			n.forget(sub)
		}
	}
}
