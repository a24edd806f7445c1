package event

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"tandem/rtc"
	"tandem/rtc/event/lists"
	"tandem/rtc/internal/rows"
	"tandem/rtc/transport"
)

// Stored is what is kept of a subscription.
type Stored struct {
	Row                      int64 // names it: later ones have higher numbers
	Package, EventID, Type   string
	Resource, Watcher        rtc.AOR
	Proved                   bool
	Until                    time.Time // with slack, see the package comment
	Granted                  time.Duration
	Interval, Longest        time.Duration // between two NOTIFYs
	Adaptive                 time.Duration // the same, on average
	CallID, Local, Remote    string
	From, To, Routes, Target string
	Peer, Flow               string
	Secret                   int64 // see rtc.Identity
	Secure                   bool
	Base, RemoteSeq          uint32
	Has                      uint64        // mark of the document the subscriber says he has, 0 = none
	Seq, Run                 uint32        // sequence numbers up to Seq may have been used by run Run of the server
	List                     string        // the URI of a list, "" when it is none
	Members                  []lists.Entry // of a list that came with the SUBSCRIBE
}

// Store keeps subscriptions durably.
//
// Put and Delete do not block. When they take the change, done is called once,
// from another goroutine, when it is on disk or has failed; when they cannot
// take it they return an error and never call done. The order of changes to one
// subscription is kept.
//
// Load calls each for every subscription that has not ended. Package storetest
// checks an implementation.
type Store interface {
	// Begin counts the runs of the server. It is called once in each, before Load.
	Begin(ctx context.Context) (run uint32, err error)
	Put(s Stored, done func(error)) error
	Delete(row int64, done func(error)) error
	Load(ctx context.Context, each func(Stored)) error
}

// Memory is a Store that forgets with the process.
type Memory struct {
	rows *rows.Rows[int64, Stored]
	run  atomic.Uint32
}

// NewMemory makes an empty one.
func NewMemory() *Memory { return &Memory{rows: rows.New[int64, Stored]()} }

// Begin implements Store.
func (m *Memory) Begin(context.Context) (uint32, error) { return m.run.Add(1), nil }

// Put implements Store.
func (m *Memory) Put(s Stored, done func(error)) error {
	s.Members = slices.Clone(s.Members)
	return m.rows.Put(s.Row, s, done)
}

// Delete implements Store.
func (m *Memory) Delete(row int64, done func(error)) error { return m.rows.Delete(row, done) }

// Load implements Store.
func (m *Memory) Load(_ context.Context, each func(Stored)) error {
	m.rows.Each(func(_ int64, s Stored) {
		if s.Until.After(time.Now()) {
			each(s)
		}
	})
	return nil
}

// reserve is how many sequence numbers a subscription may use in one run of the
// server before it must be written. The next run goes on behind them, so numbers
// never go backwards and a restart writes nothing.
const reserve = 1024

func ms(n uint32) time.Duration { return time.Duration(n) * time.Millisecond }

