package server

import (
	"context"

	"tandem/cmd/tandem/config"
	"tandem/cmd/tandem/dialroom"
	"tandem/cmd/tandem/phoneroom"
	"tandem/cmd/tandem/pintroom"
	"tandem/rtc"
	"tandem/rtc/auth"
	"tandem/rtc/location"
	"tandem/rtc/proxy"
	"tandem/rtc/reach"
	"tandem/rtc/registrar"
	"tandem/rtc/sip"
	"tandem/rtc/transport"
)

// routes is the order in which a request meets the handlers. To see why a
// request was answered as it was, read from top to bottom.
func (s *Server) routes(ctx context.Context, cfg *config.Config) (*rtc.Router, error) {
	routes, err := proxy.NewRoutes(cfg.Routes)
	if err != nil {
		return nil, err
	}
	if err := s.openBroker(cfg); err != nil {
		return nil, err
	}
	s.phones = s.newPhones(cfg)
	s.dialling = dialroom.New(s.store, s.state, s.log)
	s.gate = s.newGate(cfg)
	if s.gruu, err = location.NewGRUU(s.key); err != nil {
		return nil, err
	}
	s.reach = reach.New(s.location, s.transport)
	s.registrar = s.newRegistrar(cfg)
	s.proxy = s.newProxy(cfg, routes)
	handlers := []rtc.Handler{
		s.gate,                               // who is it?
		rtc.HandlerFunc(s.pint.broker.Guard), // REGISTER for services, by their gateways alone
		s.registrar,                          // REGISTER for our domains
	}
	if cfg.Phones.PnP != "" {
		first, err := s.phones.PlugAndPlay(cfg)
		if err != nil {
			return nil, err
		}
		handlers = append([]rtc.Handler{first}, handlers...) // phones out of the box, whom nobody knows
	}
	errands, err := phoneroom.Errands(cfg)
	if err != nil {
		return nil, err
	}
	handlers = append([]rtc.Handler{errands}, handlers...) // phones that cannot prove who they are
	more, err := s.openRooms(ctx, cfg)
	if err != nil {
		return nil, err
	}
	handlers = append(handlers, more...) // those of rooms.go
	handlers = append(handlers, s.proxy) // everything else, to wherever it is to go
	return rtc.NewRouter(s.log, s.proxy.Stray, handlers...), nil
}

// newGate makes the handler that asks who a sender is.
func (s *Server) newGate(cfg *config.Config) *auth.Gate {
	return auth.New(auth.Config{
		Proved:       s.senders.Add,
		Users:        s.directory,
		Peers:        s.peers,
		Domains:      cfg.Domains,
		Local:        s.transport.IsLocal,
		LocalHost:    s.transport.IsLocalHost,
		NonceLife:    cfg.Auth.NonceLife,
		Offer:        algorithms(cfg.Auth.Algorithms),
		MD5Agents:    cfg.Auth.MD5Agents,
		MD5Only:      s.phones.MD5Only,
		URIAgents:    cfg.Auth.URIAgents,
		QOP:          qop(cfg.Auth),
		AllowForeign: cfg.Auth.AllowForeign,
		Registrant:   s.pint.broker.MayRegister,
		Impostor:     func(m *sip.Message, user rtc.AOR) { s.dialling.Impostor(m, user, s.numbers.Usual) },
		Precheck:     s.precheck,
		Log:          s.log,
	})
}

// newRegistrar makes the handler of REGISTER for our domains.
func (s *Server) newRegistrar(cfg *config.Config) *registrar.Registrar {
	return registrar.New(registrar.Config{
		Location:       s.location,
		Users:          pintroom.Registered{Directory: s.directory, Broker: s.pint.broker},
		Log:            s.log,
		Domain:         cfg.Domains[0],
		Local:          func(host []byte, _ uint16) bool { return s.transport.IsLocalHost(host) },
		GRUU:           s.gruu,
		MinExpires:     cfg.Registrar.MinExpires,
		MaxExpires:     cfg.Registrar.MaxExpires,
		DefaultExpires: cfg.Registrar.DefaultExpires,
		ConnExpires:    cfg.Registrar.ConnExpires,
		MaxBindings:    cfg.Registrar.MaxBindings,
		ServiceRoute:   cfg.Registrar.ServiceRoute,
	})
}

// newProxy makes the handler that forwards what no other handler takes.
func (s *Server) newProxy(cfg *config.Config, routes *proxy.Routes) *proxy.Proxy {
	return proxy.New(proxy.Config{
		Transport: s.transport,
		Resolver:  s.resolver,
		Reach:     s.reach,
		Peers:     s.peers,
		Users:     s.users,
		Routes:    routes,
		Log:       s.log,
		Domain:    cfg.Domains[0],
		Key:       s.key,
		TempGRUU: func(uri sip.URI) (rtc.AOR, string, bool) {
			return s.gruu.Temp(s.location, uri)
		},
		Demand:           s.gate.Demand,
		Hunt:             s.pint.broker.Hunt,
		Shape:            s.phones.ShapeTo,
		Events:           func() string { return s.events.Allowed() },
		Recursion:        recursion(cfg.Proxy),
		MaxForks:         cfg.Proxy.MaxForks,
		Failover:         cfg.Proxy.Failover,
		DiversionOfUsers: cfg.Proxy.DiversionOfUsers,
		TimerC:           cfg.Proxy.TimerC,
	})
}

func algorithms(names []string) []auth.Algorithm {
	var list []auth.Algorithm
	for _, n := range names {
		if a, ok := auth.ParseAlgorithm([]byte(n)); ok {
			list = append(list, a)
		}
	}
	return list
}

func qop(a config.Auth) string {
	if a.QopInt {
		return "auth,auth-int"
	}
	return "auth"
}

func recursion(p config.Proxy) proxy.Recursion {
	if p.RecurseRedirect {
		return proxy.RecurseDomains
	}
	return proxy.RecurseNever
}

// listeners turns the configured addresses into the transport's.
func (s *Server) listeners(cfg *config.Config) ([]transport.Listen, error) {
	var list []transport.Listen
	for _, l := range cfg.Listen {
		proto, _ := transport.ParseProto([]byte(l.Proto))
		addr, err := l.AddrPort()
		if err != nil {
			return nil, err
		}
		trusted, err := l.Prefixes()
		if err != nil {
			return nil, err
		}
		t := transport.Listen{Proto: proto, Addr: addr, Advertise: l.Advertise, Origins: l.Origins, Trusted: trusted, Loops: l.Loops}
		if proto.Secure() {
			if err := s.cert.Need(cfg); err != nil {
				return nil, err
			}
			if t.TLS, err = s.cert.Server(l.ClientCA); err != nil {
				return nil, err
			}
		}
		list = append(list, t)
	}
	return list, nil
}

// precheck finds what nobody serves, whoever sends it. A service URN is telephony's:
// a call for help (RFC 5031).
func (s *Server) precheck(r *rtc.Request) error {
	if uri, err := sip.ParseURI(r.RequestURI()); err == nil && uri.Kind == sip.URIOther && r.Method() == sip.INVITE && sip.EqualFold(uri.Scheme, "urn") {
		return nil
	}
	return s.proxy.Precheck(r)
}
