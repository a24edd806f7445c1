package server

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"net/netip"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"tandem/cmd/tandem/api/front"
)

// httpServer serves metrics, health and profiles; nil-like without an address.
type httpServer struct {
	l      *front.Listener
	server http.Server
}

func listenHTTP(addr string, s *Server) (*httpServer, error) {
	h := &httpServer{}
	if addr == "" {
		return h, nil
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("http.addr: %w; choose another port, or \"\" for none", err)
	}
	h.l = front.NewListener(l, maxHTTP)
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(s.registry(), promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", s.readyz)
	mux.Handle("GET /debug/pprof/", profiles())
	h.server.Handler = h.l.Handler(mux)
	h.server.ConnContext = h.l.Context
	h.server.ErrorLog = quiet(s.log)
	h.server.ReadTimeout = 5 * time.Second
	h.server.WriteTimeout = 30 * time.Second // profiles add their length to it
	h.server.IdleTimeout = time.Minute
	h.server.MaxHeaderBytes = 16 << 10
	return h, nil
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

// maxHTTP is how many HTTP connections there are at a time. The descriptors are for
// SIP. Connections without a request make room for new ones, so that nobody who
// holds some open keeps health checks out.
const maxHTTP = 64

// quiet is for what net/http says of its peers: of no matter but for who looks for
// it.
func quiet(l *slog.Logger) *log.Logger {
	return slog.NewLogLogger(l.Handler(), slog.LevelDebug)
}

// readyz is 200 when the server can do its work, else 503 with the reasons.
// Liveness does not depend on the store: restarting would not mend it.
func (s *Server) readyz(w http.ResponseWriter, _ *http.Request) {
	var errs []error
	if s.drain.Load() {
		errs = append(errs, errors.New("draining"))
	}
	if err := s.store.Healthy(); err != nil {
		errs = append(errs, fmt.Errorf("store: %w", err))
	}
	if c := s.cert.Current(); c != nil && time.Now().After(c.Leaf.NotAfter) {
		errs = append(errs, fmt.Errorf("certificate expired on %s", c.Leaf.NotAfter.Format(time.DateOnly)))
	}
	if err := errors.Join(errs...); err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "ok")
}

func (h *httpServer) run(ctx context.Context) error {
	if h.l == nil {
		<-ctx.Done()
		return nil
	}
	return serveHTTP(ctx, &h.server, h.l)
}

func (h *httpServer) close() error {
	if h.l != nil {
		h.l.Close() // already closed when it was served
	}
	return h.server.Close()
}
