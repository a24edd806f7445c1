package event

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"

	"tandem/rtc"
	"tandem/rtc/sip"
	"tandem/rtc/uac"
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

// wish is what a SUBSCRIBE asks for.
type wish struct {
	pkg      *Package
	id       string
	resource rtc.AOR
	list     []Entry // its members, when it is about a list
	isList   bool
	given    []Entry // of list, when it came with the SUBSCRIBE
	watcher  rtc.AOR
	proved   bool
	kind     uint8
	expires  time.Duration
	interval time.Duration
	longest  time.Duration
	match    string // of Suppress-If-Match
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
	if !n.table.enter(sub.leg) {
		return &rtc.Status{Code: 482, Reason: "Merged Request"} // RFC 3261 §8.2.2.2
	}
	if err := n.admit(r, sub, w); err != nil {
		n.table.remove(sub.leg)
		return err
	}
	return nil
}

// wish reads and checks a SUBSCRIBE, in the order of RFC 6665 §4.2.1. with is a
// subscription in the same dialog, nil when it begins one.
func (n *Notifier) wish(r *rtc.Request, with *subscription) (w wish, err error) {
	address, ok := n.address(r.Message)
	if with != nil { // the Request-URI is our Contact; it is about the same
		address, ok = with.about(), true
	}
	if !ok {
		return w, rtc.Next
	}
	pkg, id := r.Event()
	if w.pkg = n.packages[string(pkg)]; w.pkg == nil {
		if _, user := n.cfg.Users.Resolve(address); user && !n.oneDevice(r.Message) {
			return w, n.badEvent()
		}
		return w, rtc.Next
	}
	w.id = string(id)
	if n.oneDevice(r.Message) {
		return w, rtc.Next // for that device, whatever it makes of it
	}
	if with != nil && r.Identity == nil { // who knows the dialog is who began it
		w.watcher, w.proved = with.user.aor, with.proved
	} else if err := n.who(r, &w); err != nil {
		return w, err
	}
	if err := n.target(r.Message, &w, address); err != nil {
		return w, err
	}
	return w, n.terms(r.Message, &w)
}

// address is whom the Request-URI names, false when it is none of ours.
func (n *Notifier) address(m *sip.Message) (rtc.AOR, bool) {
	u, err := sip.ParseURI(m.RequestURI())
	if err != nil || u.Kind != sip.URISIP && u.Kind != sip.URISIPS || !n.cfg.Users.Ours(u.Host, u.Port) {
		return "", false
	}
	if m.Has(sip.HdrRoute) {
		if a, ok := m.TopRoute(); ok {
			if ru, err := sip.ParseURI(a.URI); err == nil && !n.cfg.Users.Ours(ru.Host, ru.Port) {
				return "", false // it goes elsewhere first
			}
		}
	}
	return rtc.AOR(u.AppendAOR(nil)), true
}

// oneDevice reports whether the Request-URI names a device, not a user (RFC 5627).
func (n *Notifier) oneDevice(m *sip.Message) bool {
	u, err := sip.ParseURI(m.RequestURI())
	if err != nil {
		return false
	}
	_, gruu := u.Param("gr")
	return gruu
}

// badEvent is the answer to an event package that nobody here knows.
func (n *Notifier) badEvent() error {
	return &rtc.Status{Code: 489, Header: []byte("Allow-Events: " + n.allow + "\r\n")}
}

// who finds out who subscribes.
func (n *Notifier) who(r *rtc.Request, w *wish) error {
	if r.Identity == nil {
		if a, ok := r.From(); ok {
			if u, err := sip.ParseURI(a.URI); err == nil && n.cfg.Users.Ours(u.Host, u.Port) && n.cfg.Demand != nil {
				return n.cfg.Demand(r)
			}
		}
	}
	if r.Identity != nil && r.Identity.AOR != "" {
		w.watcher, w.proved = r.Identity.AOR, true
		return nil
	}
	a, ok := r.From()
	if p, asserted := r.FirstAddr(sip.HdrPAssertedIdentity); asserted && r.Identity != nil {
		a, ok = p, true
	}
	if !ok {
		return &rtc.Status{Code: 400, Reason: "Bad From"}
	}
	if u, err := sip.ParseURI(a.URI); err == nil {
		w.watcher = rtc.AOR(u.AppendAOR(nil))
		if own, ok := n.cfg.Users.Resolve(w.watcher); ok && r.Identity != nil {
			w.watcher = own
		}
	}
	w.proved = r.Identity != nil // a listener or a peer that is trusted says so
	return nil
}

