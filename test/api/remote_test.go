package api

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"tandem/cmd/tandem/config"
	"tandem/cmd/tandem/web"
	"tandem/test/harness"
)

// TestTokens: over HTTPS nobody gets in without a token, or beyond its scopes.
func TestTokens(t *testing.T) {
	s := harness.Running(t, harness.Remotely)
	if r := harness.HTTPSClient(t, s).Do("GET", "/users", ""); r.Code != 401 || r.Header.Get("WWW-Authenticate") == "" || r.Body["code"] != "token_refused" {
		t.Errorf("without a token: %d %v %s", r.Code, r.Header, r.Text)
	}
	reader, writer := harness.HTTPSClient(t, s, "users:read"), harness.HTTPSClient(t, s, "users:write")
	for _, c := range []struct {
		w            *harness.Client
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
		{harness.HTTPSClient(t, s, "admin"), "GET", "/audit", "", 200},
	} {
		if r := c.w.Do(c.method, c.path, c.body); r.Code != c.code {
			t.Errorf("%s %s: %d %s, want %d", c.method, c.path, r.Code, r.Text, c.code)
		}
	}
	local := harness.SocketClient(t, s)
	if r := local.Do("POST", "/tokens", `{"name":"x","scopes":["users:rule"]}`); r.Code != 422 || !strings.Contains(r.Text, "users:write") {
		t.Errorf("a scope that does not exist: %d %s", r.Code, r.Text)
	}
	if r := local.Do("GET", "/tokens", ""); strings.Contains(r.Text, writer.Token) || !strings.Contains(r.Text, `"last_used"`) {
		t.Errorf("tokens: %s", r.Text)
	}
	if r := local.Do("DELETE", "/tokens/users.write", ""); r.Code != 200 {
		t.Fatalf("revoking: %d %s", r.Code, r.Text)
	}
	if r := writer.Do("GET", "/users", ""); r.Code != 401 {
		t.Errorf("revoked: %d", r.Code)
	}
}

// TestHostsAndOrigins: a request that a web page was made to send does not get in.
func TestHostsAndOrigins(t *testing.T) {
	s := harness.Running(t, func(c *config.Config) {
		harness.Remotely(c)
		c.API.Origins, c.API.Hosts = []string{"https://admin.example.net"}, []string{"api.example.net"}
	})
	w := harness.HTTPSClient(t, s, "users:read")
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
		r := w.Do("GET", "/users", "", c.header, c.value)
		if r.Code != c.code {
			t.Errorf("%s %s: %d %s, want %d", c.header, c.value, r.Code, r.Text, c.code)
		}
		allowed := c.header == "Origin" && c.code == 200
		if got := r.Header.Get("Access-Control-Allow-Origin"); (got != "") != allowed || got == "*" {
			t.Errorf("%s %s: Access-Control-Allow-Origin %q", c.header, c.value, got)
		}
	}
	if r := w.Do("GET", "/users", "", "Origin", strings.TrimSuffix(w.Base, "/api/v1")); r.Code != 200 { // the page of this server
		t.Errorf("our own origin: %d %s", r.Code, r.Text)
	}
	w.Token = ""
	r := w.Do("OPTIONS", "/users", "", "Origin", "https://admin.example.net", "Access-Control-Request-Method", "POST")
	if r.Code != 204 || !strings.Contains(r.Header.Get("Access-Control-Allow-Methods"), "POST") {
		t.Errorf("preflight: %d %v", r.Code, r.Header)
	}
	if r := w.Do("OPTIONS", "/users", "", "Origin", "https://evil.test", "Access-Control-Request-Method", "POST"); r.Code != 403 {
		t.Errorf("preflight of another page: %d", r.Code)
	}
}

