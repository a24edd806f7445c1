// Package server puts the rooms together to one running server: it reads the
// configuration, opens store and sockets, wires the handlers in one visible
// order (routes.go), and starts and ends everything.
//
// It makes no SIP decision of its own.
package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"tandem/cmd/tandem/api"
	"tandem/cmd/tandem/api/admin"
	"tandem/cmd/tandem/api/front"
	apipint "tandem/cmd/tandem/api/pint"
	apipresence "tandem/cmd/tandem/api/presence"
	"tandem/cmd/tandem/certs"
	"tandem/cmd/tandem/config"
	"tandem/cmd/tandem/datafolder"
	"tandem/cmd/tandem/dialroom"
	"tandem/cmd/tandem/lamps"
	"tandem/cmd/tandem/people"
	"tandem/cmd/tandem/phoneroom"
	"tandem/cmd/tandem/process"
	"tandem/cmd/tandem/web"
	"tandem/gateways"
	"tandem/gateways/registration"
	"tandem/media"
	"tandem/media/relay"
	"tandem/rtc"
	"tandem/rtc/auth"
	"tandem/rtc/contacts"
	"tandem/rtc/contacts/services"
	"tandem/rtc/directory"
	directorystore "tandem/rtc/directory/sqlstore"
	"tandem/rtc/event"
	"tandem/rtc/im"
	"tandem/rtc/location"
	locationstore "tandem/rtc/location/sqlstore"
	"tandem/rtc/peers"
	"tandem/rtc/policy"
	"tandem/rtc/policy/consent"
	"tandem/rtc/presence"
	"tandem/rtc/proxy"
	"tandem/rtc/qualify"
	"tandem/rtc/reach"
	"tandem/rtc/registrar"
	"tandem/rtc/resolve"
	"tandem/rtc/store"
	"tandem/rtc/trace"
	"tandem/rtc/transaction"
	"tandem/rtc/transport"
	"tandem/rtc/transport/sieve"
	"tandem/telephony"
	"tandem/telephony/cdr"
	"tandem/telephony/group"
	"tandem/telephony/routing"
	"tandem/telephony/settings"
)

// Server is one running server. Make it with New, run it with Run.
type Server struct {
	cfg     atomic.Pointer[config.Config]
	begun   *config.Config // the configuration started with
	path    string         // of the configuration file, "" for none
	log     *slog.Logger
	level   *slog.LevelVar
	started time.Time
	reload  sync.Mutex
	copying sync.Mutex // one copy of the database at a time
	drain   atomic.Bool

	cert      certs.Certificate
	store     *store.DB
	directory *directory.Directory
	users     people.Users // as the rooms see them
	rules     *people.Rules
	location  *location.Location
	gate      *auth.Gate
	resolver  *resolve.Resolver
	reach     *reach.Reach
	gruu      *location.GRUU
	events    *event.Notifier
	lists     *services.Services // that users keep
	consent   *consent.Book
	presence  *presence.Agent
	prober    *qualify.Prober // nil: phones are not asked whether they are there
	lamps     *lamps.Lamps
	meetings  *meetings
	peers     *peers.Table
	senders   sieve.Senders // whom the kernel lets through when all is too much
	registrar *registrar.Registrar
	proxy     *proxy.Proxy
	trunks    *gateways.Trunks
	lines     *registration.Keeper // registrations with trunks
	dialling  *dialroom.Room
	plans     *routing.Plan // decides where calls go
	numbers   *config.Plans
	countries *dialroom.Countries // how numbers are written in others
	policy    *policy.Engine
	media     *media.Server
	network   relay.Network // of media
	exchange  *telephony.Exchange
	contacts  *contacts.Book
	messages  *im.IM
	records   cdr.Store
	pint      pintRoom
	layer     *transaction.Layer
	transport *transport.Transport
	trace     *trace.Ring
	key       []byte // signs what peers carry for us; it outlives a restart
	traffic   traffic
	state     *admin.State
	phones    *phoneroom.Room
	control   *web.Control
	remote    *web.API
	health    *web.Health
	settings  *settings.Table
	groups    *group.Table
}

// Options are what is not in the configuration file.
type Options struct {
	Path  string         // of the configuration file, read again by Reload
	Log   *slog.Logger   // where to log
	Level *slog.LevelVar // of Log, changed by Reload; may be nil

	// Network is where the ports of media are; nil: the kernel's UDP. Tests in
	// virtual time have one in memory.
	Network relay.Network
}