// target finds what is subscribed to.
func (n *Notifier) target(m *sip.Message, w *wish, address rtc.AOR) error {
	for tag := range m.Values(sip.HdrRequire) {
		if !sip.EqualFold(tag, "eventlist") && !sip.EqualFold(tag, "recipient-list-subscribe") {
			return &rtc.Status{Code: 420, Header: []byte("Unsupported: " + string(tag) + "\r\n")}
		}
	}
	if err := n.listOf(m, w, address); err != nil || w.isList {
		return err
	}
	if m.HasToken(sip.HdrRequire, "eventlist") {
		return &rtc.Status{Code: 404, Reason: "No Such List"}
	}
	resolve := w.pkg.Resource
	if resolve == nil {
		resolve = n.cfg.Users.Resolve
	}
	var ok bool
	if w.resource, ok = resolve(address); !ok {
		return &rtc.Status{Code: 404}
	}
	return nil
}

// terms reads what the subscriber asks for, besides what he subscribes to.
func (n *Notifier) terms(m *sip.Message, w *wish) error {
	var err error
	if w.expires, err = w.pkg.asked(m); err != nil {
		return err
	}
	if w.kind, err = w.pkg.accepted(m); err != nil {
		return err
	}
	if len(m.Body()) > 0 && !w.isList {
		if w.pkg.Content == nil {
			return &rtc.Status{Code: 415, Reason: "No Body Is Understood Here", Header: []byte("Accept:\r\n")}
		}
		if err := w.pkg.Content(m); err != nil {
			return err
		}
	}
	w.rate(m)
	w.match = string(bytes.TrimSpace(m.GetName("Suppress-If-Match")))
	return nil
}

// asked is the duration a SUBSCRIBE gets, 0 when it is only a look.
func (p *Package) asked(m *sip.Message) (time.Duration, error) {
	s, ok := m.Expires()
	if !ok {
		if m.Has(sip.HdrExpires) {
			return 0, &rtc.Status{Code: 400, Reason: "Bad Expires"}
		}
		return p.Expires, nil
	}
	d := time.Duration(s) * time.Second
	if d > 0 && d < p.MinExpires && d < time.Hour { // RFC 6665 §4.2.1.1
		return 0, &rtc.Status{Code: 423, Header: fmt.Appendf(nil, "Min-Expires: %d\r\n", int(p.MinExpires/time.Second))}
	}
	return min(d, p.MaxExpires), nil
}

// accepted is the type of documents a subscriber gets: the first of ours that
// has the highest place in his Accept lines.
func (p *Package) accepted(m *sip.Message) (uint8, error) {
	if !m.Has(sip.HdrAccept) || len(p.Types) == 0 {
		return 0, nil
	}
	any := false
	for v := range m.Values(sip.HdrAccept) {
		t := sip.ParseParted(v).Value
		if k, ok := p.kind(t); ok {
			return k, nil
		}
		main, _, _ := strings.Cut(p.Types[0], "/")
		any = any || string(t) == "*/*" || sip.EqualFold(t, main+"/*")
	}
	if any {
		return 0, nil
	}
	return 0, &rtc.Status{Code: 406, Header: []byte("Accept: " + strings.Join(p.Types, ", ") + "\r\n")}
}

// rate reads the rates of RFC 6446 that stand in Event.
func (w *wish) rate(m *sip.Message) {
	p := sip.ParseParted(m.Get(sip.HdrEvent))
	most, _ := p.Param("max-rate")
	least, _ := p.Param("min-rate")
	w.interval = max(period(most), w.pkg.Interval)
	if w.longest = period(least); w.longest > 0 {
		w.longest = max(w.longest, w.interval, time.Second)
	}
}

// period of a rate in NOTIFYs a second, 0 when there is none.
func period(rate []byte) time.Duration {
	f, err := strconv.ParseFloat(string(rate), 64)
	if err != nil || !(f > 0) {
		return 0
	}
	return time.Duration(min(1/f, 86400) * float64(time.Second))
}

// newLeg is the dialog that a SUBSCRIBE begins (RFC 3261 §12.1.1).
func (n *Notifier) newLeg(r *rtc.Request) (*leg, error) {
	m := r.Message
	target, err := contactOf(m)
	if err != nil {
		return nil, err
	}
	tag := n.tagFor(m)
	seq, _ := m.CSeq()
	l := &leg{target: target, flow: r.Flow(), remoteSeq: seq, secure: strings.HasPrefix(strings.ToLower(string(m.RequestURI())), "sips:")}
	l.callID, l.local, l.remote = string(m.CallID()), tag, string(m.FromTag())
	l.from, l.to = string(uac.Tagged(m.Get(sip.HdrTo), tag)), string(m.Get(sip.HdrFrom))
	if r.Identity != nil {
		l.peer = r.Identity.Peer
	}
	var routes []string
	for route := range m.Values(sip.HdrRecordRoute) { // in order
		routes = append(routes, string(route))
	}
	l.routes = strings.Join(routes, ", ")
	l.share()
	return l, nil
}

