package server

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"

	"tandem/gateways"
	"tandem/media"
	"tandem/media/relay"
	"tandem/rtc"
	"tandem/rtc/dialog"
	"tandem/telephony"
	"tandem/telephony/cdr"
)

// openCalls builds what leads calls: trunks, the media relay, the exchange.
func (s *Server) openCalls(ctx context.Context, cfg *Config, key []byte) (err error) {
	s.trunks = gateways.New(gateways.NewMemory(), s.log)
	if err := s.trunks.Load(ctx); err != nil {
		return err
	}
	s.records = cdr.NewMemory()
	if s.media, err = openMedia(cfg, s.log); err != nil {
		return err
	}
	plan := &telephony.Plan{
		Users:    users{s.directory, s},
		Numbers:  numbers{},
		Policy:   anyNumber{},
		Reach:    s.reach,
		Trunks:   s.trunks.Table,
		Domain:   cfg.Domains[0],
		AllCalls: cfg.Telephony.AllCalls,
	}
	s.exchange = telephony.New(telephony.Config{
		Dialog: dialog.Config{
			Layer: s.layer, Wire: dialog.Over(s.transport), Resolver: s.resolver, Key: key,
		},
		Media: s.media, Router: plan, Records: s.records, Domain: cfg.Domains[0],
		Calls: cfg.Telephony.Calls, RingTime: cfg.Telephony.RingTime, Log: s.log,
	})
	return nil
}

func openMedia(cfg *Config, log *slog.Logger) (*media.Server, error) {
	m, err := cfg.Media.config()
	if err != nil {
		return nil, err
	}
	m.Logger = log
	if len(m.Interfaces) == 0 {
		m.Interfaces = []relay.Interface{{Name: "default", Bind: outward()}}
	}
	server, err := media.New(m)
	if err != nil {
		return nil, fmt.Errorf("media: %w", err)
	}
	return server, nil
}

// outward is this machine's address towards others. Nothing is sent.
func outward() netip.Addr {
	c, err := net.Dial("udp", "192.0.2.1:9")
	if err != nil {
		return netip.MustParseAddr("127.0.0.1")
	}
	defer c.Close()
	return c.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap()
}

type numbers struct{}

func (numbers) Read(dialled, _ string) (string, bool) {
	for i, c := range dialled {
		if (c < '0' || c > '9') && (c != '+' || i > 0) {
			return "", false
		}
	}
	return dialled, dialled != ""
}

type anyNumber struct{}

func (anyNumber) Call(rtc.AOR, string) (bool, string) { return true, "" }

// Trunks of the server.
func (s *Server) Trunks() *gateways.Trunks { return s.trunks }

// Exchange that leads calls.
func (s *Server) Exchange() *telephony.Exchange { return s.exchange }

// Records of calls.
func (s *Server) Records() cdr.Store { return s.records }
