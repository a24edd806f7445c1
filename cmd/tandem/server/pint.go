package server

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"tandem/cmd/tandem/api/access"
	"tandem/cmd/tandem/api/audit"
	op "tandem/cmd/tandem/api/operation"
	"tandem/cmd/tandem/api/outbox"
	apipint "tandem/cmd/tandem/api/pint"
	"tandem/cmd/tandem/certs"
	"tandem/cmd/tandem/config"
	"tandem/cmd/tandem/pintroom"
	"tandem/pint"
	"tandem/pint/camara"
	"tandem/pint/executive"
	"tandem/pint/fetch"
	"tandem/pint/gateway"
	"tandem/pint/own"
	"tandem/pint/sink"
	"tandem/pint/speech"
	pintstore "tandem/pint/sqlstore"
	"tandem/pint/stats"
	"tandem/rtc"
	"tandem/rtc/dialog"
	"tandem/rtc/event/dialoginfo"
	"tandem/rtc/reach"
	"tandem/telephony"
)

// pintRoom is click-to-call.
type pintRoom struct {
	executive *executive.Executive
	door      *gateway.Gateway
	numbers   *own.Numbers
	broker    *pintroom.Broker
	lines     pintroom.Lines
	sinks     *sink.Teller
}

// openBroker builds what knows of gateways for services, which gate, registrar and proxy
// ask.
func (s *Server) openBroker(cfg *config.Config) error {
	services, err := cfg.PINT.Table()
	s.pint.broker = &pintroom.Broker{Services: services, Directory: s.directory, LocalHost: s.transport.IsLocalHost, Domain: cfg.Domains[0],
		Reach: func() *reach.Reach { return s.reach }}
	return err
}

// openPINT builds click-to-call. The calls are telephony's, which is opened after
// it: the services stand before calls in the order of handlers.
func (s *Server) openPINT(ctx context.Context, cfg *config.Config) error {
	kept, err := pintstore.New(s.store, s.key)
	if err != nil {
		return err
	}
	s.pint.numbers = own.New(kept)
	if err := s.pint.numbers.Load(ctx); err != nil {
		return err
	}
	contexts, providers := cfg.PINT.PhoneContexts(), cfg.PINT.Trunks()
	from, err := config.Prefixes(cfg.PINT.FetchFrom)
	if err != nil {
		return err
	}
	fetcher := fetch.New(fetch.Config{Hosts: cfg.PINT.FetchHosts, Networks: from})
	machine, err := cfg.PINT.Machine(fetcher)
	if err != nil {
		return err
	}
	s.pint.executive = executive.New(executive.Config{
		Store:     kept,
		Telephony: pintroom.Calls{Exchange: func() pintroom.Exchange { return s.exchange }, Providers: providers},
		Rights: pintroom.Rights{Users: s.users, Plan: s.plan, Policy: s.policy, Numbers: s.pint.numbers,
			Contexts: contexts, Providers: providers},
		Services: s.pint.broker.Services,
		Sounds:   speech.New(speech.Config{Fetch: fetcher}),
		Fax:      machine,
		Records:  cfg.Recordings() != "",
		Sessions: cfg.PINT.Sessions,
		Keep:     cfg.PINT.Keep,
		Log:      s.log,
	})
	s.pint.lines = pintroom.Lines{Session: s.pint.executive.Session, Users: s.users.Resolve, Contexts: contexts, Domain: cfg.Domains[0]}
	s.pint.executive.Watch(s.tellPINT)
	to, err := config.Prefixes(cfg.API.WebhooksTo)
	if err != nil {
		return err
	}
	s.pint.sinks = sink.New(sink.Config{Sessions: s.pint.executive, Encode: camara.Encode, Log: s.log,
		Transport: outbox.NewTransport(&tls.Config{MinVersion: tls.VersionTLS12, RootCAs: certs.Authorities(cfg)}, to)})
	s.pint.executive.Watch(s.pint.sinks.Changed)
	s.pint.door = gateway.New(gateway.Config{
		Executive: s.pint.executive,
		Dialog: dialog.Config{Layer: s.layer, Wire: dialog.Over(s.transport), Resolver: s.resolver, Permit: s.peers.Permit, Chosen: s.peers.Chosen,
			Key: derived(s.key, "pint")}, // its dialogs are told from those of calls
		Ours:     s.users.Ours,
		Agent:    cfg.Domains[0],
		Contexts: contexts,
		Onward:   s.proxy,
		Record:   s.recordPINT,
		Log:      s.log,
	})
	return nil
}

