package server

import (
	"context"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"time"

	"tandem/cmd/tandem/api/access"
	op "tandem/cmd/tandem/api/operation"
	apitrunks "tandem/cmd/tandem/api/trunks"
	"tandem/cmd/tandem/config"
	"tandem/gateways"
	"tandem/gateways/registration"
	gatewaystore "tandem/gateways/sqlstore"
	"tandem/rtc"
	"tandem/rtc/sip"
	"tandem/rtc/store"
	"tandem/rtc/transport"
	"tandem/rtc/uac"
	"tandem/telephony"
)

// openGateways keeps the addresses of trunks closed to everybody but telephony.
func (s *Server) openGateways(ctx context.Context, cfg *config.Config) error {
	var err error
	if s.trunks, err = newTrunks(s.store, s.key, s.log); err != nil {
		return err
	}
	s.trunks.Watch(func(t *gateways.Table) { s.peers.Set("trunks", t.Peers()) })
	s.trunks.Tell(func(trunk string, state gateways.State, why string) {
		s.state.Tell("trunk."+state.String(), op.Resource("trunks", trunk), access.Read("trunks"), func() any {
			return map[string]string{"name": trunk, "state": state.String(), "why": why}
		})
	})
	s.lines = registration.New(registration.Config{
		Table: s.trunks.Table,
		Send:  func(o uac.Outside, done func(uac.Reply)) error { return s.exchange.Send(o, done) },
		Alive: func(f transport.Flow) { s.transport.Send(f, []byte("\r\n\r\n"), nil) },
		Key:   s.key,
		Tell:  s.tellRegistration,
		Log:   s.log,
	})
	if err := s.trunks.Load(ctx); err != nil {
		return err
	}
	return s.takeRoutes(cfg)
}

// takeRoutes makes the trunks that are missing of the routes for numbers, so that a
// file written before there were trunks goes on to lead calls: through the policy,
// as those of all trunks. What has been set of such a trunk since then stays.
func (s *Server) takeRoutes(cfg *config.Config) error {
	var made []gateways.Trunk
	for _, t := range cfg.Trunks() {
		if s.trunks.Table().ByName(t.Name) == nil {
			made = append(made, t)
		}
		s.log.Warn("a route with a prefix is a trunk now; delete it from routes in the configuration, and set telephony.all_calls", "trunk", t.Name)
	}
	if len(made) == 0 {
		return nil
	}
	return s.trunks.Add(context.Background(), made...)
}

func newTrunks(db *store.DB, key []byte, log *slog.Logger) (*gateways.Trunks, error) {
	kept, err := gatewaystore.New(db, key, log)
	if err != nil {
		return nil, err
	}
	return gateways.New(kept, log), nil
}

// tellRegistration tells those who follow that a registration has another phase.
func (s *Server) tellRegistration(r registration.State) {
	s.state.Tell("registration."+string(r.Phase), op.Resource("trunks", r.Trunk), access.Read("trunks"), func() any {
		return apitrunks.Shown(r)
	})
}

// runTrunks asks the trunks how they are, and keeps the registrations with them.
func (s *Server) runTrunks(ctx context.Context) error {
	from := "<sip:" + s.begun.Domains[0] + ">"
	var wg sync.WaitGroup
	wg.Go(func() { _ = gateways.NewProber(s.trunks.Table, s.exchange.Send, from, 0).Run(ctx) })
	err := s.lines.Run(ctx)
	wg.Wait()
	return err
}

// probeWait is how long a place that did not answer has to answer OPTIONS.
const probeWait = 4 * time.Second

// probe asks whether a place that did not answer does so again; any answer will
// do.
func (s *Server) probe(t transport.Target, done func(alive bool)) {
	flow, err := s.transport.Flow(t)
	if err != nil {
		done(false)
		return
	}
	place := "<sip:" + t.Addr.String() + ";transport=" + strings.ToLower(t.Proto.Param()) + ">"
	o := uac.Outside{Method: "OPTIONS", Way: uac.Way{URI: strings.Trim(place, "<>"), Flow: flow, Peer: s.peerAt(t.Addr)},
		From: "<sip:" + s.begun.Domains[0] + ">", Timeout: probeWait}
	if err := s.exchange.Send(o, func(r uac.Reply) { done(r.Message != nil) }); err != nil {
		done(false)
	}
}

// silent reports whether no place that a URI leads to has answered lately.
func (s *Server) silent(uri string) bool {
	u, err := sip.ParseURI([]byte(uri))
	return err == nil && s.resolver.Down(u)
}

// led is the trunk whose registration led a request here. Several accounts with
// one provider have the same addresses: the mark in the Request-URI tells them
// apart, and the sender must be at an address of that trunk.
func (s *Server) led(uri sip.URI, from netip.AddrPort) string {
	name := s.lines.Led(uri)
	if name == "" || s.peers.At(from) == nil || s.peers.Permit(name, from) != nil {
		return ""
	}
	return name
}

func (s *Server) trunkMetrics(m meter) {
	for _, t := range s.trunks.Table().All() {
		up := 0.0
		if t.State() <= gateways.Degraded {
			up = 1
		}
		m.gauge("trunk_up", "Whether the trunk takes calls", up, "trunk", t.Name)
		m.gauge("trunk_calls", "Channels of the trunk taken now", float64(t.Calls()), "trunk", t.Name)
	}
	for _, r := range s.lines.States() {
		registered := 0.0
		if r.Phase == registration.Registered {
			registered = 1
		}
		m.gauge("trunk_registered", "Whether this server is registered with the trunk", registered, "trunk", r.Trunk)
	}
}

// Trunks of the server.
func (s *Server) Trunks() *gateways.Trunks { return s.trunks }

// reports hears what gateways say of their channels in OPTIONS of theirs, and tells those
// whose trunk takes no new calls. A gateway has no phone call somebody at its user's
// expense (REFER outside a call). Others answer the rest.
type reports struct{ trunks *gateways.Trunks }

// Serve implements rtc.Handler.
func (h reports) Serve(r *rtc.Request) error {
	if r.ToTag() != nil || r.Identity == nil || r.Identity.Peer == "" || r.Method() != sip.OPTIONS && r.Method() != sip.REFER {
		return rtc.Next
	}
	t := h.trunks.Table().ByName(r.Identity.Peer)
	if t == nil {
		return rtc.Next
	}
	if r.Method() == sip.REFER {
		return &rtc.Status{Code: 403, Reason: "Gateways Refer Nobody"}
	}
	t.Reported(r.Message)
	if t.State() == gateways.Draining {
		return telephony.OutOfService
	}
	return rtc.Next
}
