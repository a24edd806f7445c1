package server

import (
	"context"
	"fmt"
	"net/netip"

	"tandem/cmd/tandem/config"
	"tandem/cmd/tandem/dialroom"
	"tandem/cmd/tandem/people"
	"tandem/media"
	"tandem/rtc"
	"tandem/rtc/dialog"
	"tandem/rtc/sip"
	"tandem/telephony"
	"tandem/telephony/cdr"
	cdrstore "tandem/telephony/cdr/sqlstore"
	"tandem/telephony/identity"
	"tandem/telephony/routing"
)

// room is a part of the server and what it brings: a handler of
// requests, work of its own, metrics, a page of the documentation.
type room struct {
	name string
	page string // in docs/, "" for one of the core

	open    func(s *Server, ctx context.Context, cfg *config.Config) error // builds it, on the rooms before it
	handler func(s *Server) rtc.Handler                                    // of requests, after those of the rooms before it
	run     func(s *Server, ctx context.Context) error                     // until ctx ends
	reload  func(s *Server, cfg *config.Config) error                      // reads again what can change without a restart
	metrics func(s *Server, m meter)
}

// rooms lists every room beside the stack, the registrar and the proxy. What one
// room needs stands before it.
func rooms() []room {
	return []room{
		{name: "policy", page: "policy.md", open: (*Server).openPolicy},
		{name: "contacts", page: "contacts.md", open: (*Server).openContacts},
		{name: "messages", page: "messages.md", open: (*Server).openMessages, metrics: (*Server).messageMetrics,
			handler: func(s *Server) rtc.Handler { return s.messages },
			run:     func(s *Server, ctx context.Context) error { return s.messages.Run(ctx) }},
		{name: "gateways", page: "trunks.md", open: (*Server).openGateways,
			handler: func(s *Server) rtc.Handler { return reports{s.trunks} }, run: (*Server).runTrunks,
			reload: (*Server).takeRoutes, metrics: (*Server).trunkMetrics},
		{name: "media", page: "media-quality.md", open: (*Server).openMedia, metrics: (*Server).mediaMetrics,
			run: func(s *Server, ctx context.Context) error { return s.media.Run(ctx) }},
		{name: "phone settings", handler: func(s *Server) rtc.Handler { return s.phones.Features }, // before the notifier, which answers the SUBSCRIBE when the change is made
			run: func(s *Server, ctx context.Context) error { return s.phones.Features.Run(ctx) }},
		{name: "events", page: "presence.md", open: (*Server).openEvents, metrics: (*Server).eventMetrics,
			handler: func(s *Server) rtc.Handler { return s.events }, run: func(s *Server, ctx context.Context) error { return s.events.Run(ctx) }},
		{name: "pint", page: "pint.md", open: (*Server).openPINT, metrics: (*Server).pintMetrics,
			run:     (*Server).runPINT,
			handler: func(s *Server) rtc.Handler { return s.pint.door }},
		{name: "dial plan", page: "dialplan.md",
			open: func(s *Server, ctx context.Context, _ *config.Config) error { return s.dialling.Load(ctx) },
			run:  func(s *Server, ctx context.Context) error { return s.dialling.Run(ctx) }},
		{name: "limits", page: "fraud.md"},
		{name: "call settings", page: "forwarding.md", open: (*Server).openSettings},
		{name: "groups", page: "groups.md", open: (*Server).openGroups},
		{name: "presence", page: "presence.md", open: (*Server).openPresence,
			handler: func(s *Server) rtc.Handler { return s.presence },
			run:     func(s *Server, ctx context.Context) error { return s.presence.Run(ctx) }},
		{name: "qualify", page: "presence.md", open: (*Server).openQualify, run: (*Server).qualify, metrics: (*Server).qualifyMetrics},
		{name: "telephony", page: "calls.md", open: (*Server).openTelephony, run: (*Server).pruneRecords, metrics: (*Server).telephonyMetrics,
			handler: func(s *Server) rtc.Handler { return s.exchange }},
		{name: "consent",
			handler: func(s *Server) rtc.Handler { return rtc.HandlerFunc(s.rules.RefuseBlocked) }}, // of calls that are not led
		{name: "phones", page: "phones.md", open: (*Server).openPhones, metrics: (*Server).phoneMetrics,
			handler: func(s *Server) rtc.Handler { return rtc.HandlerFunc(s.phones.Unasked) },
			run:     func(s *Server, ctx context.Context) error { return s.phones.Run(ctx) },
			reload:  func(s *Server, cfg *config.Config) error { return s.phones.Reload(cfg) }},
		{name: "API", page: "api.md", metrics: (*Server).apiMetrics,
			run: func(s *Server, ctx context.Context) error { return s.state.Run(ctx) }},
		{name: "lamps", open: (*Server).watchCalls},
		{name: "subscriptions", open: (*Server).restoreSubscriptions}, // when all rooms have added their event packages
	}
}

