package event

import (
	"context"
	"errors"
	"sync"
	"time"

	"tandem/rtc"
	"tandem/rtc/event/lists"
	"tandem/rtc/sip"
)

// kept finds the subscriptions to lists that are kept elsewhere.
type kept struct {
	turn sync.Mutex // one Relist at a time
	mu   sync.Mutex
	// Guarded by mu:
	gen  uint64                                 // counts Relists that began
	subs map[rtc.AOR]map[*subscription]struct{} // by watcher
}

// enter adds one; stale says that its list may have changed since it was read.
func (k *kept) enter(s *subscription) (stale bool) {
	if s.list.given != nil {
		return false
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	of := k.subs[s.user.aor]
	if of == nil {
		of = make(map[*subscription]struct{})
		k.subs[s.user.aor] = of
	}
	of[s] = struct{}{}
	return k.gen != s.list.gen
}

func (k *kept) leave(s *subscription) {
	if s.list.given != nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	of := k.subs[s.user.aor]
	if delete(of, s); len(of) == 0 {
		delete(k.subs, s.user.aor)
	}
}

// relist begins to read the lists of a watcher again, and returns his
// subscriptions to them.
func (k *kept) relist(watcher rtc.AOR) (subs []*subscription) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.gen++
	for s := range k.subs[watcher] {
		subs = append(subs, s)
	}
	return subs
}

func (k *kept) count() uint64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.gen
}

// readTime bounds how long the members of a list are waited for.
const readTime = 10 * time.Second

// kept reports whether it is about a list that is kept elsewhere.
func (w *wish) kept() bool { return w.isList && w.given == nil }

// read finds the members of a list that is kept, and goes on with a SUBSCRIBE on
// its lane, or gives up. The number of requests that wait is bounded by the layer.
func (n *Notifier) read(r *rtc.Request, w wish, goOn func(w wish) error, giveUp func()) error {
	r.Hold()
	go func() {
		w.gen = n.kept.count()
		list, err := n.membersOf(w.resource, w.watcher)
		if err != nil {
			giveUp()
			r.Resume(err)
			return
		}
		w.members = list
		r.Tx.Lane().Do(func() { err = goOn(w) })
		if err != nil {
			r.Resume(err)
		}
	}()
	return nil
}

func (n *Notifier) membersOf(list, watcher rtc.AOR) ([]lists.Entry, error) {
	ctx, cancel := context.WithTimeout(context.Background(), readTime)
	defer cancel()
	members, err := n.cfg.Lists.Members(ctx, list, watcher)
	switch {
	case err != nil:
		return nil, busy(err)
	case len(members) > n.cfg.PerList:
		return nil, &rtc.Status{Code: 413, Reason: "Too Many Members"}
	}
	return members, nil
}

// Relist says that lists that are kept for a user may have other members, or be
// gone. Those who subscribed to them are told. It reads the lists, and may block.
func (n *Notifier) Relist(watcher rtc.AOR) {
	n.kept.turn.Lock()
	defer n.kept.turn.Unlock()
	for _, sub := range n.kept.relist(watcher) {
		list := sub.list.resource
		if !n.cfg.Lists.Known(list, sub.topic.pkg.Name, sub.user.aor) {
			n.endOne(sub, "noresource")
			continue
		}
		members, err := n.membersOf(list, sub.user.aor)
		if err != nil {
			n.cfg.Log.Warn("a list that has changed cannot be read; its subscribers see the old one", "aor", string(list), "err", err)
			continue
		}
		n.replace(sub, members)
	}
}

// endOne ends a subscription that has not ended.
func (n *Notifier) endOne(sub *subscription, reason string) {
	s := sub.topic.shard
	s.mu.Lock()
	if sub.reason != "" || sub.place < 0 {
		s.mu.Unlock()
		return
	}
	sub.end(reason, time.Now().UnixMilli())
	told, wake := sub.info(), sub.topic.wake()
	s.mu.Unlock()
	n.queue.put(wake)
	n.ended(sub, told)
}

// replace gives a list other members.
func (n *Notifier) replace(sub *subscription, now []lists.Entry) {
	s := sub.topic.shard
	s.mu.Lock()
	before := make(map[lists.Entry]*member, len(sub.list.members))
	for _, x := range sub.list.members {
		before[x.Entry] = x
	}
	s.mu.Unlock()
	var fresh, all []*member
	seen := make(map[string]bool, len(now))
	for _, e := range now {
		if seen[e.URI] {
			continue
		}
		seen[e.URI] = true
		x := before[e]
		if x != nil {
			delete(before, e)
		} else {
			x = n.join(sub, e)
			fresh = append(fresh, x)
		}
		all = append(all, x)
	}
	s.mu.Lock()
	over := sub.reason != ""
	if !over {
		sub.list.members, sub.list.whole = all, true
		sub.touch(time.Now().UnixMilli(), true)
	}
	wake := sub.topic.wake()
	s.mu.Unlock()
	n.queue.put(wake)
	n.connect(sub, fresh)
	var gone []*member
	for _, x := range before {
		gone = append(gone, x)
	}
	s.mu.Lock()
	if over = over || sub.reason != ""; over { // it ended meanwhile, perhaps before the new ones were there
		gone = append(gone, fresh...)
	}
	s.mu.Unlock()
	n.leave(sub, gone)
}

