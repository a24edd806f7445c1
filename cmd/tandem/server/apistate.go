package server

import (
	"context"
	"crypto/tls"
	"log/slog"

	"tandem/cmd/tandem/api/admin"
	"tandem/cmd/tandem/api/events"
	"tandem/cmd/tandem/api/sqlstore"
	"tandem/cmd/tandem/certs"
	"tandem/cmd/tandem/config"
	"tandem/rtc/store"
)

// openAPIState loads what the API keeps from an open store: tokens, audit log,
// webhooks. It is the same with and without a running server.
func openAPIState(ctx context.Context, cfg *config.Config, db *store.DB, key []byte, log *slog.Logger) (*admin.State, error) {
	hooks, err := sqlstore.NewOutbox(db, key)
	if err != nil {
		return nil, err
	}
	requests, err := sqlstore.NewRequests(db, key)
	if err != nil {
		return nil, err
	}
	to, err := config.Prefixes(cfg.API.WebhooksTo)
	if err != nil {
		return nil, err
	}
	return admin.Open(ctx, admin.Config{
		Stores: admin.Stores{Tokens: sqlstore.NewTokens(db), Audit: sqlstore.NewAudit(db), Outbox: hooks, Idempotency: requests},
		TLS:    &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: certs.Authorities(cfg)},
		Log:    log, KeepAudit: cfg.API.KeepAudit, WebhooksTo: to,
	})
}

func (s *Server) apiMetrics(m meter) {
	for _, h := range s.state.Outbox.List() {
		m.gauge("webhook_pending", "Events that wait for a webhook", float64(h.Pending), "webhook", h.Name)
		m.counter("webhook_delivered_total", "Events that a webhook has taken", h.Delivered, "webhook", h.Name)
		m.counter("webhook_failed_total", "Events given up, since a webhook refused them", h.Failed, "webhook", h.Name)
		m.counter("webhook_missed_total", "Events left out, since the queue of a webhook was full", h.Missed, "webhook", h.Name)
	}
	m.counter("audit_rows_lost_total", "Audit rows of refused calls and the like that could not be kept", s.state.Audit.Lost())
	m.gauge("api_tokens", "Tokens for the API", float64(len(s.state.Tokens.List())))
}

// Happened is what happened, for those who follow.
func (s *Server) Happened() *events.Ring { return s.state.Events }
