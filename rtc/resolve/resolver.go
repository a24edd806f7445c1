package resolve

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"tandem/rtc/sip"
	"tandem/rtc/transport"
)

// What a Lookup may fail with; test with errors.Is.
var (
	ErrNotFound  = errors.New("no address for this destination")        // DNS is sure of it
	ErrTemporary = errors.New("no DNS server answered")                 // may go better later
	ErrTransport = errors.New("no transport of ours fits the URI")      // also sips over UDP
	ErrURI       = errors.New("not a URI that names a host")            // tel:, other schemes, bad names
	ErrBusy      = errors.New("too many look-ups are waiting")          // the queue is full
	ErrClosed    = errors.New("resolver has ended")                     // Run returned
	errBudget    = errors.New("destination needs too many DNS queries") // hostile or broken zone
)

// Candidate is one place to send a request to.
type Candidate struct {
	Target   transport.Target
	Explicit bool // the URI names the transport
	// Race: it stands in front of the same place by UDP, which is tried next unless
	// this one has connected within Patience.
	Race  bool
	large bool // the request is
}

// Config of a Resolver. Zero values take the defaults.
type Config struct {
	Servers  []string          // DNS servers, host:port, asked in order; empty = /etc/resolv.conf
	Hosts    string            // hosts file read once by New; "" = /etc/hosts, "-" = none
	Timeout  time.Duration     // of one DNS query, default 2 s; a whole Lookup ends within five times that
	MaxCache int               // record sets cached, default 10000
	MaxQueue int               // look-ups waiting or running, default 10000
	Workers  int               // look-ups asking DNS at once, default 256
	NoIPv6   bool              // use no IPv6 addresses of names
	Protos   []transport.Proto // what can be sent by; empty = UDP, TCP, TLS
	// Probe asks whether a place that did not answer does so again; done is called
	// once, from anywhere. nil: it is tried again with a request.
	Probe  func(t transport.Target, done func(alive bool))
	Log    *slog.Logger
	Now    func() time.Time // clock of cache and failures; nil = time.Now
	Random func(n int) int  // 0 ≤ x < n for SRV weights; nil = math/rand
}

// Resolver finds candidates. Its methods may be called from any goroutine.
type Resolver struct {
	cfg     Config
	protos  [8]bool
	hosts   map[string][]netip.Addr
	servers []string
	good    atomic.Int32 // index of the server that answered last
	cache   *cache
	failed  *failures
	byUDP   habits
	jobs    chan *flight
	nudge   chan struct{} // something is settled

	mu      sync.Mutex // guards what follows
	flights map[question]*flight
	waiting int
	settled []settled
	closed  bool
}

// flight is one resolution and everybody who waits for it.
type flight struct {
	q       question
	waiters []func([]Candidate, error)
}

// settled is a look-up that needs no DNS server any more.
type settled struct {
	done  func([]Candidate, error)
	cands []Candidate
	err   error
}

// New makes a resolver; Run makes it work.
func New(cfg Config) *Resolver {
	cfg = withDefaults(cfg)
	r := &Resolver{
		cfg:     cfg,
		servers: cfg.Servers,
		hosts:   readHosts(cfg.Hosts, cfg.NoIPv6),
		cache:   newCache(cfg.MaxCache, cfg.Now),
		failed:  newFailures(cfg.Now),
		jobs:    make(chan *flight, cfg.MaxQueue),
		nudge:   make(chan struct{}, 1),
		flights: make(map[question]*flight),
	}
	if len(r.servers) == 0 {
		r.servers = systemServers(cfg.Log)
	}
	for _, p := range cfg.Protos {
		r.protos[p&7] = true
	}
	return r
}

