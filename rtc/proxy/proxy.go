// Package proxy forwards requests (RFC 3261 §16): it is the stateful, forking proxy of
// the server and the last of its handlers.
//
// It owns the response context of every request under way (the branches, their
// responses, and which one is the best), the static routes, and the marks it leaves in
// messages: branch, Record-Route, flow token. It does not authenticate, keeps no users
// and no bindings, resolves no names and opens no sockets: it uses the small interfaces
// of Config for that.
//
// A forwarded message is the received one with splices (sip.Edit); nothing is rendered
// again.
package proxy

import (
	"context"
	"crypto/rand"
	"hash/maphash"
	"log/slog"
	"sync/atomic"
	"time"

	"tandem/rtc"
	"tandem/rtc/internal/keyed"
	"tandem/rtc/internal/tally"
	"tandem/rtc/peers"
	"tandem/rtc/reach"
	"tandem/rtc/resolve"
	"tandem/rtc/sip"
	"tandem/rtc/transport"
)

// Transport is what the proxy needs of the transport.
type Transport interface {
	Listeners() []*transport.Listener
	Flow(to transport.Target) (transport.Flow, error)
	FlowByID(id uint64) (transport.Flow, bool)
	IsLocal(host []byte, port uint16) bool
	Own(transport.Target) bool
}

// Resolver finds next hops (RFC 3263).
type Resolver interface {
	Numeric(dst []resolve.Candidate, uri sip.URI) ([]resolve.Candidate, bool)
	peers.Resolver
	// Large reorders the candidates for a request of size octets (RFC 3261 §18.1.1).
	Large(cands []resolve.Candidate, size int) []resolve.Candidate
	// Down reports whether all candidates of a URI have recently failed to answer.
	Down(uri sip.URI) bool
	Failed(c resolve.Candidate, err error, retryAfter time.Duration)
	Succeeded(c resolve.Candidate)
}

// Users tells which domains and addresses are ours.
type Users interface {
	// Domain reports whether host is a domain of ours, in any case of letters.
	Domain(host []byte) bool
	// Resolve returns the address-of-record of the user with this address-of-record or
	// alias. It must not keep address.
	Resolve(address rtc.AOR) (rtc.AOR, bool)
}

// Recursion says which redirections (3xx) the proxy follows itself.
type Recursion uint8

const (
	RecurseNever   Recursion = iota // the caller gets the 3xx
	RecurseDomains                  // contacts in domains of ours are tried by the proxy
)

// Config of a Proxy. Zero numbers take the defaults.
type Config struct {
	Transport Transport
	Resolver  Resolver
	Reach     *reach.Reach // the devices of users
	Users     Users
	Peers     *peers.Table // checks each address that a copy goes to; nil = only the next hops of Routes
	Routes    *Routes      // static routes; nil = none
	Log       *slog.Logger

	// Domain is used when a Request-URI has one of our addresses instead of a domain
	// ("sip:alice@192.0.2.1").
	Domain string
	// Key signs flow tokens and Record-Route: 32 secret octets. It should survive a
	// restart, otherwise requests in older dialogs are refused. nil = random.
	Key []byte
	// TempGRUU returns the address-of-record and +sip.instance of a temporary GRUU of
	// ours (RFC 5627 §3.1.2); nil = we issue none.
	TempGRUU func(uri sip.URI) (aor rtc.AOR, instance string, ok bool)

	// Demand returns the response that asks the sender of an in-dialog request for
	// credentials, when it may not be relayed without (auth.Gate has it); nil = 403.
	Demand func(r *rtc.Request) *rtc.Status

	// Shape rewrites a request for the device that registered with that device secret,
	// or returns it unchanged. It is called for requests outside dialogs. nil = no
	// changes.
	Shape func(device string, p transport.Proto, message []byte) []byte

	// Events returns the event packages that can be subscribed to, as the value of
	// Allow-Events; nil = no such header.
	Events func() string

	// Hunt returns the servers of a service that an address of ours names. It returns
	// neither a Hunt nor an error for any other address. nil = there are no services.
	Hunt func(r *rtc.Request, uri sip.URI) (*Hunt, error)

	// DiversionOfUsers passes on the Diversion and History-Info headers of users;
	// otherwise only those of peers whose assertions are believed pass.
	DiversionOfUsers bool

	Recursion Recursion
	MaxForks  int // branches of one request, default 20
	// Failover is how long a next hop may leave an INVITE without any response, 100
	// included, while there is another hop to try; default 4 s.
	Failover time.Duration
	TimerC   time.Duration // how long an INVITE may ring without news, default 185 s (RFC 3261 §16.6: above 3 min)
	// LateTrying leaves the 100 to the transaction, which sends it after 200 ms without
	// a response (RFC 3261 §17.2.1). Otherwise the proxy sends it at once.
	LateTrying bool
}

