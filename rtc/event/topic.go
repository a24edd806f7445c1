package event

import (
	"hash/fnv"
	"hash/maphash"
	"sync"
	"time"

	"tandem/rtc"
	"tandem/rtc/transaction"
)

// shards is how many parts the topics are in: changes of one resource wait for
// those of few others.
const shards = 256

type key struct {
	resource rtc.AOR
	pkg      *Package
}

type shard struct {
	alarm *alarm
	mu    sync.Mutex
	// Guarded by mu, as is all of the topics and subscriptions in it that is not
	// said to be guarded by something else:
	topics map[key]*topic
	due    due
}

// topic is a resource of a package, with those who subscribed to it.
type topic struct {
	key
	shard  *shard
	lane   *transaction.Lane // its NOTIFYs are sent on
	subs   []*subscription
	coming int             // subscriptions that are being written
	ready  []*subscription // that have something to send now
	// queued: it is in the notifier's queue, or a worker has it.
	queued bool
	gen    uint32 // grows with every Changed
	docs   []*rendered
}

// rendered is a document as it was made for all that have the same view and type.
type rendered struct {
	view   string
	kind   uint8
	gen    uint32 // of the topic when it was made
	mark   uint64 // of its content, never 0
	doc    Document
	rest   []byte    // what all NOTIFYs of it end with; nil: they differ
	before *rendered // the one before, when the package can tell the difference
	diff   *Document // made of it; nil: not yet, or there is none
}

func (n *Notifier) shardOf(k key) *shard {
	var h maphash.Hash
	h.SetSeed(n.seed)
	h.WriteString(string(k.resource))
	h.WriteString(k.pkg.Name)
	return &n.shards[h.Sum64()%shards]
}

// topicOf finds or makes a topic. The shard is locked.
func (s *shard) topicOf(n *Notifier, k key) *topic {
	t := s.topics[k]
	if t == nil {
		t = &topic{key: k, shard: s, lane: n.cfg.Layer.Lane([]byte(k.resource))}
		s.topics[k] = t
	}
	return t
}

// add enters a subscription. The shard is locked.
func (t *topic) add(s *subscription) {
	s.topic, s.place = t, int32(len(t.subs))
	t.subs = append(t.subs, s)
}

// remove takes one out, and forgets a topic that nobody is interested in. The
// shard is locked.
func (t *topic) remove(s *subscription) {
	t.shard.due.remove(s)
	if s.place < 0 {
		return
	}
	last := t.subs[len(t.subs)-1]
	t.subs[s.place], last.place = last, s.place
	t.subs[len(t.subs)-1] = nil
	t.subs = t.subs[:len(t.subs)-1]
	s.place = -1
	t.tidy()
}

// tidy forgets a topic that nobody is interested in. The shard is locked.
func (t *topic) tidy() {
	if len(t.subs) == 0 && t.coming == 0 && !t.queued {
		delete(t.shard.topics, t.key)
	}
}

// document returns what those of a view and type are shown, nil when it must be
// made anew. The shard is locked.
func (t *topic) document(view string, kind uint8) *rendered {
	for _, r := range t.docs {
		if r.kind == kind && r.view == view && r.gen == t.gen {
			return r
		}
	}
	return nil
}

// keep puts a document in place of the one before it. The shard is locked.
func (t *topic) keep(r *rendered) *rendered {
	for i, old := range t.docs {
		if old.kind != r.kind || old.view != r.view {
			continue
		}
		if int32(r.gen-old.gen) < 0 {
			return old // somebody was quicker, with a later one
		}
		if old.mark == r.mark {
			old.gen = r.gen
			return old
		}
		if t.pkg.Difference != nil {
			r.before = old
		}
		old.before, old.diff = nil, nil
		t.docs[i] = r
		return r
	}
	t.docs = append(t.docs, r)
	return r
}

// end is what all NOTIFYs of a document end with, nil when each is numbered. The body
// is there once.
func (r *rendered) end() []byte {
	d := &r.doc
	if d.Count > 0 {
		return nil
	}
	b := make([]byte, 0, 128+len(d.Header)+len(d.Body))
	if d.Type != "" {
		b = appendETag(b, r.mark)
	}
	b = d.append(b, 0)
	d.Body = b[len(b)-len(d.Body):]
	return b
}

// markOf is a number for the content of a document, the same after a restart.
func markOf(d *Document) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(d.Type))
	_, _ = h.Write([]byte{0})
	_, _ = h.Write(d.Body)
	_, _ = h.Write(d.Header)
	return max(h.Sum64(), 1)
}

// render makes the document of a view and type unless it is there. No lock is
// held while the package makes it.
func (n *Notifier) render(t *topic, view string, kind uint8) *rendered {
	t.shard.mu.Lock()
	r, gen := t.document(view, kind), t.gen
	t.shard.mu.Unlock()
	if r != nil {
		return r
	}
	fresh := &rendered{view: view, kind: kind, gen: gen}
	if t.pkg.Document != nil {
		fresh.doc = t.pkg.Document(Query{Resource: t.resource, View: view, Type: t.pkg.Types[kind]})
	}
	fresh.mark = markOf(&fresh.doc)
	fresh.rest = fresh.end()
	t.shard.mu.Lock()
	defer t.shard.mu.Unlock()
	return t.keep(fresh)
}

// Changed says that the documents of a resource may have changed. It does not
// wait and may be called anywhere but under a lock that Package.Document takes.
func (n *Notifier) Changed(resource rtc.AOR, pkg string) {
	p := n.packages[pkg]
	if p == nil {
		return
	}
	k := key{resource, p}
	s := n.shardOf(k)
	s.mu.Lock()
	t := s.topics[k]
	if t == nil {
		s.mu.Unlock()
		return
	}
	t.gen++
	now := time.Now().UnixMilli()
	for _, sub := range t.subs {
		sub.touch(now, false)
	}
	wake := t.wake()
	s.mu.Unlock()
	n.queue.put(wake)
}

// wake returns the topic when it has something to send and is in nobody's hands.
// The shard is locked; the caller puts it into the queue.
func (t *topic) wake() *topic {
	if t == nil || t.queued || len(t.ready) == 0 {
		return nil
	}
	t.queued = true
	return t
}
