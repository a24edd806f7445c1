package event

import (
	"context"
	"errors"
	"hash/maphash"
	"log/slog"
	"math"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"tandem/rtc"
	"tandem/rtc/dialog/table"
	"tandem/rtc/internal/keyed"
	"tandem/rtc/reach"
	"tandem/rtc/resolve"
	"tandem/rtc/sip"
	"tandem/rtc/transaction"
	"tandem/rtc/transport"
	"tandem/rtc/uac"
)

// Users says which addresses are ours and whose they are.
type Users interface {
	// Ours reports whether host and port are a domain or an address of this server.
	Ours(host []byte, port uint16) bool
	// Resolve finds a user by address-of-record or alias.
	Resolve(address rtc.AOR) (rtc.AOR, bool)
}

// Config of a Notifier. Zero limits take the defaults.
type Config struct {
	Store    Store
	Users    Users
	Layer    *transaction.Layer
	Wire     uac.Wire
	Resolver *resolve.Resolver
	Permit   func(peer string, to netip.AddrPort) error // as in uac.Config
	Chosen   func(by, to netip.AddrPort) error          // the same; a subscriber's Contact is his choice
	// GRUU finds whose device a GRUU of ours means; Reach then finds the way to it.
	GRUU  func(uri sip.URI) (aor rtc.AOR, instance string, ok bool)
	Reach *reach.Reach
	// Demand asks a sender for credentials, see auth.Gate.
	Demand func(r *rtc.Request) *rtc.Status
	// Known reports whether there is a user, shut out or not; nil: there are all. Stands
	// says why somebody who proved who he is may not go on watching, in a reason of RFC
	// 6665 §4.1.3, "" when he may; secret is as in rtc.Identity. nil: everybody may. They
	// are asked after a restart, and Stands by Recheck.
	Known  func(user rtc.AOR) bool
	Stands func(watcher rtc.AOR, secret int64) (reason string)
	// Shape writes a NOTIFY in the form that the phone of a watcher needs, by the flow
	// it leaves by, and returns it as it is when nothing has to change; nil: for nobody.
	Shape func(watcher rtc.AOR, f transport.Flow, message []byte) []byte
	Lists Lists  // that are kept elsewhere; nil: there are none
	Key   []byte // secret octets that survive a restart

	Total       int // subscriptions in all, default 1,000,000
	PerUser     int // subscriptions of one watcher, those within lists not counted, default 1,000
	PerResource int // subscriptions to one resource of one package, those within lists counted, default 10,000
	PerList     int // members of a list, those of lists in it counted, default 2,000; of all lists of a watcher twenty times as many
	UnderWay    int // NOTIFYs of the last half second without an answer, default 512; more wait
	Workers     int // default 2
	Log         *slog.Logger
}

// Notifier is the handler for SUBSCRIBE.
type Notifier struct {
	cfg      Config
	packages map[string]*Package
	allow    string // value of Allow-Events
	watchers []func(Change)
	client   *uac.Client
	seed     maphash.Seed
	tags     *keyed.Check
	checks   *keyed.Check // of tags
	shards   [shards]shard
	legs     *table.Table[*leg]
	users    users
	queue    queue
	alarm    *alarm
	kept     kept
	arrivals sync.Pool // of *arrival
	total    atomic.Int64
	rows     atomic.Int64 // last one given to a subscription
	run      uint32       // of the server, see Store.Begin
	stats    stats
	draining atomic.Bool
}

// Change is told of a subscription that began, changed its state or ended.
type Change struct {
	Subscription
	Event string // as in watcher information: subscribe, approved, deactivated, probation, rejected, timeout, giveup, noresource (RFC 3857 §4.7.1)
}

// New makes a notifier without packages.
func New(cfg Config) *Notifier {
	or := func(v *int, or int) {
		if *v <= 0 {
			*v = or
		}
	}
	or(&cfg.Total, 1_000_000)
	or(&cfg.PerUser, 1_000)
	or(&cfg.PerResource, 10_000)
	or(&cfg.PerList, 2_000)
	or(&cfg.UnderWay, 512)
	or(&cfg.Workers, 2)
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	n := &Notifier{cfg: cfg, alarm: newAlarm(), packages: make(map[string]*Package), seed: maphash.MakeSeed(),
		tags: keyed.New(cfg.Key, "event tag"), checks: keyed.New(cfg.Key, "event check"),
		client: uac.New(uac.Config{Layer: cfg.Layer, Wire: cfg.Wire, Resolver: cfg.Resolver, Permit: cfg.Permit, Chosen: cfg.Chosen, Log: cfg.Log})}
	for i := range n.shards {
		n.shards[i].topics, n.shards[i].alarm = make(map[key]*topic), n.alarm
	}
	n.arrivals.New = n.newArrival
	n.kept.subs = make(map[rtc.AOR]map[*subscription]struct{})
	n.legs = table.New(func(l *leg) (callID, local, remote string) { return l.callID, l.local, l.remote })
	n.users.init()
	n.queue.init(cfg.UnderWay, n.alarm)
	return n
}

// Add plugs in a package. All packages are added before Restore and the first
// request.
func (n *Notifier) Add(p Package) {
	p.complete()
	n.packages[p.Name] = &p
	var names []string
	for name := range n.packages {
		names = append(names, name)
	}
	slices.Sort(names)
	n.allow = strings.Join(names, ", ")
}

// Allowed are the names of the packages, as the value of Allow-Events.
func (n *Notifier) Allowed() string { return n.allow }

// Watch has f told of subscriptions that begin, change or end. It must not block
// and may be on a transaction lane. Watch is called before the first request.
func (n *Notifier) Watch(f func(Change)) { n.watchers = append(n.watchers, f) }

