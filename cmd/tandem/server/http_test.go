package server

import (
	"bufio"
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"tandem/cmd/tandem/config"
)

// Clients that dawdle, idle or never read hold no connection of the HTTP
// listener for ever, and no more than a few descriptors, which SIP needs too.
func TestHTTPDoesNotWaitForItsClients(t *testing.T) {
	cfg := config.Default()
	cfg.Domains, cfg.Data, cfg.HTTP.Addr = []string{"http.test"}, t.TempDir(), "127.0.0.1:0"
	cfg.Listen = []config.Listen{{Proto: "udp", Addr: "127.0.0.1:0"}}
	s, err := New(t.Context(), cfg, Options{})
	if err != nil {
		t.Fatal(err)
	}
	h := &s.http.server
	if h.ReadTimeout <= 0 || h.WriteTimeout <= 0 || h.IdleTimeout <= 0 || h.MaxHeaderBytes <= 0 {
		t.Errorf("reading %v, writing %v, idle %v, header %d: 0 is without limit", h.ReadTimeout, h.WriteTimeout, h.IdleTimeout, h.MaxHeaderBytes)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- s.http.run(ctx) }()
	var held []net.Conn
	for i := range 4 * maxHTTP {
		c, err := net.Dial("tcp", s.http.l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, c)
		if i < 3*maxHTTP {
			continue
		}
		if _, err := c.Write([]byte("GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")); err != nil {
			t.Fatal(err)
		}
	}
	// The newest are held, the others have made room.
	for _, c := range held[len(held)-maxHTTP:] {
		c.SetDeadline(time.Now().Add(patience))
		r, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Body.Close()
	}
	for _, c := range held[:len(held)-maxHTTP] {
		c.SetReadDeadline(time.Now().Add(patience))
		if _, err := c.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("more than %d connections are held: %v", maxHTTP, err)
		}
	}
	for _, c := range held {
		c.Close()
	}
	// Their places are free again.
	for end := time.Now().Add(patience); ; {
		r, err := http.Get("http://" + s.http.l.Addr().String() + "/livez")
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
	if err := errors.Join(<-done, s.transport.Run(ctx), s.close()); err != nil {
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
