package server

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"tandem/cmd/tandem/api/front"
	apipint "tandem/cmd/tandem/api/pint"
	"tandem/cmd/tandem/certs"
	"tandem/cmd/tandem/config"
)

// remote serves the API over HTTPS; nil-like without an address.
type remote struct {
	l      *front.Listener
	server http.Server
}

// maxRemote is how many connections there are at a time.
const maxRemote = 512

func (s *Server) listenRemote(cfg *config.Config, operations http.Handler) (*remote, error) {
	r := &remote{}
	if cfg.API.Addr == "" {
		return r, nil
	}
	if err := s.cert.Need(cfg); err != nil {
		return nil, err
	}
	conf, err := s.cert.Server("")
	if err != nil {
		return nil, err
	}
	conf.GetConfigForClient = nil // old ciphers are for old phones
	l, err := net.Listen("tcp", cfg.API.Addr)
	if err != nil {
		return nil, fmt.Errorf("api.addr: %w; choose another port, or \"\" for none", err)
	}
	r.l = front.NewListener(l, maxRemote)
	guard := &front.Guard{Tokens: s.state.Tokens, Hosts: apiHosts(cfg), Origins: cfg.API.Origins, Log: s.log}
	r.server = http.Server{
		Handler:           r.l.Handler(apipint.Page(s.withDocuments(guard.Handler(operations), cfg))),
		ConnContext:       r.l.Context,
		TLSConfig:         conf,
		ReadHeaderTimeout: 5 * time.Second, // bodies have a limit of their own
		WriteTimeout:      time.Minute,     // streams move it on
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: 64},
		ErrorLog:          quiet(s.log),
	}
	return r, nil
}

// apiHosts are the names callers may use, in lower case.
func apiHosts(cfg *config.Config) []string {
	var list []string
	for _, names := range [][]string{cfg.API.Hosts, certs.HostNames(cfg)} {
		for _, n := range names {
			list = append(list, strings.ToLower(n))
		}
	}
	return list
}

func (r *remote) run(ctx context.Context) error {
	if r.l == nil {
		<-ctx.Done()
		return nil
	}
	stop := context.AfterFunc(ctx, func() { r.server.Close() })
	defer stop()
	if err := r.server.ServeTLS(r.l, "", ""); err != http.ErrServerClosed {
		return err
	}
	return nil
}

func (r *remote) close() error {
	if r.l != nil {
		r.l.Close() // already closed when it was served
	}
	return r.server.Close()
}
