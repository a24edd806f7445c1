package harness

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// HTTP asks the API over the control socket, and decodes the answer.
func (r *Rig) HTTP(t *testing.T, method, path, body string, headers ...string) (code int, out map[string]any, h http.Header) {
	t.Helper()
	return OverSocket(t, r.Cfg.Socket(), method, path, body, headers...)
}

// OverSocket is a request of an HTTP client that shares no code with ours.
func OverSocket(t *testing.T, socket, method, path, body string, headers ...string) (code int, out map[string]any, h http.Header) {
	t.Helper()
	if !strings.HasPrefix(path, "/camara/") {
		path = "/api/v1" + path
	}
	c := http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}}
	defer c.CloseIdleConnections()
	req, err := http.NewRequestWithContext(Soon(t), method, "http://server"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &out); err != nil && len(b) > 0 {
		t.Fatalf("%v in %s", err, b)
	}
	return res.StatusCode, out, res.Header
}

// Wait waits until something holds.
func Wait(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(Patience); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within %s", what, Patience)
		}
	}
}
