package event

import (
	"slices"

	"tandem/rtc"
)

// End ends the subscription of an ID with a reason of RFC 6665 §4.1.3:
// "deactivated" has the subscriber come back at once, "noresource" never.
func (n *Notifier) End(id, reason string) error {
	for i := range n.shards {
		s := &n.shards[i]
		s.mu.Lock()
		for _, t := range s.topics {
			for _, sub := range t.subs {
				if sub.leg == nil || sub.reason != "" || sub.info().ID != id {
					continue
				}
				s.mu.Unlock()
				n.endOne(sub, reason)
				return nil
			}
		}
		s.mu.Unlock()
	}
	return errUnknown
}

// EndAll ends the subscriptions to a resource of a package.
func (n *Notifier) EndAll(resource rtc.AOR, pkg, reason string) {
	for _, s := range n.to(resource, pkg) {
		n.endOne(s, reason)
	}
}

// EndAbout ends the subscriptions to a resource of any package.
func (n *Notifier) EndAbout(resource rtc.AOR, reason string) {
	for name := range n.packages {
		n.EndAll(resource, name, reason)
	}
}

// EndOf ends the subscriptions that a watcher has, those to lists as well.
func (n *Notifier) EndOf(watcher rtc.AOR, reason string) {
	for _, s := range n.of(watcher) {
		if s.parent == nil { // else it ends with its list
			n.endOne(s, reason)
		}
	}
}

// to are the subscriptions to a resource of a package.
func (n *Notifier) to(resource rtc.AOR, pkg string) []*subscription {
	p := n.packages[pkg]
	if p == nil {
		return nil
	}
	k := key{resource, p}
	s := n.shardOf(k)
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.topics[k]; t != nil {
		return slices.Clone(t.subs)
	}
	return nil
}

// of are the subscriptions that a watcher has, and those to the members of his lists.
func (n *Notifier) of(watcher rtc.AOR) (list []*subscription) {
	if !n.users.has(watcher) {
		return nil
	}
	for i := range n.shards {
		s := &n.shards[i]
		s.mu.Lock()
		for _, t := range s.topics {
			for _, sub := range t.subs {
				if sub.user.aor == watcher {
					list = append(list, sub)
				}
			}
		}
		s.mu.Unlock()
	}
	return list
}
