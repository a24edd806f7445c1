package event

import (
	"time"

	"tandem/rtc"
)

// Recheck ends the subscriptions of a watcher that may not go on, see Config.Stands.
func (n *Notifier) Recheck(watcher rtc.AOR) {
	for _, s := range n.of(watcher) {
		if s.parent != nil { // it ends with its list
			continue
		}
		if reason := n.stands(s); reason != "" {
			n.endOne(s, reason)
		}
	}
}

// stands is why the watcher of a subscription may not go on, "" when he may.
func (n *Notifier) stands(s *subscription) string {
	if !s.proved || n.cfg.Stands == nil {
		return ""
	}
	s.leg.mu.Lock()
	secret := s.leg.secret
	s.leg.mu.Unlock()
	return n.cfg.Stands(s.user.aor, secret)
}

// ReauthoriseOf asks the packages again about all that a watcher has subscribed to,
// as Reauthorise does.
func (n *Notifier) ReauthoriseOf(watcher rtc.AOR) {
	for _, s := range n.of(watcher) {
		if s.list == nil { // else it is asked about its members
			n.reauthorise(s.topic, s)
		}
	}
}

// Reauthorise asks the package again about all that have subscribed to a
// resource, and tells them what has changed for them.
func (n *Notifier) Reauthorise(resource rtc.AOR, pkg string) {
	for _, sub := range n.to(resource, pkg) {
		n.reauthorise(sub.topic, sub)
	}
}

func (n *Notifier) reauthorise(t *topic, sub *subscription) {
	g, err := t.pkg.Authorise(n.ask(t, sub))
	if err != nil {
		g = Grant{Rejected: "rejected"}
	}
	now := time.Now().UnixMilli()
	event := ""
	t.shard.mu.Lock()
	again := sub.parent != nil && sub.reason == "rejected" && g.Rejected == "" // one in a list may come back
	switch {
	case again:
		sub.reason, sub.pending, sub.view, event = "", g.Pending, g.View, "subscribe"
		sub.touch(now, true)
	case sub.reason != "":
	case g.Rejected != "":
		sub.end(g.Rejected, now)
		event = g.Rejected
	case g.Pending != sub.pending || g.View != sub.view:
		if sub.pending && !g.Pending {
			event = "approved"
			sub.until = max(sub.until, sub.disk)
		}
		sub.force = sub.force || g.Pending != sub.pending
		sub.pending, sub.view, sub.whole = g.Pending, g.View, true
		sub.next = min(sub.next, now)
		sub.touch(now, sub.force)
	}
	info, wake := sub.info(), t.wake()
	t.shard.mu.Unlock()
	n.queue.put(wake)
	switch event {
	case "":
	case "approved", "subscribe":
		n.tell(info, event)
	default:
		n.ended(sub, info)
	}
}

func (n *Notifier) ask(t *topic, sub *subscription) Ask {
	return Ask{Resource: t.resource, Watcher: sub.user.aor, Proved: sub.proved, Type: t.pkg.Types[sub.kind]}
}
