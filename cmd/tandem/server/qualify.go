package server

import (
	"context"

	"tandem/cmd/tandem/config"
	"tandem/rtc"
	"tandem/rtc/location"
	"tandem/rtc/qualify"
	"tandem/rtc/uac"
)

// openQualify has devices be asked whether they are there, where that is wanted.
func (s *Server) openQualify(_ context.Context, cfg *config.Config) error {
	if cfg.Registrar.Qualify > 0 {
		s.prober = qualify.New(qualify.Config{
			Location: s.location,
			Reach:    s.reach,
			Send:     func(o uac.Outside, done func(uac.Reply)) error { return s.exchange.Send(o, done) },
			From:     "<sip:" + cfg.Domains[0] + ">",
			Every:    cfg.Registrar.Qualify,
			Changed:  s.presence.Changed,
		})
	}
	return nil
}

func (s *Server) qualify(ctx context.Context) error {
	if s.prober == nil {
		<-ctx.Done()
		return nil
	}
	return s.prober.Run(ctx)
}

// unanswering reports whether a device does not answer.
func (s *Server) unanswering(aor rtc.AOR, b *location.Binding) bool {
	return s.prober != nil && s.prober.Silent(aor, b)
}

func (s *Server) qualifyMetrics(m meter) {
	if s.prober != nil {
		m.gauge("registrations_silent", "Registrations over UDP whose device does not answer OPTIONS", float64(s.prober.Count()))
	}
}