// New opens the store and all sockets, so that whatever can be wrong with them
// shows before anything is served. Close ends it when Run is never called.
func New(ctx context.Context, cfg config.Config, opt Options) (_ *Server, err error) {
	s := &Server{path: opt.Path, log: opt.Log, level: opt.Level, network: opt.Network, started: time.Now()}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.log = process.Throttled(s.log)
	s.cfg.Store(&cfg)
	s.begun = &cfg
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	process.TuneMemory(&cfg)
	if err := os.MkdirAll(cfg.Data, 0o700); err != nil {
		return nil, fmt.Errorf("making the data folder: %w; data must be a folder this user may write", err)
	}
	datafolder.CheckMode(cfg.Data, s.log)
	if err := s.openState(ctx, &cfg); err != nil {
		return nil, err
	}
	if err := s.openSIP(ctx, &cfg); err != nil {
		return nil, err
	}
	s.exchange.Watch(s.freed)
	operations := s.withCAMARA(s.api().Handler())
	if s.control, err = web.ListenControl(cfg.Socket(), operations); err != nil {
		return nil, err
	}
	guard := &front.Guard{Tokens: s.state.Tokens, Hosts: web.Hosts(&cfg), Origins: cfg.API.Origins, Log: s.log}
	if s.remote, err = web.ListenAPI(&cfg, &s.cert, apipint.Page(s.withDocuments(guard.Handler(operations), &cfg)), s.log); err != nil {
		return nil, err
	}
	if s.health, err = web.ListenHealth(cfg.HTTP.Addr, s.registry(), s.Ready, s.log); err != nil {
		return nil, err
	}
	return s, nil
}

// openState opens what survives a restart.
func (s *Server) openState(ctx context.Context, cfg *config.Config) (err error) {
	if s.store, s.key, err = datafolder.Open(ctx, cfg, s.log); err != nil {
		return err
	}
	s.directory = directory.New(directorystore.New(s.store), cfg.Domains, s.log)
	s.directory.Accept(algorithms(cfg.Auth.Algorithms)...)
	if err := s.directory.Load(ctx); err != nil {
		return err
	}
	process.Release() // what reading took, before the tables of others are made of it
	s.location = location.New(locationstore.New(s.store, s.log), s.log)
	if s.state, err = openAPIState(ctx, cfg, s.store, s.key, s.log); err != nil {
		return err
	}
	s.state.Tokens.Admit(func(user string) bool {
		u, ok := s.directory.User(rtc.AOR(user))
		return ok && u.Enabled
	})
	return nil
}

// openSIP builds the stack from the wire upwards and binds the sockets.
func (s *Server) openSIP(ctx context.Context, cfg *config.Config) error {
	listen, err := s.listeners(cfg)
	if err != nil {
		return err
	}
	s.trace = trace.NewRing(cfg.Trace.Bytes)
	if s.numbers, err = cfg.Numbers.Plans(cfg.Domains); err != nil {
		return err
	}
	s.countries = &dialroom.Countries{World: s.numbers.World}
	s.layer = transaction.New(transaction.Config{
		MaxServer:   cfg.Limits.Transactions,
		Emergency:   config.EmergencyNumbers(s.numbers, cfg.Numbers.Emergency),
		AbsorbBytes: cfg.Limits.AbsorbBytes,
		Pressure:    s.pressure,
		Unsent:      s.unsent,
		Known:       s.knownRequest,
		Log:         s.log,
	})
	s.transport, err = transport.New(transport.Config{
		Listen:        listen,
		Names:         certs.MachineNames(cfg),
		Handler:       flows{s.layer, s.location},
		Log:           s.log,
		ClientTLS:     s.cert.Client(cfg),
		MaxMessage:    cfg.Limits.MessageBytes,
		MaxMultipart:  cfg.Limits.MultipartBytes,
		MaxConns:      process.Connections(cfg, s.log),
		MaxConnsPerIP: cfg.Limits.ConnectionsPerIP,
		Known:         s.known,
		Sieve:         &sieve.Config{Senders: &s.senders, Peers: s.peerNetworks, Begins: letIn()},
		Keep:          s.location.Uses,
		Tap:           s.tap,
	})
	if err != nil {
		return err
	}
	s.layer.SetTransport(s.transport)
	s.users = people.Users{Directory: s.directory, Local: s.transport.IsLocal, Plan: s.numbers.Usual}
	s.resolver = resolve.New(resolve.Config{Servers: cfg.DNS.Servers, Protos: s.protos(), NoIPv6: !s.hasIPv6(), Probe: s.probe, Log: s.log})
	s.peers = peers.New(s.resolver, s.log)
	local, err := config.Prefixes(cfg.Proxy.UsersTo)
	if err != nil {
		return fmt.Errorf("proxy.users_to: %w", err)
	}
	s.peers.AllowLocal(local)
	if _, err := s.location.Restore(s.transport.ParseFlow); err != nil {
		return err
	}
	router, err := s.routes(ctx, cfg)
	if err != nil {
		return err
	}
	s.rememberPhones()
	s.layer.SetTU(router)
	return nil
}

// pressure is the load the transaction layer cannot see: what waits in front of
// the sockets and in front of the disk.
func (s *Server) pressure() float64 { return max(s.transport.Pressure(), s.store.Pressure()) }

// unsent keeps in the trace what did not leave.
func (s *Server) unsent(f transport.Flow, b []byte, why error) {
	if s.cfg.Load().Trace.Bytes > 0 {
		s.trace.Unsent(f, b, why)
	}
}

// flows gives messages to the transaction layer, and the end of a flow to the
// location as well.
type flows struct {
	*transaction.Layer
	location *location.Location
}