func withDefaults(cfg Config) Config {
	if cfg.Timeout <= 0 {
		cfg.Timeout = 2 * time.Second
	}
	if cfg.MaxCache <= 0 {
		cfg.MaxCache = 10000
	}
	if cfg.MaxQueue <= 0 {
		cfg.MaxQueue = 10000
	}
	if cfg.Workers <= 0 {
		cfg.Workers = 256 // many, as those for a dead zone take up theirs for long
	}
	if len(cfg.Protos) == 0 {
		cfg.Protos = []transport.Proto{transport.UDP, transport.TCP, transport.TLS}
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Random == nil {
		cfg.Random = rand.IntN
	}
	return cfg
}

// Lookup resolves uri and calls done once, from another goroutine, with the
// candidates in the order to try or with an error. It does not block and
// copies what it needs of uri. What the cache knows waits for nobody; look-ups
// for the same place that wait together share one resolution. Before Run begins
// they wait for it.
func (r *Resolver) Lookup(uri sip.URI, done func([]Candidate, error)) {
	q, err := r.question(uri)
	known := err != nil
	var cands []Candidate
	if !known {
		cands, known, err = r.known(q)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.closed:
		go done(nil, ErrClosed) // Run has ended, nobody else is left to say it
	case known:
		r.settle(settled{done, cands, err})
	case r.waiting >= r.cfg.MaxQueue:
		r.settle(settled{done, nil, ErrBusy})
	default:
		r.waiting++
		if f := r.flights[q]; f != nil {
			f.waiters = append(f.waiters, done)
			return
		}
		f := &flight{q: q, waiters: []func([]Candidate, error){done}}
		r.flights[q] = f
		r.jobs <- f // never blocks: its room is MaxQueue, and each flight has a waiter
	}
}

// settle leaves a call of done to Run; r.mu is held.
func (r *Resolver) settle(s settled) {
	r.settled = append(r.settled, s)
	select {
	case r.nudge <- struct{}{}:
	default:
	}
}

// ErrUnavailable is the 503 of a place that answers.
var ErrUnavailable = errors.New("503 Service Unavailable")

// Failed notes that a candidate gave 503 (ErrUnavailable), a timeout or a
// connection failure: until its back-off (2 s, doubling up to 64 s; retryAfter when
// that is longer, at most ten minutes) is over it stands behind all others (RFC 3263
// §4.3). One that did not answer stays there until it answers Config.Probe.
func (r *Resolver) Failed(c Candidate, err error, retryAfter time.Duration) {
	silent := r.cfg.Probe != nil && !errors.Is(err, ErrUnavailable)
	wait, fresh := r.failed.add(c.Target, retryAfter, silent)
	if fresh {
		r.cfg.Log.Warn("destination failed", "peer", c.Target.Addr.String(), "proto", c.Target.Proto.Param(), "err", err, "dur", wait)
	}
}

// Succeeded forgets that a candidate failed.
func (r *Resolver) Succeeded(c Candidate) {
	r.failed.remove(c.Target)
	if c.large {
		r.byUDP.note(c.Target)
	}
}

// Run works on look-ups until ctx ends; those still waiting then get ErrClosed.
func (r *Resolver) Run(ctx context.Context) error {
	var g errgroup.Group
	g.SetLimit(r.cfg.Workers + 2)
	g.Go(func() error { return r.tellSettled(ctx) })
	g.Go(func() error { return r.probeFailed(ctx) })
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case f := <-r.jobs:
			g.Go(func() error { // waits for room
				cands, err := r.resolve(ctx, f.q)
				r.land(f, cands, err)
				return nil
			})
		}
	}
	err := g.Wait()
	r.close()
	return err
}

// land ends a flight. Everyone gets a list of his own.
func (r *Resolver) land(f *flight, cands []Candidate, err error) {
	r.mu.Lock()
	delete(r.flights, f.q)
	r.waiting -= len(f.waiters)
	r.mu.Unlock()
	last := len(f.waiters) - 1
	for _, done := range f.waiters[:last] {
		done(slices.Clone(cands), err)
	}
	f.waiters[last](cands, err)
}

func (r *Resolver) tellSettled(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-r.nudge:
			for _, x := range r.takeSettled() {
				x.done(x.cands, x.err)
			}
		}
	}
}

func (r *Resolver) takeSettled() []settled {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := r.settled
	r.settled = nil
	return list
}

func (r *Resolver) close() {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	for _, x := range r.takeSettled() {
		x.done(x.cands, x.err)
	}
	for {
		select {
		case f := <-r.jobs:
			r.land(f, nil, ErrClosed)
		default:
			return
		}
	}
}