// contactOf is the URI of the one Contact a SUBSCRIBE has.
func contactOf(m *sip.Message) (string, error) {
	for v := range m.Values(sip.HdrContact) {
		if a, err := sip.ParseNameAddr(v); err == nil && !a.Star && len(a.URI) > 0 {
			return string(a.URI), nil
		}
		break
	}
	return "", &rtc.Status{Code: 400, Reason: "Missing or Bad Contact"}
}

// share has the texts of a dialog stand in one string: half a million of them
// have to fit.
func (l *leg) share() {
	var b strings.Builder
	parts := []*string{&l.callID, &l.from, &l.to, &l.routes}
	for _, p := range parts {
		b.WriteString(*p)
	}
	all := b.String()
	for _, p := range parts {
		*p, all = all[:len(*p)], all[len(*p):]
	}
	if i := strings.LastIndex(l.from, l.local); i >= 0 {
		l.local = l.from[i : i+len(l.local)]
	}
	if i := strings.LastIndex(l.to, l.remote); i >= 0 {
		l.remote = l.to[i : i+len(l.remote)]
	}
}

// admit counts a subscription, asks whether it may be, and keeps it; the 200
// follows when it is on disk.
func (n *Notifier) admit(r *rtc.Request, sub *subscription, w wish) error {
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
		k.resource = rtc.AOR("list " + sub.leg.local) // a topic of its own
	} else {
		g, err := w.pkg.Authorise(Ask{Resource: w.resource, Watcher: w.watcher, Proved: w.proved, Type: w.pkg.Types[w.kind],
			ID: idOf(sub.leg, w.pkg.Name, w.id)})
		if err != nil {
			return err
		}
		sub.pending, sub.view = g.Pending, g.View
	}
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
		n.fill(sub, w)
	}
	if sub.fetch {
		n.welcome(r, sub, w)
		return nil
	}
	r.Hold()
	if err := n.cfg.Store.Put(n.row(sub), func(err error) { n.stored(r, sub, w, err) }); err != nil {
		n.abandon(sub)
		return busy(err)
	}
	return nil
}

