package front

import (
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"tandem/cmd/tandem/api/access"
	"tandem/cmd/tandem/api/problem"
)

// Guard is what a request from the network passes before the operations.
type Guard struct {
	Tokens  *access.Tokens
	Hosts   []string // names by which this server may be called, lower case; addresses it is reached at are known
	Origins []string // web pages that may call, "https://admin.example.com"; none: no page may
	Log     *slog.Logger
}

// maxRequests is how many requests are served at a time, streams included.
const maxRequests = 256

// Handler lets through to next what may pass, with its caller in the context.
func (g *Guard) Handler(next http.Handler) http.Handler {
	serving := make(chan struct{}, maxRequests)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case serving <- struct{}{}:
			defer func() { <-serving }()
		default:
			problem.Write(w, problem.New(http.StatusServiceUnavailable, "too_many_requests", "the server is already handling as many requests as it can").
				Fix("try again in a second").After(time.Second))
			return
		}
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-store")
		caller, done := g.check(w, r)
		if done {
			return
		}
		next.ServeHTTP(w, r.WithContext(access.With(r.Context(), caller)))
	})
}

// check answers what may not pass, and then reports true.
func (g *Guard) check(w http.ResponseWriter, r *http.Request) (caller access.Caller, done bool) {
	if !g.ours(r) {
		problem.Write(w, problem.New(http.StatusMisdirectedRequest, "host_unknown", "this server is not called "+r.Host).
			Fix("use one of its names, or add this one to api.hosts"))
		return caller, true
	}
	if done := g.page(w, r); done {
		return caller, true
	}
	caller, err := g.caller(r)
	if err != nil {
		g.Log.Warn("API caller refused", "peer", r.RemoteAddr, "err", err)
		problem.Write(w, problem.New(http.StatusUnauthorized, "token_refused", err.Error()).
			Fix("send the header Authorization: Bearer TOKEN, with a token of: tandem tokens add"))
		return caller, true
	}
	return caller, false
}

// ours tells whether the Host header names this server. A web page whose name was
// made to lead here by its owner (DNS rebinding) does not pass.
func (g *Guard) ours(r *http.Request) bool {
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
	if slices.Contains(g.Hosts, host) {
		return true
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return false
	}
	local, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	return ok && local.AddrPort().Addr().Unmap() == addr.Unmap()
}

// page handles requests that a web page makes (Fetch standard §3.2): those of the
// pages named pass, their preflight is answered, all others are refused.
func (g *Guard) page(w http.ResponseWriter, r *http.Request) (done bool) {
	origin := r.Header.Get("Origin")
	if origin == "" || origin == "https://"+r.Host { // a page of our own; the name has been checked
		return false
	}
	w.Header().Set("Vary", "Origin")
	if !slices.Contains(g.Origins, origin) {
		problem.Write(w, problem.New(http.StatusForbidden, "origin_refused", "pages of "+origin+" may not call this server").
			Fix("add the origin to api.origins if its pages are to be trusted"))
		return true
	}
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Expose-Headers", "ETag, Location, Retry-After")
	if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" {
		return false
	}
	h.Set("Access-Control-Allow-Methods", "GET, POST, PUT, PATCH, DELETE")
	h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, If-Match, If-None-Match, Idempotency-Key, Last-Event-ID")
	h.Set("Access-Control-Max-Age", "600")
	w.WriteHeader(http.StatusNoContent)
	return true
}

var errNoToken = errors.New("the request has no token")

// caller is who sends the request (RFC 6750 §2.1).
func (g *Guard) caller(r *http.Request) (access.Caller, error) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		return access.Caller{}, errNoToken
	}
	return g.Tokens.Caller(strings.TrimSpace(token))
}