// FlowClosed implements transport.Handler.
func (f flows) FlowClosed(fl transport.Flow) {
	f.Layer.FlowClosed(fl)
	f.location.FlowClosed(fl)
}

// Reload reads the configuration file again and applies what can change while
// calls go on: certificates, static routes, log level. The error names what is
// wrong; then nothing has changed. Status names what needs a restart.
func (s *Server) Reload() error {
	s.reload.Lock()
	defer s.reload.Unlock()
	old := s.cfg.Load()
	cfg, err := config.Load(s.path)
	if s.path == "" {
		cfg, err = *old, nil
	}
	if err != nil {
		return err
	}
	routes, err := proxy.NewRoutes(cfg.Routes)
	if err != nil {
		return err
	}
	if err := s.cert.Load(&cfg); err != nil {
		return err
	}
	for _, r := range rooms() {
		if r.reload != nil {
			if err := r.reload(s, &cfg); err != nil {
				return err
			}
		}
	}
	s.proxy.SetRoutes(routes)
	s.setLevel(cfg.Log.Level)
	if key := config.NeedsRestart(s.begun, &cfg); key != "" {
		s.log.Warn("configuration change needs a restart", "key", key)
	}
	s.cfg.Store(&cfg)
	s.log.Info("configuration reloaded", "path", s.path)
	return nil
}

func (s *Server) setLevel(level string) {
	if s.level != nil {
		var l slog.Level
		if l.UnmarshalText([]byte(level)) == nil {
			s.level.Set(l)
		}
	}
}

// Config is the configuration that holds now.
func (s *Server) Config() *config.Config { return s.cfg.Load() }

// Trace is the ring of recent messages.
func (s *Server) Trace() *trace.Ring { return s.trace }

// Directory of the users.
func (s *Server) Directory() *directory.Directory { return s.directory }

// API over HTTPS.
func (s *Server) API() *web.API { return s.remote }

// Health tells how the server is.
func (s *Server) Health() *web.Health { return s.health }

// Layer of transactions.
func (s *Server) Layer() *transaction.Layer { return s.layer }

// Transport with its listeners.
func (s *Server) Transport() *transport.Transport { return s.transport }

// protos are the transports we can send by: those we listen on.
func (s *Server) protos() []transport.Proto {
	var list []transport.Proto
	for _, l := range s.transport.Listeners() {
		if !slices.Contains(list, l.Proto()) {
			list = append(list, l.Proto())
		}
	}
	return list
}

func (s *Server) hasIPv6() bool {
	return slices.ContainsFunc(s.transport.Listeners(), func(l *transport.Listener) bool { return l.Addr().Addr().Is6() })
}

func (s *Server) listening() []string {
	var list []string
	for _, l := range s.transport.Listeners() {
		list = append(list, l.Proto().Param()+":"+l.Addr().String())
	}
	return list
}

// api is the operations on this server.
func (s *Server) api() *api.API {
	return api.New(api.Rooms{
		State:     s.state,
		Directory: s.directory, Location: s.location, Silent: s.unanswering, Gate: s.gate, Trace: s.trace, Log: s.log,
		Exchange: s.exchange, Records: s.records,
		PINT:   apipint.Rooms{Executive: s.pint.executive, Numbers: s.pint.numbers},
		Routes: func() []proxy.Route { return s.proxy.Routes().List() },
		Trunks: s.trunks, Registrations: s.lines.State, Rules: s.dialling.Rules, Guard: s.dialling.Guard, Explain: s.plans.Explain, Policy: s.policy, Numbers: s.plan,
		Settings: s.settings, Groups: s.groups,
		Phones: s.phones.API(), Presence: apipresence.Rooms{Agent: s.presence, Consent: s.consent, Notifier: s.events, Group: s.isGroup},
		Contacts: s.contacts, Consent: s.consent, Messages: s.messages, Kept: s.messages, Knows: func(user, somebody rtc.AOR) bool { return s.rules.Knows(user, s.users.Watcher(somebody, true)) },
		Status: s.status,
		Reload: s.Reload, Snapshot: s.snapshot,
	})
}

// Ready is nil when the server can do its work, else the reasons.
// Liveness does not depend on the store: restarting would not mend it.
func (s *Server) Ready() error {
	var errs []error
	if s.drain.Load() {
		errs = append(errs, errors.New("draining"))
	}
	if err := s.store.Healthy(); err != nil {
		errs = append(errs, fmt.Errorf("store: %w", err))
	}
	if c := s.cert.Current(); c != nil && time.Now().After(c.Leaf.NotAfter) {
		errs = append(errs, fmt.Errorf("certificate expired on %s", c.Leaf.NotAfter.Format(time.DateOnly)))
	}
	return errors.Join(errs...)
}

func (s *Server) status() api.Status {
	st := api.Status{Version: Version(), PID: os.Getpid(), Started: s.started, Listen: s.listening(), Domains: s.directory.Domains(),
		Restart: config.NeedsRestart(s.begun, s.cfg.Load()), Users: s.directory.Count(), Bindings: s.location.Count(), Connected: s.transport.Stats().Conns}
	if err := s.store.Healthy(); err != nil {
		st.StoreError = err.Error()
	}
	return st
}