// abandon takes back what enter prepared for a subscription that will not be.
func (n *Notifier) abandon(sub *subscription) {
	drop := func(t *topic) {
		t.shard.mu.Lock()
		t.coming--
		t.tidy()
		t.shard.mu.Unlock()
	}
	drop(sub.topic)
	if sub.list == nil {
		return
	}
	for _, x := range sub.list.members {
		if x.sub != nil {
			drop(x.sub.topic)
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
	s.interval, s.longest = uint32(w.interval.Milliseconds()), uint32(w.longest.Milliseconds())
}

// stored goes on when a new subscription is on disk, or cannot be.
func (n *Notifier) stored(r *rtc.Request, sub *subscription, w wish, err error) {
	if err != nil {
		n.table.remove(sub.leg)
		n.total.Add(-1)
		n.users.release(sub.user)
		n.abandon(sub)
		r.Resume(busy(err))
		return
	}
	r.Tx.Lane().Do(func() { n.welcome(r, sub, w) })
}

// welcome answers the SUBSCRIBE and begins to notify. On the lane of the request.
func (n *Notifier) welcome(r *rtc.Request, sub *subscription, w wish) {
	n.stats.subscribed.Add(1)
	quiet := n.matches(sub, w.match)
	n.answer(r, sub, quiet, w.expires)
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
	if sub.list != nil {
		n.connect(sub)
	}
	if !sub.fetch {
		n.tell(info, "subscribe")
	}
}

// matches reports whether the subscriber has the document already (RFC 5839
// §5.2.1), and notes so.
func (n *Notifier) matches(sub *subscription, match string) bool {
	if match == "" || sub.list != nil {
		return false
	}
	r := n.render(sub.topic, sub.view, sub.kind)
	if match != "*" && match != etag(r.mark) {
		return false
	}
	sub.topic.shard.mu.Lock()
	sub.shown, sub.whole = r.mark, true
	sub.topic.shard.mu.Unlock()
	return true
}

func etag(mark uint64) string { return strconv.FormatUint(mark, 36) }

// answer is the 2xx to a SUBSCRIBE.
func (n *Notifier) answer(r *rtc.Request, sub *subscription, quiet bool, expires time.Duration) {
	code, reason := 200, ""
	if quiet {
		code, reason = 204, "No Notification" // RFC 5839 §7.1
	}
	header := uac.Contact{Secure: sub.leg.secure}.Append(make([]byte, 0, 256), n.cfg.Wire, r.Flow())
	header = append(header, "Expires: "...)
	header = strconv.AppendInt(header, int64(expires/time.Second), 10)
	header = append(header, "\r\nAllow-Events: "...)
	header = append(append(header, n.allow...), "\r\n"...)
	if sub.list != nil {
		header = append(header, "Require: eventlist\r\n"...) // RFC 4662 §4.2
	}
	r.Tx.Respond(code, sip.AppendResponse(nil, r.Message, sip.Response{Code: code, Reason: reason, ToTag: sub.leg.local, Header: header}))
}

// again takes a SUBSCRIBE in a dialog.
func (n *Notifier) again(r *rtc.Request) error {
	l := n.table.find(r.CallID(), r.ToTag(), r.FromTag())
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
	pkg, id := r.Event()
	sub, moved, late := l.heard(r, seq, string(pkg), string(id))
	switch {
	case late:
		return &rtc.Status{Code: 500, Reason: "CSeq Out of Order"} // RFC 3261 §12.2.2
	case sub == nil:
		return n.beside(r, l)
	}
	return n.refresh(r, sub, moved)
}

// heard takes over what a request in the dialog says of the subscriber, and
// finds its subscription; moved says that he is reached otherwise than before.
func (l *leg) heard(r *rtc.Request, seq uint32, pkg, id string) (sub *subscription, moved, late bool) {
	target, err := contactOf(r.Message)
	l.mu.Lock()
	defer l.mu.Unlock()
	if seq < l.remoteSeq {
		return nil, false, true
	}
	moved = l.flow != r.Flow()
	l.remoteSeq, l.flow = seq, r.Flow()
	if err == nil && target != l.target && (!l.secure || strings.HasPrefix(strings.ToLower(target), "sips:")) {
		l.target, moved = target, true
	}
	for s := l.first; s != nil; s = s.sibling {
		if s.topic.pkg.Name == pkg && s.id == id {
			return s, moved, false
		}
	}
	return nil, moved, false
}

// join enters a subscription of the dialog.
func (l *leg) join(s *subscription) {
	l.mu.Lock()
	s.sibling, l.first = l.first, s
	l.mu.Unlock()
}

// leave takes one out and reports whether it was the last.
func (l *leg) leave(s *subscription) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for at := &l.first; *at != nil; at = &(*at).sibling {
		if *at == s {
			*at = s.sibling
			break
		}
	}
	return l.first == nil
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
	return n.admit(r, sub, w)
}

// refresh takes a SUBSCRIBE of a subscription there is.
func (n *Notifier) refresh(r *rtc.Request, sub *subscription, moved bool) error {
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
	covered := !moved && w.expires > 0 && now+w.expires.Milliseconds() <= sub.disk
	before := *sub
	if w.expires > 0 {
		disk := sub.disk
		sub.agree(w, now)
		if covered {
			sub.disk = disk
		}
		if r.Has(sip.HdrAccept) {
			sub.kind = w.kind
		}
	}
	s.mu.Unlock()
	if covered {
		n.goOn(r, sub, w)
		return nil
	}
	r.Hold()
	done := func(err error) {
		if err != nil {
			s.mu.Lock()
			sub.until, sub.disk, sub.granted = before.until, before.disk, before.granted
			s.mu.Unlock()
			r.Resume(busy(err))
			return
		}
		r.Tx.Lane().Do(func() { n.goOn(r, sub, w) })
	}
	var err error
	if w.expires == 0 {
		err = n.cfg.Store.Delete(idOf(sub.leg, w.pkg.Name, sub.id), done)
	} else {
		err = n.cfg.Store.Put(n.row(sub), done)
	}
	if err != nil {
		return busy(err)
	}
	return nil
}

// goOn answers a refresh and notifies (RFC 6665 §4.2.1.2). On the lane of the
// request.
func (n *Notifier) goOn(r *rtc.Request, sub *subscription, w wish) {
	n.stats.refreshed.Add(1)
	quiet := w.expires > 0 && n.matches(sub, w.match)
	n.answer(r, sub, quiet, w.expires)
	now := time.Now().UnixMilli()
	s := sub.topic.shard
	s.mu.Lock()
	var told Subscription
	switch {
	case w.expires == 0:
		told = n.endLocked(sub, "timeout")
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
	}
}
