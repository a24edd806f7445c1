package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"tandem/cmd/tandem/api/front"
	"tandem/cmd/tandem/certs"
	"tandem/cmd/tandem/config"
)

// MaxAPI is how many connections API has at a time.
const MaxAPI = 512

// API serves the API over HTTPS. It does nothing without an address.
type API struct {
	l      *front.Listener
	server http.Server
}

// ListenAPI opens a TCP address, "" for none. The certificate is loaded when there is
// one.
func ListenAPI(cfg *config.Config, cert *certs.Certificate, h http.Handler, log *slog.Logger) (*API, error) {
	a := &API{}
	if cfg.API.Addr == "" {
		return a, nil
	}
	if err := cert.Need(cfg); err != nil {
		return nil, err
	}
	conf, err := cert.Server("")
	if err != nil {
		return nil, err
	}
	conf.GetConfigForClient = nil // old ciphers are for old phones
	l, err := net.Listen("tcp", cfg.API.Addr)
	if err != nil {
		return nil, fmt.Errorf("api.addr: %w; choose another port, or \"\" for none", err)
	}
	a.l = front.NewListener(l, MaxAPI)
	a.server = http.Server{
		Handler:           a.l.Handler(h),
		ConnContext:       a.l.Context,
		TLSConfig:         conf,
		ReadHeaderTimeout: 5 * time.Second, // bodies have a limit of their own
		WriteTimeout:      time.Minute,     // streams move it on
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: 64},
		ErrorLog:          Quiet(log),
	}
	return a, nil
}

// Hosts are the names that callers of the API may use, in lower case.
func Hosts(cfg *config.Config) []string {
	var list []string
	for _, names := range [][]string{cfg.API.Hosts, certs.HostNames(cfg)} {
		for _, n := range names {
			list = append(list, strings.ToLower(n))
		}
	}
	return list
}

// Addr is where it listens, "" without an address.
func (a *API) Addr() string { return addrOf(a.l) }

// addrOf is where a listener is, "" for none.
func addrOf(l *front.Listener) string {
	if l == nil {
		return ""
	}
	return l.Addr().String()
}

// Run serves until ctx ends.
func (a *API) Run(ctx context.Context) error {
	if a.l == nil {
		<-ctx.Done()
		return nil
	}
	stop := context.AfterFunc(ctx, func() { a.server.Close() })
	defer stop()
	if err := a.server.ServeTLS(a.l, "", ""); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// Close ends it, also when it was never served.
func (a *API) Close() error {
	if a.l != nil {
		a.l.Close() // already closed when it was served
	}
	return a.server.Close()
}