func (n *Notifier) tell(s Subscription, event string) {
	for _, f := range n.watchers {
		f(Change{s, event})
	}
}

// Run sends until ctx ends.
func (n *Notifier) Run(ctx context.Context) error {
	stop := n.queue.closeWith(ctx)
	defer stop()
	var all sync.WaitGroup
	for range n.cfg.Workers {
		all.Go(n.work)
	}
	all.Go(func() { _ = n.client.Run(ctx) })
	n.watchTheClock(ctx)
	all.Wait()
	return nil
}

// watchTheClock does what is due when it is, until ctx ends.
func (n *Notifier) watchTheClock(ctx context.Context) {
	t := time.NewTimer(tick)
	defer t.Stop()
	last := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-n.alarm.bell:
			n.alarm.ticking()
			t.Reset(max(0, tick-time.Since(last)))
		case last = <-t.C:
			n.queue.age()
			n.alarm.open()
			first := n.sweep(last.UnixMilli())
			if n.queue.underWay() > 0 {
				first = 0
			}
			t.Reset(n.alarm.sleep(first, last.UnixMilli()))
		}
	}
}

// sweep does what is due: it ends subscriptions, and sends what was held back. It
// returns when the next thing is due.
func (n *Notifier) sweep(now int64) (first int64) {
	first = math.MaxInt64
	for i := range n.shards {
		first = min(first, n.shards[i].sweep(n, now))
	}
	return first
}

func (s *shard) sweep(n *Notifier, now int64) (first int64) {
	first = math.MaxInt64
	var wake []*topic
	var lost, over []*subscription
	var told []Subscription
	s.mu.Lock()
	sub := s.due.first()
	for ; sub != nil && sub.due <= now; sub = s.due.first() {
		switch {
		case sub.reason != "" && sub.until <= now:
			s.due.remove(sub)
			lost = append(lost, sub)
		case sub.until <= now:
			reason := "timeout"
			if sub.pending {
				reason = "giveup"
			}
			sub.end(reason, now)
			over, told = append(over, sub), append(told, sub.info())
		case sub.dirty:
			sub.settle(now)
		default:
			sub.touch(now, true) // RFC 6446 §6: nothing was sent for long
		}
		if t := sub.topic.wake(); t != nil {
			wake = append(wake, t)
		}
	}
	if sub != nil {
		first = sub.due
	}
	s.mu.Unlock()
	for _, t := range wake {
		n.queue.put(t)
	}
	for i, sub := range over {
		n.ended(sub, told[i])
	}
	for _, sub := range lost {
		n.forget(sub)
	}
	return first
}

// drainAhead is how many subscriptions Drain ends before it waits until their
// subscribers have answered: they are deleted from the disk as well, and its
// queue is bounded.
const drainAhead = 4096

// Drain ends all subscriptions as "deactivated", so that their subscribers
// subscribe again at once, at another server (RFC 6665 §4.4.2); here they are
// answered 503 from then on. It returns when all have been told, or ctx ends, and
// how many were left then.
func (n *Notifier) Drain(ctx context.Context) (left int) {
	n.draining.Store(true)
	t := time.NewTicker(tick)
	defer t.Stop()
	ended, all := 0, n.Active()
	for i := range n.shards {
		s := &n.shards[i]
		s.mu.Lock()
		var subs []*subscription
		for _, t := range s.topics {
			subs = append(subs, t.subs...)
		}
		s.mu.Unlock()
		for _, sub := range subs {
			for n.Active() > all-ended+drainAhead {
				select {
				case <-ctx.Done():
					return n.Active()
				case <-t.C:
				}
			}
			if sub.parent == nil {
				n.endOne(sub, "deactivated")
				ended++
			}
		}
	}
	for n.Active() > 0 {
		select {
		case <-ctx.Done():
			return n.Active()
		case <-t.C:
		}
	}
	return 0
}

// Farewell waits until every subscriber whose subscription is over has answered its last
// NOTIFY, or ctx ends.
func (n *Notifier) Farewell(ctx context.Context) {
	t := time.NewTicker(tick / 10)
	defer t.Stop()
	for n.ending() {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}

// ending reports whether some subscriber has not answered its last NOTIFY yet.
func (n *Notifier) ending() bool {
	for i := range n.shards {
		s := &n.shards[i]
		s.mu.Lock()
		for _, t := range s.topics {
			if slices.ContainsFunc(t.subs, func(sub *subscription) bool { return sub.reason != "" && sub.parent == nil }) {
				s.mu.Unlock()
				return true
			}
		}
		s.mu.Unlock()
	}
	return false
}

// Active is how many subscriptions there are.
func (n *Notifier) Active() int { return int(n.total.Load()) }

// List returns the subscriptions that keep says true for, at most most of them.
func (n *Notifier) List(most int, keep func(*Subscription) bool) (list []Subscription) {
	for i := range n.shards {
		s := &n.shards[i]
		s.mu.Lock()
		for _, t := range s.topics {
			for _, sub := range t.subs {
				if len(list) == most {
					break
				}
				if info := sub.info(); keep(&info) {
					list = append(list, info)
				}
			}
		}
		s.mu.Unlock()
	}
	return list
}

// Watchers are the subscriptions to a resource of a package.
func (n *Notifier) Watchers(resource rtc.AOR, pkg string) (list []Subscription) {
	p := n.packages[pkg]
	if p == nil {
		return nil
	}
	k := key{resource, p}
	s := n.shardOf(k)
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.topics[k]; t != nil {
		for _, sub := range t.subs {
			list = append(list, sub.info())
		}
	}
	return list
}

// errUnknown says that there is no such subscription.
var errUnknown = errors.New("no such subscription")
