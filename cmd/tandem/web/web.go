// Package web listens for HTTP: on the control socket (Control), for the API over HTTPS
// (API), and for metrics, health and profiles (Health). It bounds how many connections
// there are and how long they may take. What is asked, and by whom, is the handlers'
// matter.
package web

import (
	"context"
	"errors"
	"log"
	"log/slog"
	"net"
	"net/http"
)

// Serve serves until ctx ends; streams under way are cut.
func Serve(ctx context.Context, s *http.Server, l net.Listener) error {
	stop := context.AfterFunc(ctx, func() { s.Close() })
	defer stop()
	if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// Quiet is for what net/http says of its peers: of no matter but for who looks for
// it.
func Quiet(l *slog.Logger) *log.Logger {
	return slog.NewLogLogger(l.Handler(), slog.LevelDebug)
}
