package web

import (
	"bufio"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Clients that dawdle, idle or never read hold no connection of the HTTP
// listener for ever, and no more than a few descriptors, which SIP needs too.
func TestHTTPDoesNotWaitForItsClients(t *testing.T) {
	h, err := ListenHealth("127.0.0.1:0", prometheus.NewRegistry(), func() error { return nil }, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if s := &h.server; s.ReadTimeout <= 0 || s.WriteTimeout <= 0 || s.IdleTimeout <= 0 || s.MaxHeaderBytes <= 0 {
		t.Errorf("reading %v, writing %v, idle %v, header %d: 0 is without limit", s.ReadTimeout, s.WriteTimeout, s.IdleTimeout, s.MaxHeaderBytes)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- h.Run(ctx) }()
	var held []net.Conn
	for i := range 4 * MaxHealth {
		c, err := net.Dial("tcp", h.Addr())
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, c)
		if i < 3*MaxHealth {
			continue
		}
		if _, err := c.Write([]byte("GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")); err != nil {
			t.Fatal(err)
		}
	}
	// The newest are held, the others have made room.
	for _, c := range held[len(held)-MaxHealth:] {
		c.SetDeadline(time.Now().Add(30 * time.Second))
		r, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Body.Close()
	}
	for _, c := range held[:len(held)-MaxHealth] {
		c.SetReadDeadline(time.Now().Add(30 * time.Second))
		if _, err := c.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("more than %d connections are held: %v", MaxHealth, err)
		}
	}
	for _, c := range held {
		c.Close()
	}
	// Their places are free again.
	for end := time.Now().Add(30 * time.Second); ; {
		r, err := http.Get("http://" + h.Addr() + "/livez")
		if err == nil {
			r.Body.Close()
			break
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Millisecond)
	}
	stop()
	if err := errors.Join(<-done, h.Close()); err != nil {
		t.Error(err)
	}
}

// Metrics may be collected from elsewhere, profiles only on this machine: they
// cost what they measure.
func TestProfilesStayHere(t *testing.T) {
	for remote, want := range map[string]int{"127.0.0.1:9": 200, "[::1]:9": 200, "192.0.2.1:9": 403, "[::ffff:192.0.2.1]:9": 403, "": 403} {
		for _, path := range []string{"/debug/pprof/", "/debug/pprof/heap", "/debug/pprof/symbol"} {
			r := httptest.NewRequest("GET", path, nil)
			r.RemoteAddr, r.Host = remote, "localhost:9090"
			w := httptest.NewRecorder()
			profiles().ServeHTTP(w, r)
			if w.Code != want {
				t.Errorf("%s from %q: %d, want %d", path, remote, w.Code, want)
			}
		}
	}
	// A web page reaches them under no name of its own (DNS rebinding).
	for host, want := range map[string]int{"127.0.0.1:9090": 200, "[::1]:9090": 200, "LOCALHOST": 200, "evil.example": 403, "evil.example:9090": 403, "192.0.2.1": 403, "": 403} {
		r := httptest.NewRequest("GET", "/debug/pprof/", nil)
		r.RemoteAddr, r.Host = "127.0.0.1:9", host
		w := httptest.NewRecorder()
		profiles().ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("host %q: %d, want %d", host, w.Code, want)
		}
	}
}

// readyz says what is wrong, all of it; livez answers also then.
func TestReady(t *testing.T) {
	var err error
	h, lerr := ListenHealth("127.0.0.1:0", prometheus.NewRegistry(), func() error { return err }, slog.New(slog.DiscardHandler))
	if lerr != nil {
		t.Fatal(lerr)
	}
	defer h.Close()
	ask := func(path string) (int, string) {
		w := httptest.NewRecorder()
		h.server.Handler.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		return w.Code, w.Body.String()
	}
	if code, text := ask("/readyz"); code != 200 {
		t.Errorf("%d %s", code, text)
	}
	err = errors.New("the store is gone")
	if code, text := ask("/readyz"); code != 503 || text != "the store is gone\n" {
		t.Errorf("%d %s", code, text)
	}
	if code, _ := ask("/livez"); code != 200 {
		t.Error(code)
	}
}
