package server

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"tandem/cmd/tandem/config"
	"tandem/cmd/tandem/web"
)

// overHTTPS is a client of a running server that trusts its CA, with a token of the
// scopes.
func overHTTPS(t *testing.T, s *Server, scopes ...string) *client {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(s.cfg.Load().Data, "ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(b)
	w := &client{t: t, base: "https://" + s.API().Addr() + "/api/v1",
		web: http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: true}}}
	if len(scopes) > 0 {
		in, _ := json.Marshal(map[string]any{"name": strings.ReplaceAll(strings.Join(scopes, "-"), ":", "."), "scopes": scopes})
		r := overSocket(t, s).do("POST", "/tokens", string(in))
		w.token, _ = r.body["token"].(string)
		if w.token == "" {
			t.Fatal(r.text)
		}
	}
	t.Cleanup(w.web.CloseIdleConnections)
	return w
}

// remotely is a configuration with the API over HTTPS.
func remotely(c *config.Config) { c.API.Addr = "127.0.0.1:0" }

// TestTokens: over HTTPS nobody gets in without a token, or beyond its scopes.
func TestTokens(t *testing.T) {
	s := running(t, remotely)
	if r := overHTTPS(t, s).do("GET", "/users", ""); r.code != 401 || r.header.Get("WWW-Authenticate") == "" || r.body["code"] != "token_refused" {
		t.Errorf("without a token: %d %v %s", r.code, r.header, r.text)
	}
	reader, writer := overHTTPS(t, s, "users:read"), overHTTPS(t, s, "users:write")
	for _, c := range []struct {
		w            *client
		method, path string
		body         string
		code         int
	}{
		{reader, "GET", "/users", "", 200},
		{reader, "POST", "/users", `{"address":"alice"}`, 403},
		{writer, "POST", "/users", `{"address":"alice"}`, 201},
		{writer, "GET", "/users/alice", "", 200},
		{writer, "GET", "/registrations", "", 403},
		{writer, "GET", "/tokens", "", 403},
		{writer, "POST", "/tokens", `{"name":"more","scopes":["admin"]}`, 403},
		{writer, "GET", "/webhooks", "", 403},
		{writer, "GET", "/audit", "", 403},
		{writer, "POST", "/server/reload", "", 403},
		{writer, "GET", "/events", "", 403},
		{overHTTPS(t, s, "admin"), "GET", "/audit", "", 200},
	} {
		if r := c.w.do(c.method, c.path, c.body); r.code != c.code {
			t.Errorf("%s %s: %d %s, want %d", c.method, c.path, r.code, r.text, c.code)
		}
	}
	local := overSocket(t, s)
	if r := local.do("POST", "/tokens", `{"name":"x","scopes":["users:rule"]}`); r.code != 422 || !strings.Contains(r.text, "users:write") {
		t.Errorf("a scope that does not exist: %d %s", r.code, r.text)
	}
	if r := local.do("GET", "/tokens", ""); strings.Contains(r.text, writer.token) || !strings.Contains(r.text, `"last_used"`) {
		t.Errorf("tokens: %s", r.text)
	}
	if r := local.do("DELETE", "/tokens/users.write", ""); r.code != 200 {
		t.Fatalf("revoking: %d %s", r.code, r.text)
	}
	if r := writer.do("GET", "/users", ""); r.code != 401 {
		t.Errorf("revoked: %d", r.code)
	}
}

