// Package admin is what the API keeps of its own: who may call (tokens), who
// changed what (the audit log), and who is told of it (events, webhooks), with the
// operations on them.
//
// It knows no other room.
package admin

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"tandem/cmd/tandem/api/access"
	"tandem/cmd/tandem/api/audit"
	"tandem/cmd/tandem/api/events"
	"tandem/cmd/tandem/api/idempotency"
	"tandem/cmd/tandem/api/outbox"
)

// State is what the API itself keeps: who may call, what was changed, what is to
// be told.
type State struct {
	Tokens      *access.Tokens
	Audit       *audit.Log
	Events      *events.Ring
	Outbox      *outbox.Outbox
	Idempotency *idempotency.Keeper
	log         *slog.Logger
}

// Stores are where the State is kept.
type Stores struct {
	Tokens      access.Store
	Audit       audit.Store
	Outbox      outbox.Store
	Idempotency idempotency.Store
}

// Config is how a State is opened.
type Config struct {
	Stores
	KeepAudit  time.Duration  // how long audit rows are kept; 0: for ever
	WebhooksTo []netip.Prefix // networks hooks may reach besides the public ones
	TLS        *tls.Config    // by which hooks are verified
	Log        *slog.Logger
}

// Bounds of the ring of events.
const (
	maxEvents      = 10_000
	maxEventOctets = 8 << 20
)

// Open loads the State. Run does what it does by itself.
func Open(ctx context.Context, cfg Config) (_ *State, err error) {
	s := &State{log: cfg.Log, Events: events.New(maxEvents, maxEventOctets), Idempotency: idempotency.New(cfg.Stores.Idempotency, cfg.Log)}
	if s.Tokens, err = access.LoadTokens(ctx, cfg.Stores.Tokens); err != nil {
		return nil, err
	}
	if s.Audit, err = audit.Open(ctx, cfg.Stores.Audit, cfg.KeepAudit, cfg.Log); err != nil {
		return nil, err
	}
	s.Outbox, err = outbox.Open(ctx, outbox.Config{Store: cfg.Stores.Outbox, Transport: outbox.NewTransport(cfg.TLS, cfg.WebhooksTo), Log: cfg.Log})
	return s, err
}

// Run sends to webhooks, and forgets what is old, until ctx ends.
func (s *State) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	errs := make(chan error, 4)
	for name, f := range map[string]func(context.Context) error{
		"webhooks": s.Outbox.Run, "audit": s.Audit.Run, "idempotency keys": s.Idempotency.Run, "tokens": s.keepUse,
	} {
		wg.Go(func() {
			if err := f(ctx); err != nil {
				errs <- fmt.Errorf("%s: %w", name, err)
			}
		})
	}
	wg.Wait()
	close(errs)
	var all []error
	for err := range errs {
		all = append(all, err)
	}
	return errors.Join(all...)
}

// keepUse writes down now and then, and at the end, when tokens were last used.
func (s *State) keepUse(ctx context.Context) error {
	t := time.NewTicker(15 * time.Minute)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return s.Tokens.KeepUse(context.WithoutCancel(ctx))
		case <-t.C:
			_ = s.Tokens.KeepUse(ctx) // tried again, and the store tells of its failures itself
		}
	}
}
