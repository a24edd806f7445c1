package server

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"

	"tandem/pint/executive"
	"tandem/pint/gateway"
	"tandem/pint/own"
	pintstore "tandem/pint/sqlstore"
	"tandem/rtc/dialog"
)

// pintRoom is click-to-call.
type pintRoom struct {
	executive *executive.Executive
	door      *gateway.Gateway
	numbers   *own.Numbers
}

// openPINT builds click-to-call. The calls are telephony's, which is opened after
// it: the services stand before calls in the order of handlers.
func (s *Server) openPINT(ctx context.Context, cfg *Config) error {
	kept, err := pintstore.New(s.store, s.key)
	if err != nil {
		return err
	}
	s.pint.numbers = own.New(kept)
	if err := s.pint.numbers.Load(ctx); err != nil {
		return err
	}
	services, err := cfg.PINT.table()
	if err != nil {
		return err
	}
	s.pint.executive = executive.New(executive.Config{
		Store:     kept,
		Telephony: pintCalls{s},
		Rights:    pintRights{s, cfg.PINT.contexts()},
		Services:  services,
		Sessions:  cfg.PINT.Sessions,
		Keep:      cfg.PINT.Keep,
		Log:       s.log,
	})
	s.pint.door = gateway.New(gateway.Config{
		Executive: s.pint.executive,
		Dialog: dialog.Config{Layer: s.layer, Wire: dialog.Over(s.transport), Resolver: s.resolver, Permit: s.peers.Permit,
			Key: derived(s.key, "pint")}, // its dialogs are told from those of calls
		Ours:     users{s.directory, s}.Ours,
		Agent:    cfg.Domains[0],
		Contexts: cfg.PINT.contexts(),
		Log:      s.log,
	})
	return nil
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
	if err := s.pint.executive.Load(ctx); err != nil {
		return err
	}
	return s.pint.executive.Run(ctx)
}

func (s *Server) pintMetrics(m meter) {
	all, waiting := s.pint.executive.Active()
	m.gauge("pint_sessions", "Requests for services under way or scheduled", float64(all))
	m.gauge("pint_scheduled", "Of these, those that wait for a time", float64(waiting))
	m.gauge("pint_watching", "Subscriptions to requests for services", float64(s.pint.door.Watching()))
}

// PINT carries requests for services out.
func (s *Server) PINT() *executive.Executive { return s.pint.executive }