// row is what is kept of a subscription that is not being changed by others.
func (n *Notifier) row(s *subscription) Stored {
	l := s.leg
	st := Stored{Row: s.row, Package: s.topic.pkg.Name, EventID: s.id, Type: s.topic.pkg.Types[s.kind],
		Resource: s.about(), Watcher: s.user.aor, Proved: s.proved, Until: time.UnixMilli(s.disk),
		Granted: time.Duration(s.granted) * time.Second, Interval: ms(s.rates.interval), Longest: ms(s.rates.longest), Adaptive: ms(s.rates.adaptive),
		CallID: l.callID, Local: l.local, Remote: l.remote, From: l.from, To: l.to, Routes: l.routes, Peer: l.peer, Secure: l.secure, Base: s.base, Has: uint64(s.has)}
	if s.list != nil {
		st.List, st.Members = s.list.uri, s.list.given
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	st.Target, st.Flow, st.Secret, st.RemoteSeq, st.Seq, st.Run = l.target, l.flow.String(), l.secret, l.remoteSeq, l.reserved, n.run
	if l.flow.IsZero() || l.flow.Proto().Stream() {
		st.Flow = "" // a connection ends with the process
	}
	return st
}

// Restore loads what the Store kept, once, when all packages are added and
// before the first request. All that was subscribed is notified. flow revives
// UDP flows. It returns how many subscriptions there are.
func (n *Notifier) Restore(ctx context.Context, flow func(string) (transport.Flow, bool)) (int, error) {
	var list []*subscription
	var gone []int64
	var err error
	if n.run, err = n.cfg.Store.Begin(ctx); err != nil {
		return 0, err
	}
	err = n.cfg.Store.Load(ctx, func(st Stored) {
		n.rows.Store(max(n.rows.Load(), st.Row))
		if s := n.revive(&st, flow); s != nil {
			list = append(list, s)
		} else {
			gone = append(gone, st.Row)
		}
	})
	if err != nil {
		return 0, err
	}
	now := time.Now().UnixMilli()
	for _, s := range list {
		sh := s.topic.shard
		sh.mu.Lock()
		s.topic.add(s)
		if s.reason != "" {
			gone = append(gone, s.row)
		}
		s.touch(now, true)
		wake := s.topic.wake()
		sh.mu.Unlock()
		n.queue.put(wake)
		if s.list != nil {
			n.connect(s, s.list.members)
			n.kept.enter(s)
		}
	}
	for _, row := range gone {
		_ = n.cfg.Store.Delete(row, func(error) {}) // the next start tries again
	}
	return len(list), nil
}

// revive makes a subscription of what was kept; nil when its package is gone.
func (n *Notifier) revive(st *Stored, flow func(string) (transport.Flow, bool)) *subscription {
	p := n.packages[st.Package]
	if p == nil {
		n.cfg.Log.Warn("a subscription is dropped, its event package is gone", "aor", string(st.Watcher), "package", st.Package)
		return nil
	}
	s := newSubscription()
	s.leg = n.legs.Find([]byte(st.CallID), []byte(st.Local), []byte(st.Remote))
	if s.leg == nil {
		s.leg = &leg{peer: strings.Clone(st.Peer), secure: st.Secure, secret: st.Secret, remoteSeq: st.RemoteSeq}
		s.leg.read(st)
		if f, ok := flow(st.Flow); ok {
			s.leg.flow = f
		}
		n.legs.Enter(s.leg)
	}
	if seq := st.Seq + (n.run-st.Run-1)*reserve; seq >= s.leg.seq {
		s.leg.seq, s.leg.reserved = seq, seq+reserve
	}
	s.leg.join(s)
	s.row, s.id, s.proved, s.base = st.Row, strings.Clone(st.EventID), st.Proved, st.Base
	s.has = condition(st.Has)
	s.kind, _ = p.kind([]byte(st.Type))
	s.granted = uint32(st.Granted / time.Second)
	s.rates = rates{uint32(st.Interval.Milliseconds()), uint32(st.Longest.Milliseconds()), uint32(st.Adaptive.Milliseconds())}
	s.until, s.disk = st.Until.UnixMilli(), st.Until.UnixMilli()
	s.user, _ = n.users.take(st.Watcher, 0)
	n.total.Add(1)
	k := key{st.Resource, p}
	if st.List != "" {
		k.resource = rtc.AOR("list " + s.leg.local)
		s.list = newList(st.List, st.Resource, st.Members)
	}
	sh := n.shardOf(k)
	sh.mu.Lock()
	s.topic = sh.topicOf(n, k)
	sh.mu.Unlock()
	n.admitAgain(s, st)
	return s
}

// admitAgain asks whether a subscription may go on after a restart: users may have been
// changed while no server ran.
func (n *Notifier) admitAgain(s *subscription, st *Stored) {
	if s.reason = n.stands(s); s.reason != "" {
		return
	}
	if s.list != nil {
		n.fillAgain(s, st)
		return
	}
	if !n.isThere(s.topic) {
		s.reason = "noresource"
		return
	}
	g, err := s.topic.pkg.Authorise(n.ask(s.topic, s))
	switch {
	case err != nil:
		s.reason = "rejected"
	case g.Rejected != "":
		s.reason = g.Rejected
	}
	s.pending, s.view = g.Pending, g.View
}

// isThere reports whether what a topic is about is there. A user who is disabled is.
func (n *Notifier) isThere(t *topic) bool {
	if n.cfg.Known == nil || n.cfg.Known(t.resource) {
		return true
	}
	if t.pkg.Resource == nil {
		return false
	}
	_, ok := t.pkg.Resource(t.resource)
	return ok
}

// fillAgain finds the members of a list after a restart.
func (n *Notifier) fillAgain(s *subscription, st *Stored) {
	if len(st.Members) > 0 {
		n.fill(s, st.Members)
		return
	}
	if n.cfg.Lists == nil || !n.cfg.Lists.Known(st.Resource, st.Package, st.Watcher) {
		s.reason = "noresource"
		return
	}
	members, err := n.membersOf(st.Resource, st.Watcher)
	if err != nil {
		n.cfg.Log.Warn("a list cannot be read; its subscriber is told to subscribe anew", "aor", string(st.Resource), "err", err)
		s.reason = "deactivated"
		return
	}
	n.fill(s, members)
}
