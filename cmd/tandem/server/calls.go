package server

import (
	"context"
	"fmt"
	"log/slog"

	"tandem/gateways"
	"tandem/media"
	"tandem/rtc/dialog"
	"tandem/rtc/policy"
	"tandem/telephony"
	"tandem/telephony/cdr"
	"tandem/telephony/number"
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
	house, err := cfg.Telephony.numbers(cfg.Domains)
	if err != nil {
		return err
	}
	s.policy = policy.New(policy.NewMemory(), []policy.Action{telephony.CallAction()}, s.log)
	if err := s.policy.Load(ctx); err != nil {
		return err
	}
	plan := &telephony.Plan{
		Users:    users{s.directory, s},
		Numbers:  func(string) *number.Plan { return house },
		Policy:   s.policy,
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
	server, err := media.New(m)
	if err != nil {
		return nil, fmt.Errorf("media: %w", err)
	}
	return server, nil
}

// Trunks of the server.
func (s *Server) Trunks() *gateways.Trunks { return s.trunks }

// Exchange that leads calls.
func (s *Server) Exchange() *telephony.Exchange { return s.exchange }

// Records of calls.
func (s *Server) Records() cdr.Store { return s.records }