// Proxy forwards the requests that no handler before it has taken.
type Proxy struct {
	cfg    Config
	tr     Transport
	res    Resolver
	users  Users
	log    *slog.Logger
	peers  *peers.Table
	routes atomic.Pointer[Routes]
	key    []byte // of marks
	tokens *keyed.Check
	seed   maphash.Seed // of loop detection
	_      [64]byte     // the fields above are read with every request
	stats  tally.Board
}

// New makes a proxy.
func New(cfg Config) *Proxy {
	if cfg.MaxForks <= 0 {
		cfg.MaxForks = 20
	}
	if cfg.Failover <= 0 {
		cfg.Failover = 4 * time.Second
	}
	if cfg.TimerC <= 0 {
		cfg.TimerC = 185 * time.Second
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if len(cfg.Key) == 0 {
		cfg.Key = make([]byte, 32)
		rand.Read(cfg.Key) // never fails
	}
	if cfg.Peers == nil {
		cfg.Peers = peers.New(cfg.Resolver, cfg.Log)
	}
	p := &Proxy{cfg: cfg, tr: cfg.Transport, res: cfg.Resolver, users: cfg.Users,
		log: cfg.Log, peers: cfg.Peers, key: cfg.Key, tokens: keyed.New(cfg.Key, "flow token"), seed: maphash.MakeSeed()}
	p.SetRoutes(cfg.Routes)
	return p
}

// SetRoutes replaces the static routes; requests under way keep the old ones.
func (p *Proxy) SetRoutes(r *Routes) {
	if r == nil {
		r = new(Routes)
	}
	p.routes.Store(r)
	p.peers.Set("routes", r.hosts())
}

// Routes returns the static routes in use.
func (p *Proxy) Routes() *Routes { return p.routes.Load() }

// Serve implements rtc.Handler. It takes every request.
func (p *Proxy) Serve(r *rtc.Request) error {
	switch r.Method() {
	case sip.ACK:
		p.ack(r)
		return nil
	case sip.CANCEL:
		return &rtc.Status{Code: 481} // no INVITE matched it (RFC 3261 §9.2)
	}
	var pl plan
	if err := p.validate(r, &pl); err != nil { // §16.3
		return err
	}
	if err := p.preprocess(r.Message, &pl); err != nil { // §16.4
		return err
	}
	if r.IsPing() && pl.next == nil && p.isSelf(pl.uri) {
		p.options(r)
		return nil
	}
	return p.begin(r, &pl)
}

// Stray implements the rest of transaction.TU: a response that matches no branch is
// dropped (RFC 6026).
func (p *Proxy) Stray(_ transport.Sink, f transport.Flow, m *sip.Message) {
	p.count(countedStrays)
	if p.debug() {
		p.log.Debug("stray response dropped", "call_id", string(m.CallID()), "code", m.StatusCode(), "peer", f.Remote.String())
	}
}

func (p *Proxy) debug() bool { return p.log.Enabled(context.Background(), slog.LevelDebug) }