// fill makes the subscriptions to the members of a list, which connect enters.
func (n *Notifier) fill(sub *subscription, members []lists.Entry) {
	seen := make(map[string]bool, len(members))
	for _, e := range members {
		if !seen[e.URI] {
			seen[e.URI] = true
			sub.list.members = append(sub.list.members, n.join(sub, e))
		}
	}
}

// join makes a member, and the subscription to it if there may be one.
func (n *Notifier) join(sub *subscription, e lists.Entry) *member {
	sub.list.last++
	x := &member{Entry: e, id: sub.list.last, of: sub, state: Terminated, reason: "noresource"}
	u, perr := sip.ParseURI([]byte(e.URI))
	if perr != nil || !n.cfg.Users.Ours(u.Host, u.Port) {
		return x
	}
	p := sub.topic.pkg
	resolve := p.Resource
	if resolve == nil {
		resolve = n.cfg.Users.Resolve
	}
	resource, ok := resolve(rtc.AOR(u.AppendAOR(nil)))
	if !ok {
		return x
	}
	g, err := p.Authorise(Ask{Resource: resource, Watcher: sub.user.aor, Proved: sub.proved, Type: p.Types[sub.kind]})
	s := newSubscription()
	if st := (*rtc.Status)(nil); err == nil {
		x.state, x.reason = "", ""
	} else if errors.As(err, &st) && st.Code == 404 {
		return x
	} else {
		x.reason, s.reason = "rejected", "rejected" // until Reauthorise
	}
	s.parent, s.user, s.kind, s.proved, s.pending, s.view = x, sub.user, sub.kind, sub.proved, g.Pending, g.View
	if n.admitMember(s, key{resource, p}) {
		x.sub = s
	} else {
		x.state, x.reason = Terminated, "probation" // there are too many now
	}
	return x
}

// fullLists is how many lists of the largest size one watcher may have: ten devices with
// two packages.
const fullLists = 20

// admitMember has the subscription to a member about to enter its topic, unless too many
// are there, or in the lists of its watcher. It is connected later, or left out.
func (n *Notifier) admitMember(s *subscription, k key) bool {
	if !n.users.takeMember(s.user, fullLists*n.cfg.PerList) {
		return false
	}
	sh := n.shardOf(k)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	s.topic = sh.topicOf(n, k)
	if len(s.topic.subs)+s.topic.coming >= n.cfg.PerResource {
		s.topic.tidy()
		n.users.releaseMember(s.user)
		return false
	}
	s.topic.coming++
	return true
}

// leaveOut is for a member that will not be connected.
func (n *Notifier) leaveOut(x *member) {
	drop(x.sub.topic)
	n.users.releaseMember(x.sub.user)
	x.sub = nil
}

// connect enters the subscriptions to members.
func (n *Notifier) connect(sub *subscription, members []*member) {
	now := time.Now().UnixMilli()
	for _, x := range members {
		if x.sub == nil {
			continue
		}
		sh := x.sub.topic.shard
		sh.mu.Lock()
		x.sub.topic.coming--
		x.sub.topic.add(x.sub)
		if x.sub.reason == "" {
			x.sub.touch(now, true)
		}
		info, wake := x.sub.info(), x.sub.topic.wake()
		sh.mu.Unlock()
		n.queue.put(wake)
		if info.State != Terminated {
			n.tell(info, "subscribe")
		}
	}
}

// look finds the states of the members for somebody who does not subscribe.
func (n *Notifier) look(sub *subscription) {
	for _, x := range sub.list.members {
		if x.sub == nil {
			continue
		}
		if x.sub.reason == "" {
			x.body, x.state = n.render(x.sub.topic, x.sub.view, x.sub.kind).doc, Active
			if x.sub.pending {
				x.state = Pending
			}
		}
		n.leaveOut(x)
	}
}

// drop counts one less that is about to subscribe.
func drop(t *topic) {
	t.shard.mu.Lock()
	t.coming--
	t.tidy()
	t.shard.mu.Unlock()
}

// unfill ends the subscriptions to the members of a list that has ended.
func (n *Notifier) unfill(sub *subscription) {
	if sub.list == nil {
		return
	}
	n.kept.leave(sub)
	s := sub.topic.shard
	s.mu.Lock()
	members := sub.list.members
	s.mu.Unlock()
	n.leave(sub, members)
}

// leave ends the subscriptions to members of a list.
func (n *Notifier) leave(sub *subscription, members []*member) {
	for _, x := range members {
		if x.sub == nil {
			continue
		}
		sh := x.sub.topic.shard
		sh.mu.Lock()
		info, there := x.sub.info(), x.sub.place >= 0
		sh.mu.Unlock()
		n.forget(x.sub)
		if there && info.State != Terminated {
			info.State, info.Reason = Terminated, "timeout"
			n.tell(info, "timeout")
		}
	}
}
