// Package registrar answers REGISTER (RFC 3261 §10.3, RFC 3327 Path, RFC 3608
// Service-Route, RFC 5626 outbound, RFC 5627 GRUU).
//
// It reads a request into drafts of bindings, gives the location one pure
// function that applies them all or none, and answers when the location says
// that the outcome is on disk. The numbers of the steps of §10.3 stand where
// they are taken; steps 3 and 4, who it is and whether they may, are the
// gate's.
//
// Contacts are kept as they came: the 200 lists every one byte-exact, but for
// its expires, and what the GRUU extension adds.
package registrar

import (
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"tandem/rtc"
	"tandem/rtc/directory"
	"tandem/rtc/internal/tally"
	"tandem/rtc/location"
	"tandem/rtc/sip"
	"tandem/rtc/transport"
)

// Users says which domains are ours and who is in them.
type Users interface {
	// Domain reports whether host is a domain of ours, in any case of letters.
	Domain(host []byte) bool
	// Resolve finds a user by address-of-record or alias. It must not keep address.
	Resolve(address rtc.AOR) (directory.User, bool)
}

// Config of a Registrar. Zero values take the defaults.
type Config struct {
	Location *location.Location
	Users    Users
	Log      *slog.Logger

	// Domain is the one meant when a request names one of our addresses instead
	// of a domain, and Local tells whether it does; nil = never.
	Domain string
	Local  func(host []byte, port uint16) bool

	MinExpires     time.Duration // shorter wishes get 423, default 60 s
	MaxExpires     time.Duration // longer wishes are cut, default 1 h
	DefaultExpires time.Duration // without a wish, default 1 h
	// NATExpires is the most a phone behind a translator gets over UDP, so that
	// its refreshes keep the way open; 0 = as others.
	NATExpires time.Duration
	// ConnExpires is the most a phone gets that is reached by its connection: when that
	// is lost, it cannot be called until it registers again. Phones that keep their
	// flow alive (RFC 5626) notice by themselves and get MaxExpires; 0 = so do others.
	ConnExpires time.Duration
	// Jitter is the largest part of an interval that is taken off it at random,
	// so that phones that started together do not come back together; 0 = a
	// tenth, negative = none.
	Jitter      float64
	MaxBindings int // of one address-of-record, default 10, at most 64

	ServiceRoute string        // value of Service-Route, "" = none (RFC 3608)
	FlowTimer    time.Duration // told to phones that use outbound, default 120 s (RFC 5626 §4.4.1)
	GRUU         *location.GRUU
}

// maxBindings is what the bit masks of a change can tell apart.
const maxBindings = 64

// Registrar is the handler for REGISTER.
type Registrar struct {
	cfg   Config
	loc   *location.Location
	users Users
	log   *slog.Logger
	jobs  sync.Pool
	date  dateLine
	stats tally.Board
	made  atomic.Uint32 // jobs
}

// What is counted, in the order of Stats.
const (
	countedBound = iota
	countedRefreshed
	countedRemoved
	countedFetched
	countedRefused
	countedFailed
)

// Stats are counters since start, of requests.
type Stats struct {
	Bound     uint64 // made or changed a binding
	Refreshed uint64 // changed only times
	Removed   uint64 // removed bindings and made none
	Fetched   uint64 // changed nothing
	Refused   uint64 // answered with an error by the rules
	Failed    uint64 // could not be stored
}

// Stats since start.
func (g *Registrar) Stats() Stats {
	b := &g.stats
	return Stats{Bound: b.Sum(countedBound), Refreshed: b.Sum(countedRefreshed), Removed: b.Sum(countedRemoved),
		Fetched: b.Sum(countedFetched), Refused: b.Sum(countedRefused), Failed: b.Sum(countedFailed)}
}

// New makes a registrar.
func New(cfg Config) *Registrar {
	def := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	def(&cfg.MinExpires, time.Minute)
	def(&cfg.MaxExpires, max(time.Hour, cfg.MinExpires))
	def(&cfg.DefaultExpires, cfg.MaxExpires)
	def(&cfg.FlowTimer, 2*time.Minute)
	if cfg.Jitter == 0 {
		cfg.Jitter = 0.1
	}
	if cfg.MaxBindings <= 0 {
		cfg.MaxBindings = 10
	}
	cfg.MaxBindings = min(cfg.MaxBindings, maxBindings)
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	g := &Registrar{cfg: cfg, loc: cfg.Location, users: cfg.Users, log: cfg.Log}
	g.jobs.New = func() any { return newJob(g) }
	return g
}

// Serve implements rtc.Handler.
func (g *Registrar) Serve(r *rtc.Request) error {
	if r.Method() != sip.REGISTER {
		return rtc.Next
	}
	return g.serve(r.Message, r.Identity, r.Flow(), r.Tx, r.Tx.Lane())
}

// responder sends the answer to one request; lane is how to reach it later.
type responder interface{ Respond(code int, b []byte) }
type lane interface{ Soon(f func()) }

func (g *Registrar) serve(m *sip.Message, id *rtc.Identity, flow transport.Flow, tx responder, ln lane) error {
	uri, err := m.Target()
	// §10.3 step 1: a domain that is not ours is the proxy's matter.
	if err != nil || uri.Kind != sip.URISIP && uri.Kind != sip.URISIPS || !g.ours(uri) {
		return rtc.Next
	}
	j := g.jobs.Get().(*job)
	j.m, j.id, j.flow, j.tx, j.lane, j.now = m, id, flow, tx, ln, m.Arrived()
	if st := j.read(); st != nil {
		return j.refuse(st)
	}
	return j.run()
}

func (j *job) refuse(st *rtc.Status) error {
	j.stats.Add(countedRefused)
	j.free()
	return st
}

func (g *Registrar) ours(u sip.URI) bool {
	return g.users.Domain(u.Host) || g.cfg.Local != nil && g.cfg.Local(u.Host, u.Port)
}

// longest is the most a contact gets. nat: a translator stands before the phone;
// conn: it is reached by the connection it came by.
func (g *Registrar) longest(nat, conn bool) time.Duration {
	most := g.cfg.MaxExpires
	if nat && g.cfg.NATExpires > 0 {
		most = min(most, max(g.cfg.NATExpires, g.cfg.MinExpires))
	}
	if conn && g.cfg.ConnExpires > 0 {
		most = min(most, max(g.cfg.ConnExpires, g.cfg.MinExpires))
	}
	return most
}

// grant is how long a binding lives for which asked was asked: not longer,
// and, unless asked is, not shorter than MinExpires.
func (g *Registrar) grant(asked, most time.Duration) time.Duration {
	d := min(asked, most)
	if room := d - g.cfg.MinExpires; room > 0 && g.cfg.Jitter > 0 {
		d -= rand.N(min(room, time.Duration(float64(d)*g.cfg.Jitter)) + 1)
	}
	return d.Truncate(time.Second)
}
