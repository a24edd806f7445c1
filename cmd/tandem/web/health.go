package web

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"net/netip"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"tandem/cmd/tandem/api/front"
)

// MaxHealth is how many connections Health has at a time. The descriptors are for
// SIP. Connections without a request make room for new ones, so that nobody who
// holds some open keeps health checks out.
const MaxHealth = 64

// Health serves metrics, health and profiles. It does nothing without an address.
type Health struct {
	l      *front.Listener
	server http.Server
}

// ListenHealth opens a TCP address, "" for none. ready says why the server cannot do its
// work, all of it in one error; nil when it can.
func ListenHealth(addr string, metrics prometheus.Gatherer, ready func() error, log *slog.Logger) (*Health, error) {
	h := &Health{}
	if addr == "" {
		return h, nil
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("http.addr: %w; choose another port, or \"\" for none", err)
	}
	h.l = front.NewListener(l, MaxHealth)
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(metrics, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if err := ready(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	})
	mux.Handle("GET /debug/pprof/", profiles())
	h.server.Handler = h.l.Handler(mux)
	h.server.ConnContext = h.l.Context
	h.server.ErrorLog = Quiet(log)
	h.server.ReadTimeout = 5 * time.Second
	h.server.WriteTimeout = 30 * time.Second // profiles add their length to it
	h.server.IdleTimeout = time.Minute
	h.server.MaxHeaderBytes = 16 << 10
	return h, nil
}

// Addr is where it listens, "" without an address.
func (h *Health) Addr() string { return addrOf(h.l) }

// Run serves until ctx ends.
func (h *Health) Run(ctx context.Context) error {
	if h.l == nil {
		<-ctx.Done()
		return nil
	}
	return Serve(ctx, &h.server, h.l)
}

// Close ends it, also when it was never served.
func (h *Health) Close() error {
	if h.l != nil {
		h.l.Close() // already closed when it was served
	}
	return h.server.Close()
}

// profiles serves them to this machine alone: each costs time and memory.
func profiles() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if a, err := netip.ParseAddrPort(r.RemoteAddr); err != nil || !a.Addr().Unmap().IsLoopback() {
			http.Error(w, "profiles are served on this machine only", http.StatusForbidden)
			return
		}
		if !localName(r.Host) { // a page whose name was made to lead here (DNS rebinding)
			http.Error(w, "profiles are served under localhost or a loopback address only", http.StatusForbidden)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// localName reports whether a Host header names this machine as only itself can.
func localName(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	a, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return strings.EqualFold(host, "localhost") || err == nil && a.IsLoopback()
}