// TestHostsAndOrigins: a request that a web page was made to send does not get in.
func TestHostsAndOrigins(t *testing.T) {
	s := running(t, func(c *config.Config) {
		remotely(c)
		c.API.Origins, c.API.Hosts = []string{"https://admin.example.net"}, []string{"api.example.net"}
	})
	w := overHTTPS(t, s, "users:read")
	for _, c := range []struct {
		header, value string
		code          int
	}{
		{"Host", "example.com", 200},
		{"Host", "EXAMPLE.com:9443", 200},
		{"Host", "api.example.net", 200},
		{"Host", "evil.test", 421},
		{"Host", "192.0.2.1", 421},
		{"Host", "example.com.evil.test", 421},
		{"Origin", "https://evil.test", 403},
		{"Origin", "null", 403},
		{"Origin", "https://example.com", 403},
		{"Origin", "https://admin.example.net", 200},
	} {
		r := w.do("GET", "/users", "", c.header, c.value)
		if r.code != c.code {
			t.Errorf("%s %s: %d %s, want %d", c.header, c.value, r.code, r.text, c.code)
		}
		allowed := c.header == "Origin" && c.code == 200
		if got := r.header.Get("Access-Control-Allow-Origin"); (got != "") != allowed || got == "*" {
			t.Errorf("%s %s: Access-Control-Allow-Origin %q", c.header, c.value, got)
		}
	}
	if r := w.do("GET", "/users", "", "Origin", strings.TrimSuffix(w.base, "/api/v1")); r.code != 200 { // the page of this server
		t.Errorf("our own origin: %d %s", r.code, r.text)
	}
	w.token = ""
	r := w.do("OPTIONS", "/users", "", "Origin", "https://admin.example.net", "Access-Control-Request-Method", "POST")
	if r.code != 204 || !strings.Contains(r.header.Get("Access-Control-Allow-Methods"), "POST") {
		t.Errorf("preflight: %d %v", r.code, r.header)
	}
	if r := w.do("OPTIONS", "/users", "", "Origin", "https://evil.test", "Access-Control-Request-Method", "POST"); r.code != 403 {
		t.Errorf("preflight of another page: %d", r.code)
	}
}

// TestHalfOpenConnections: whoever holds many connections without a request keeps
// neither callers of the API nor health checks out.
func TestHalfOpenConnections(t *testing.T) {
	s := running(t, func(c *config.Config) {
		remotely(c)
		c.HTTP.Addr = "127.0.0.1:0"
	})
	w := overHTTPS(t, s, "users:read")
	for _, c := range []struct {
		addr  string
		count int
		says  string
		check func() error
	}{
		{s.Health().Addr(), web.MaxHealth + 16, "GET /livez HTTP/1.1\r\nHost:", func() error {
			r, err := http.Get("http://" + s.Health().Addr() + "/livez")
			if err == nil {
				r.Body.Close()
			}
			return err
		}},
		{s.API().Addr(), web.MaxAPI + 16, "\x16\x03\x01", func() error {
			if r := w.do("GET", "/users", ""); r.code != 200 {
				return errors.New(r.text)
			}
			return nil
		}},
	} {
		// A machine that stands still makes one of them late, a server that waits all.
		var longest time.Duration
		for try := 0; try < 3 && (try == 0 || longest > 4*time.Second); try++ {
			longest = beside(t, c.addr, c.says, c.count, c.check)
		}
		if longest > 4*time.Second {
			t.Errorf("%s: took %s: it waited for the others to time out", c.addr, longest)
		}
	}
}

// beside makes so many connections, half of which say something, and tells how long it
// took at most to be served beside them.
func beside(t *testing.T, addr, says string, count int, check func() error) (longest time.Duration) {
	t.Helper()
	for i := range count {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if i%2 == 0 {
			fmt.Fprint(conn, says)
		}
	}
	for range 5 {
		begun := time.Now()
		if err := check(); err != nil {
			t.Errorf("%s: %v", addr, err)
		}
		longest = max(longest, time.Since(begun))
	}
	return longest
}

// events reads n events of a stream.
func (w *client) events(path, after string, n int) (ids, data []string) {
	w.t.Helper()
	ctx, stop := context.WithTimeout(w.t.Context(), patience)
	defer stop()
	resp := w.stream(ctx, path, after)
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	for len(data) < n && lines.Scan() {
		if id, ok := strings.CutPrefix(lines.Text(), "id: "); ok {
			ids = append(ids, id)
		}
		if text, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
			data = append(data, text)
		}
	}
	if len(data) < n {
		w.t.Fatalf("%s: %d of %d events: %v", path, len(data), n, lines.Err())
	}
	return ids, data
}