// TestHalfOpenConnections: whoever holds many connections without a request keeps
// neither callers of the API nor health checks out.
func TestHalfOpenConnections(t *testing.T) {
	s := harness.Running(t, func(c *config.Config) {
		harness.Remotely(c)
		c.HTTP.Addr = "127.0.0.1:0"
	})
	w := harness.HTTPSClient(t, s, "users:read")
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
			if r := w.Do("GET", "/users", ""); r.Code != 200 {
				return errors.New(r.Text)
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
func events(w *harness.Client, path, after string, n int) (ids, data []string) {
	w.T.Helper()
	ctx, stop := context.WithTimeout(w.T.Context(), harness.Patience)
	defer stop()
	resp := streamOf(ctx, w, path, after)
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
		w.T.Fatalf("%s: %d of %d events: %v", path, len(data), n, lines.Err())
	}
	return ids, data
}

// streamOf opens a stream of events; when it returns the server is sending.
func streamOf(ctx context.Context, w *harness.Client, path, after string) *http.Response {
	w.T.Helper()
	r, err := http.NewRequestWithContext(ctx, "GET", w.Base+path, nil)
	if err != nil {
		w.T.Fatal(err)
	}
	if w.Token != "" {
		r.Header.Set("Authorization", "Bearer "+w.Token)
	}
	if after != "" {
		r.Header.Set("Last-Event-ID", after)
	}
	resp, err := w.Web.Do(r)
	if err != nil {
		w.T.Fatal(err)
	}
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "text/event-stream" {
		b, _ := io.ReadAll(resp.Body)
		w.T.Fatalf("%s: %d %s", path, resp.StatusCode, b)
	}
	return resp
}

// TestEvents: what is changed is told, to those who may see it, once each, without
// secrets; a revoked token hears no more.
func TestEvents(t *testing.T) {
	s := harness.Running(t, harness.Remotely)
	local := harness.SocketClient(t, s)
	narrow := harness.HTTPSClient(t, s, "events:read", "registrations:read")
	broad := harness.HTTPSClient(t, s, "events:read", "users:read")
	live := streamOf(t.Context(), broad, "/events", "")
	defer live.Body.Close()
	for i := range 3 {
		if r := local.Do("POST", "/users", fmt.Sprintf(`{"address":"user%d","password":"plain-to-see-%d"}`, i, i)); r.Code != 201 {
			t.Fatal(r.Text)
		}
	}
	ids, data := events(broad, "/events?types=user.*", "none", 4) // an ID of another server
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
	if _, data := events(broad, "/events?types=user.*", ids[0], 2); !strings.Contains(data[0], "user1") || !strings.Contains(data[1], "user2") {
		t.Errorf("after the first: %v", data)
	}
	// What one may not see is not told; what one may is.
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	resp := streamOf(ctx, narrow, "/events", ids[0])
	time.AfterFunc(time.Second, stop)
	if b, _ := io.ReadAll(resp.Body); strings.Contains(string(b), "user") {
		t.Errorf("told to one who may not see users: %s", b)
	}
	resp.Body.Close()
	// A live stream has the same events, and ends with its token.
	lines := bufio.NewScanner(live.Body)
	for seen := 0; seen < 3; {
		if !lines.Scan() {
			t.Fatal("the stream ended")
		}
		if strings.HasPrefix(lines.Text(), "data: ") {
			seen++
		}
	}
	local.Do("DELETE", "/tokens/events.read-users.read", "")
	local.Do("POST", "/users", `{"address":"later"}`)
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
	var first harness.Reply
	for i := range 2 {
		t.Run(fmt.Sprint("server ", i+1), func(t *testing.T) {
			w := harness.SocketClient(t, harness.Running(t, func(c *config.Config) { c.Data = dir }))
			for range 2 {
				r := w.Do("POST", "/users", `{"address":"alice"}`, "Idempotency-Key", "c0ffee")
				if first.Code == 0 {
					first = r
					continue
				}
				if r.Code != 201 || r.Text != first.Text || r.Header.Get("ETag") != first.Header.Get("ETag") || r.Header.Get("Idempotency-Replayed") != "true" {
					t.Errorf("the repeat: %d %v %s", r.Code, r.Header, r.Text)
				}
			}
			if r := w.Do("POST", "/users", `{"address":"bob"}`, "Idempotency-Key", "c0ffee"); r.Code != 422 {
				t.Errorf("another request with the key: %d %s", r.Code, r.Text)
			}
		})
	}
}

// TestAudit: each change is kept with who made it and how it was, failures as well.
func TestAudit(t *testing.T) {
	s := harness.Running(t, harness.Remotely)
	w, local := harness.HTTPSClient(t, s, "users:write"), harness.SocketClient(t, s)
	w.Do("POST", "/users", `{"address":"alice","password":"plain-to-see"}`)
	w.Do("PATCH", "/users/alice", `{"enabled":false}`)
	w.Do("PATCH", "/users/alice", `{"remove_alias":"100"}`)
	w.Do("PATCH", "/users/alice", `{"password":"plain-to-see-2"}`)
	local.Do("DELETE", "/users/alice", "")
	r := local.Do("GET", "/audit?resource=users/sip:alice@example.com", "")
	if strings.Contains(r.Text, "plain-to-see") {
		t.Errorf("a password is kept: %s", r.Text)
	}
	items, _ := r.Body["items"].([]any)
	want := []struct{ who, operation, outcome, before, after string }{
		{"local:", "delete-user", "done", `"enabled":false`, ""},
		{"token:users.write", "change-user", "done", "", ""},
		{"token:users.write", "change-user", "failed", "", ""},
		{"token:users.write", "change-user", "done", `"enabled":true`, `"enabled":false`},
		{"token:users.write", "add-user", "done", "", `"address":"sip:alice@example.com"`},
	}
	if len(items) != len(want) {
		t.Fatalf("%d rows: %s", len(items), r.Text)
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
			w := harness.SocketClient(t, harness.Running(t, func(c *config.Config) {
				if allowed {
					c.API.WebhooksTo = []string{"127.0.0.0/8"}
				}
			}))
			r := w.Do("POST", "/webhooks", fmt.Sprintf(`{"name":"hook","url":%q,"types":["user.*"]}`, hook.URL))
			if secret, _ := r.Body["secret"].(string); r.Code != 201 || !strings.HasPrefix(secret, "whsec_") {
				t.Fatalf("%d %s", r.Code, r.Text)
			}
			r = w.Do("POST", "/webhooks/hook/test", "")
			if r.Body["delivered"] != allowed || !allowed && !strings.Contains(r.Text, "api.webhooks_to") {
				t.Errorf("test: %s", r.Text)
			}
			w.Do("POST", "/users", `{"address":"alice"}`)
			state := func() map[string]any {
				r := w.Do("GET", "/webhooks", "")
				if strings.Contains(r.Text, "whsec_") {
					t.Errorf("the secret is shown: %s", r.Text)
				}
				return r.Body["items"].([]any)[0].(map[string]any)
			}
			h := state()
			harness.Holds(func() bool {
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
	s := harness.Running(t, harness.Remotely)
	w := harness.HTTPSClient(t, s, "users:write")
	_, port, _ := net.SplitHostPort(s.API().Addr())
	curl := func(args ...string) string {
		t.Helper()
		out, err := exec.Command("curl", append([]string{"-sS", "--cacert", filepath.Join(s.Config().Data, "ca.pem"), "-H", "Authorization: Bearer " + w.Token}, args...)...).CombinedOutput()
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