// tellPINT tells those who follow, and webhooks, of a change of a request.
func (s *Server) tellPINT(session pint.Session) {
	resource := op.Resource("pint", "calls", session.ID)
	s.state.Tell("pint."+string(session.State), resource, access.Read("pint"), func() any { return apipint.Shown(&session) })
	s.events.Changed(s.pint.lines.At(session.ID), dialoginfo.Name)
}

// runPINT serves the door until ctx ends.
func (s *Server) runPINT(ctx context.Context) error {
	var wg sync.WaitGroup
	wg.Go(func() { _ = s.pint.sinks.Run(ctx) })
	err := s.pint.door.Run(ctx)
	wg.Wait()
	return err
}

// derived is a key of its own for a purpose.
func derived(key []byte, purpose string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(purpose))
	return h.Sum(nil)
}

// carryOut takes up what was not finished, and carries requests out until ctx
// ends.
func (s *Server) carryOut(ctx context.Context) error {
	if err := s.pint.door.Restore(ctx, s.transport.ParseFlow); err != nil {
		return err
	}
	if err := s.pint.executive.Load(ctx); err != nil {
		return err
	}
	for _, owed := range s.pint.executive.Owed() {
		s.pint.sinks.Changed(owed)
	}
	return s.pint.executive.Run(ctx)
}

func (s *Server) pintMetrics(m meter) {
	all, waiting := s.pint.executive.Active()
	m.gauge("pint_sessions", "Requests for services under way or scheduled", float64(all))
	m.gauge("pint_scheduled", "Of these, those that wait for a time", float64(waiting))
	m.gauge("pint_watching", "Subscriptions to requests for services", float64(s.pint.door.Watching()))
	for _, r := range s.pint.executive.Stats().Rows(time.Now()) {
		if r.Table != stats.Global {
			continue
		}
		service := string(r.Service)
		for _, c := range [...]struct {
			what stats.Outcome
			name string
			help string
		}{
			{stats.Received, "received", "Requests for services (RFC 3055)"},
			{stats.Successful, "successful", "Of these, those that came to a conversation"},
			{stats.Disconnected, "disconnected", "Of these, those that did not"},
			{stats.AuthFailed, "auth_failed", "Disconnected since the client or user may not"},
			{stats.ServiceProblem, "service_problem", "Disconnected since the service could not be done"},
			{stats.GatewayProblem, "gateway_problem", "Disconnected since no gateway took the call"},
		} {
			if n := r.Counts[c.what]; r.Period == stats.SinceReboot {
				m.counter("pint_calls_"+c.name+"_total", c.help, n, "service", service)
			} else {
				m.gauge("pint_calls_"+c.name, c.help+", in the period that ends now", float64(n), "service", service, "period", string(r.Period))
			}
		}
	}
}

// withCAMARA serves Click-to-Dial beside the API, to the same callers.
func (s *Server) withCAMARA(api http.Handler) http.Handler {
	h := camara.New(camara.Config{
		Executive: s.pint.executive,
		Client: func(ctx context.Context) camara.Client {
			c := access.Of(ctx)
			return camara.Client{Name: c.Name, Read: c.Scopes.Allow(access.Read("pint")), Write: c.Scopes.Allow(access.Write("pint"))}
		},
		Owner: s.ownerOf,
		Audit: s.state.Audit,
		Recording: func(name string) (io.ReadCloser, error) {
			folder, err := os.OpenRoot(s.begun.Recordings())
			if err != nil {
				return nil, err
			}
			defer func() { _ = folder.Close() }() // the file stays open
			return folder.Open(name)
		},
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, camara.Base+"/") {
			h.ServeHTTP(w, r)
			return
		}
		api.ServeHTTP(w, r)
	})
}

// ownerOf is the user whose number it is, by the directory or since they have proved
// it.
func (s *Server) ownerOf(number string) (rtc.AOR, bool) {
	if u, ok := s.users.Number(number); ok {
		return u.AOR, true
	}
	return s.pint.numbers.Owner(number)
}

// freed has calls tried again whose party was busy, when a conversation of that party
// ends. A call that came to none has kept nobody busy: it may be the try itself.
func (s *Server) freed(e telephony.Event) {
	if e.Kind != telephony.Ended || e.Record.Answered.IsZero() {
		return
	}
	for _, party := range []string{string(e.Record.From), string(e.Record.Called), e.Record.Number} {
		if party != "" {
			s.pint.executive.Freed(party)
		}
	}
}

// PINT carries requests for services out.
func (s *Server) PINT() *executive.Executive { return s.pint.executive }

// Audit is who asked for what.
func (s *Server) Audit() *audit.Log { return s.state.Audit }
