// Package phonefiles has the listeners where phones get their files, by HTTPS, HTTP, TFTP
// and TLS of before 1.2, and tells what all phones are told of this server. Who gets which
// file is decided in sipphone/provision.
package phonefiles

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"tandem/cmd/tandem/api/front"
	"tandem/cmd/tandem/certs"
	"tandem/cmd/tandem/config"
	"tandem/cmd/tandem/web"
	"tandem/sipphone/invite"
	"tandem/sipphone/provision"
	"tandem/sipphone/tftp"
)

// Config is what the listeners give out.
type Config struct {
	Desk  *provision.Desk
	Links http.Handler // of softphones, over HTTPS alone: their links are secrets
	Cert  *certs.Certificate
	Log   *slog.Logger
}

// Listeners are where phones get their files.
type Listeners struct {
	c       Config
	addrs   map[string]string // by way
	serve   []func(context.Context) error
	closers []func() error
}

// maxConns is how many connections phones have at a time to one listener:
// a whole site boots at once.
const maxConns = 8192

// Listen opens the listeners that the configuration names.
func Listen(cfg *config.Config, c Config) (_ *Listeners, err error) {
	l := &Listeners{c: c, addrs: make(map[string]string)}
	defer func() {
		if err != nil {
			_ = l.Close() // the other error says what is wrong
		}
	}()
	for _, x := range []struct {
		key, addr string
		way       provision.Way
	}{{"https", cfg.Phones.HTTPS, provision.HTTPS}, {"http", cfg.Phones.HTTP, provision.HTTP}, {"old_tls", cfg.Phones.OldTLS, provision.OldTLS}} {
		if x.addr == "" {
			continue
		}
		if err := l.http(cfg, x.addr, x.way); err != nil {
			return nil, fmt.Errorf("phones.%s: %w", x.key, err)
		}
	}
	if cfg.Phones.PnP != "" {
		leave, err := joinMulticast(cfg.Phones.PnP)
		if err != nil {
			return nil, fmt.Errorf("phones.pnp: %w", err)
		}
		l.closers = append(l.closers, leave)
	}
	if cfg.Phones.TFTP != "" {
		files, err := tftp.Listen(cfg.Phones.TFTP, c.Desk, c.Log)
		if err != nil {
			return nil, fmt.Errorf("phones.tftp: %w", err)
		}
		l.addrs[string(provision.TFTP)] = files.Addr().String()
		l.closers = append(l.closers, func() error { files.Close(); return nil }) // closed already when it was served
		l.serve = append(l.serve, files.Run)
	}
	return l, nil
}

// http opens one for HTTP, over TLS unless the way is plain.
func (l *Listeners) http(cfg *config.Config, addr string, way provision.Way) error {
	tcp, err := net.Listen("tcp", addr)
	if err != nil {
		return fmt.Errorf("%w; choose another port, or \"\" for none", err)
	}
	limited := front.NewListener(tcp, maxConns)
	l.addrs[string(way)] = tcp.Addr().String()
	l.closers = append(l.closers, func() error { limited.Close(); return nil })
	server := &http.Server{Handler: limited.Handler(l.handler(way)), ConnContext: limited.Context, ErrorLog: web.Quiet(l.c.Log),
		ReadHeaderTimeout: provision.ReadHeaderTimeout, ReadTimeout: provision.ReadTimeout, WriteTimeout: provision.WriteTimeout,
		IdleTimeout: provision.IdleTimeout, MaxHeaderBytes: 8 << 10}
	listener := net.Listener(limited)
	if way != provision.HTTP {
		config := l.c.Cert.Phones
		if way == provision.OldTLS {
			config = l.c.Cert.OldPhones
		}
		t, err := config(cfg.Phones.ClientCA)
		if err != nil {
			return err
		}
		listener = tls.NewListener(limited, t)
	}
	l.serve = append(l.serve, func(ctx context.Context) error { return web.Serve(ctx, server, listener) })
	return nil
}

// handler serves phones, and softphones over TLS alone.
func (l *Listeners) handler(way provision.Way) http.Handler {
	files := l.c.Desk.Handler(way)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch link := strings.HasPrefix(r.URL.Path, "/"+invite.Path); {
		case link && way == provision.HTTPS:
			l.c.Links.ServeHTTP(w, r)
		case link:
			http.NotFound(w, r)
		default:
			files.ServeHTTP(w, r)
		}
	})
}

// Addr is where phones get their files by a way, "http", "https", "old-tls" or "tftp"; ""
// where it is off.
func (l *Listeners) Addr(way string) string { return l.addrs[way] }

// Jobs serve the listeners, each until its context ends.
func (l *Listeners) Jobs() []func(context.Context) error { return l.serve }

// Close ends the listeners, also when they were never served.
func (l *Listeners) Close() error {
	var errs []error
	for _, f := range l.closers {
		errs = append(errs, f())
	}
	return errors.Join(errs...)
}