// stream opens a stream of events; when it returns the server is sending.
func (w *client) stream(ctx context.Context, path, after string) *http.Response {
	w.t.Helper()
	r, err := http.NewRequestWithContext(ctx, "GET", w.base+path, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	if w.token != "" {
		r.Header.Set("Authorization", "Bearer "+w.token)
	}
	if after != "" {
		r.Header.Set("Last-Event-ID", after)
	}
	resp, err := w.web.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "text/event-stream" {
		b, _ := io.ReadAll(resp.Body)
		w.t.Fatalf("%s: %d %s", path, resp.StatusCode, b)
	}
	return resp
}

// TestEvents: what is changed is told, to those who may see it, once each, without
// secrets; a revoked token hears no more.
func TestEvents(t *testing.T) {
	s := running(t, remotely)
	local := overSocket(t, s)
	narrow := overHTTPS(t, s, "events:read", "registrations:read")
	broad := overHTTPS(t, s, "events:read", "users:read")
	stream := broad.stream(t.Context(), "/events", "")
	defer stream.Body.Close()
	for i := range 3 {
		if r := local.do("POST", "/users", fmt.Sprintf(`{"address":"user%d","password":"plain-to-see-%d"}`, i, i)); r.code != 201 {
			t.Fatal(r.text)
		}
	}
	ids, data := broad.events("/events?types=user.*", "none", 4) // an ID of another server
	if !strings.Contains(data[0], "read the resources again") {
		t.Errorf("the first is %s", data[0])
	}
	for i, d := range data[1:] {
		var e struct{ ID, Type, Resource string }
		if err := json.Unmarshal([]byte(d), &e); err != nil || e.Type != "user.added" || e.Resource != fmt.Sprintf("users/sip:user%d@example.com", i) {
			t.Errorf("event %d: %s (%v)", i, d, err)
		}
		if strings.Contains(d, "plain-to-see") {
			t.Errorf("a password is told: %s", d)
		}
	}
	if _, data := broad.events("/events?types=user.*", ids[0], 2); !strings.Contains(data[0], "user1") || !strings.Contains(data[1], "user2") {
		t.Errorf("after the first: %v", data)
	}
	// What one may not see is not told; what one may is.
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	resp := narrow.stream(ctx, "/events", ids[0])
	time.AfterFunc(time.Second, stop)
	if b, _ := io.ReadAll(resp.Body); strings.Contains(string(b), "user") {
		t.Errorf("told to one who may not see users: %s", b)
	}
	resp.Body.Close()
	// A live stream has the same events, and ends with its token.
	lines := bufio.NewScanner(stream.Body)
	for seen := 0; seen < 3; {
		if !lines.Scan() {
			t.Fatal("the stream ended")
		}
		if strings.HasPrefix(lines.Text(), "data: ") {
			seen++
		}
	}
	local.do("DELETE", "/tokens/events.read-users.read", "")
	local.do("POST", "/users", `{"address":"later"}`)
	for lines.Scan() {
		if strings.Contains(lines.Text(), "later") {
			t.Error("a revoked token still hears")
		}
	}
}

// TestIdempotencyKeys over the wire: a user is made once, and the password that is
// shown once is shown to the repeat as well, after a restart too.
func TestIdempotencyKeys(t *testing.T) {
	dir := t.TempDir()
	var first reply
	for i := range 2 {
		t.Run(fmt.Sprint("server ", i+1), func(t *testing.T) {
			w := overSocket(t, running(t, func(c *config.Config) { c.Data = dir }))
			for range 2 {
				r := w.do("POST", "/users", `{"address":"alice"}`, "Idempotency-Key", "c0ffee")
				if first.code == 0 {
					first = r
					continue
				}
				if r.code != 201 || r.text != first.text || r.header.Get("ETag") != first.header.Get("ETag") || r.header.Get("Idempotency-Replayed") != "true" {
					t.Errorf("the repeat: %d %v %s", r.code, r.header, r.text)
				}
			}
			if r := w.do("POST", "/users", `{"address":"bob"}`, "Idempotency-Key", "c0ffee"); r.code != 422 {
				t.Errorf("another request with the key: %d %s", r.code, r.text)
			}
		})
	}
}

// TestAudit: each change is kept with who made it and how it was, failures as well.
func TestAudit(t *testing.T) {
	s := running(t, remotely)
	w, local := overHTTPS(t, s, "users:write"), overSocket(t, s)
	w.do("POST", "/users", `{"address":"alice","password":"plain-to-see"}`)
	w.do("PATCH", "/users/alice", `{"enabled":false}`)
	w.do("PATCH", "/users/alice", `{"remove_alias":"100"}`)
	w.do("PATCH", "/users/alice", `{"password":"plain-to-see-2"}`)
	local.do("DELETE", "/users/alice", "")
	r := local.do("GET", "/audit?resource=users/sip:alice@example.com", "")
	if strings.Contains(r.text, "plain-to-see") {
		t.Errorf("a password is kept: %s", r.text)
	}
	items, _ := r.body["items"].([]any)
	want := []struct{ who, operation, outcome, before, after string }{
		{"local:", "delete-user", "done", `"enabled":false`, ""},
		{"token:users.write", "change-user", "done", "", ""},
		{"token:users.write", "change-user", "failed", "", ""},
		{"token:users.write", "change-user", "done", `"enabled":true`, `"enabled":false`},
		{"token:users.write", "add-user", "done", "", `"address":"sip:alice@example.com"`},
	}
	if len(items) != len(want) {
		t.Fatalf("%d rows: %s", len(items), r.text)
	}
	for i, c := range want {
		row := items[i].(map[string]any)
		before, _ := json.Marshal(row["before"])
		after, _ := json.Marshal(row["after"])
		if !strings.HasPrefix(row["who"].(string), c.who) || row["operation"] != c.operation || row["outcome"] != c.outcome ||
			!strings.Contains(string(before), c.before) || !strings.Contains(string(after), c.after) {
			t.Errorf("row %d: %v, want %v", i, row, c)
		}
	}
	if why, _ := items[2].(map[string]any)["why"].(string); !strings.Contains(why, "no alias") {
		t.Errorf("the failure says %q", why)
	}
}

// TestWebhooks: an event reaches a webhook, signed; one that leads to this machine
// is refused unless that is allowed.
func TestWebhooks(t *testing.T) {
	var mu sync.Mutex
	var got []string
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		got = append(got, r.Header.Get("webhook-signature")+" "+string(b))
	}))
	defer hook.Close()
	for _, allowed := range []bool{false, true} {
		t.Run(fmt.Sprint("allowed ", allowed), func(t *testing.T) {
			w := overSocket(t, running(t, func(c *config.Config) {
				if allowed {
					c.API.WebhooksTo = []string{"127.0.0.0/8"}
				}
			}))
			r := w.do("POST", "/webhooks", fmt.Sprintf(`{"name":"hook","url":%q,"types":["user.*"]}`, hook.URL))
			if secret, _ := r.body["secret"].(string); r.code != 201 || !strings.HasPrefix(secret, "whsec_") {
				t.Fatalf("%d %s", r.code, r.text)
			}
			r = w.do("POST", "/webhooks/hook/test", "")
			if r.body["delivered"] != allowed || !allowed && !strings.Contains(r.text, "api.webhooks_to") {
				t.Errorf("test: %s", r.text)
			}
			w.do("POST", "/users", `{"address":"alice"}`)
			state := func() map[string]any {
				r := w.do("GET", "/webhooks", "")
				if strings.Contains(r.text, "whsec_") {
					t.Errorf("the secret is shown: %s", r.text)
				}
				return r.body["items"].([]any)[0].(map[string]any)
			}
			h := state()
			soon(func() bool {
				h = state()
				return allowed && h["delivered"] == 1.0 && h["pending"] == 0.0 || !allowed && h["fault"] != nil
			})
			if allowed != (h["delivered"] == 1.0) || allowed != (h["pending"] == 0.0) {
				t.Errorf("state %v", h)
			}
			mu.Lock()
			defer mu.Unlock()
			if allowed != (len(got) == 2) || allowed && (!strings.HasPrefix(got[1], "v1,") || !strings.Contains(got[1], `"type":"user.added"`)) {
				t.Errorf("got %q", got)
			}
		})
	}
}

// TestCurl: the documented first call.
func TestCurl(t *testing.T) {
	s := running(t, remotely)
	w := overHTTPS(t, s, "users:write")
	_, port, _ := net.SplitHostPort(s.API().Addr())
	curl := func(args ...string) string {
		t.Helper()
		out, err := exec.Command("curl", append([]string{"-sS", "--cacert", filepath.Join(s.cfg.Load().Data, "ca.pem"), "-H", "Authorization: Bearer " + w.token}, args...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("curl %v: %v %s", args, err, out)
		}
		return string(out)
	}
	url := "https://localhost:" + port + "/api/v1/users"
	if out := curl("-H", "Content-Type: application/json", "-d", `{"address": "alice", "display": "Alice Smith"}`, url); !strings.Contains(out, `"password"`) {
		t.Error(out)
	}
	if out := curl(url); !strings.Contains(out, `"display":"Alice Smith"`) {
		t.Error(out)
	}
	if out := curl("-H", "Content-Type: text/csv", "--data-binary", "bob,Bob,longenough\n", url+"/import"); !strings.Contains(out, "sip:bob@example.com") {
		t.Error(out)
	}
}