// openRooms builds the rooms and returns their handlers in order.
func (s *Server) openRooms(ctx context.Context, cfg *config.Config) (handlers []rtc.Handler, err error) {
	for _, r := range rooms() {
		if r.open != nil {
			if err := r.open(s, ctx, cfg); err != nil {
				return nil, fmt.Errorf("%s: %w", r.name, err)
			}
		}
		if r.handler != nil {
			handlers = append(handlers, r.handler(s))
		}
	}
	return handlers, nil
}

func (s *Server) openMedia(_ context.Context, cfg *config.Config) error {
	m, err := cfg.Media.Config()
	if err != nil {
		return err
	}
	m.Logger, m.Network = s.log, s.network
	m.Sessions = max(10_000, 2*cfg.Telephony.Calls) // a call that the server makes has two for a while
	s.media, err = media.New(m)
	return err
}

func (s *Server) openTelephony(ctx context.Context, cfg *config.Config) error {
	if cfg.Numbers.Country == "" && len(s.trunks.Table().All()) > 0 {
		s.log.Warn("numbers.country is not set: every number with + counts as international, which the policy refuses by default")
	}
	s.records = cdrstore.New(s.store)
	if err := s.dialling.CountToday(ctx, s.records, s.directory); err != nil {
		return err
	}
	s.plans = &routing.Plan{
		Users:     s.users,
		Numbers:   s.plan,
		Countries: s.countries.Of,
		Enum:      dialroom.ENUM(cfg.Numbers, s.resolver),
		Policy:    s.policy,
		Reach:     s.reach,
		Trunks:    s.trunks.Table,
		PeerAt:    s.peerAt,
		Led:       s.led,
		Silent:    s.silent,
		Domain:    cfg.Domains[0],
		Rules:     s.dialling.Rules,
		Guard:     s.dialling.Guard,
		Refused:   s.dialling.Refuse,
		Settings:  s.settings.Of,
		Emergency: cfg.Emergency.Of,
		Place:     func(device string) string { return s.phones.Site(device) },
		Groups:    s.groups,
		AllCalls:  cfg.Telephony.AllCalls,
		Engaged:   func(user rtc.AOR) bool { return s.exchange.Engaged(user) },
		TempGRUU:  func(uri sip.URI) (rtc.AOR, string, bool) { return s.gruu.Temp(s.location, uri) },
		Bars:      func(user rtc.AOR, caller identity.Party) error { return s.rules.Bars(user, s.rules.Watcher(caller)) },
	}
	s.rules = &people.Rules{Users: s.users, Consent: s.consent, Contacts: s.contacts, Policy: s.policy, Caller: s.plans.Caller,
		Strangers: cfg.Messages.Strangers, Domains: cfg.Domains}
	s.exchange = telephony.New(telephony.Config{
		Dialog: dialog.Config{Layer: s.layer, Wire: dialog.Over(s.transport), Resolver: s.resolver, Permit: s.peers.Permit, Chosen: s.peers.Chosen, Key: s.key,
			SessionExpires: cfg.Telephony.SessionTimer},
		Music:         cfg.Telephony.Music,
		Local:         s.transport.IsLocal,
		Media:         s.media,
		Router:        s.plans,
		Refused:       s.dialling.Refuse,
		Failover:      cfg.Telephony.Failover,
		Setting:       s.dialledSetting,
		Recordings:    cfg.Recordings(),
		Announcements: cfg.Telephony.Announcements,
		ParkTime:      cfg.Telephony.ParkTime,
		RecordingTone: cfg.Telephony.RecordingTone,
		Records:       s.records,
		Domain:        cfg.Domains[0],
		Country:       cfg.Numbers.Country,
		Calls:         cfg.Telephony.Calls,
		RingTime:      cfg.Telephony.RingTime,
		Reach:         s.reach,
		Reconnect:     cfg.Telephony.Reconnect,
		Manner:        s.phones.Manner,
		Lines:         s.lamps,
		Log:           s.log,
	})
	return nil
}

func (s *Server) mediaMetrics(m meter) {
	m.gauge("media_sessions", "Media sessions open", float64(len(s.media.Sessions())))
}

func (s *Server) telephonyMetrics(m meter) {
	m.gauge("calls", "Calls led now", float64(s.exchange.Active()))
	m.gauge("dialogs", "Dialogs of led calls, those that ended lately included", float64(s.exchange.Dialogs()))
}

// Exchange that leads calls.
func (s *Server) Exchange() *telephony.Exchange { return s.exchange }

// Media that calls pass.
func (s *Server) Media() *media.Server { return s.media }

// Records of calls.
func (s *Server) Records() cdr.Store { return s.records }

// peerAt is the name of the peer whose address it is.
func (s *Server) peerAt(a netip.AddrPort) string {
	if p := s.peers.At(a); p != nil {
		return p.Name
	}
	return ""
}
