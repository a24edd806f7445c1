package test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tandem/cmd/tandem/config"
)

// cloud is a client's sink that fails at first, and keeps what it takes.
type cloud struct {
	mu     sync.Mutex
	fails  int
	states []string
	auth   []string
	done   chan struct{}
}

func (c *cloud) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fails > 0 {
		c.fails--
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	b, _ := io.ReadAll(r.Body)
	var e struct {
		Data struct {
			Caller, Callee string
			Status         struct{ State, Reason string }
		}
	}
	_ = json.Unmarshal(b, &e)
	c.states = append(c.states, strings.TrimSpace(e.Data.Status.State+" "+e.Data.Status.Reason))
	c.auth = append(c.auth, r.Header.Get("Authorization"))
	if e.Data.Status.Reason != "" {
		close(c.done)
	}
}

// TestClickToDial: a call asked for as CAMARA has it; the sink, which fails twice,
// gets every event in order; what a client gets wrong it is told.
func TestClickToDial(t *testing.T) {
	sink := &cloud{fails: 2, done: make(chan struct{})}
	web := httptest.NewServer(sink)
	defer web.Close()
	r, _, alice, gateway := pintRig(t, func(cfg *config.Config) { cfg.API.WebhooksTo = []string{"127.0.0.0/8"} })
	const base = "/camara/click-to-dial/vwip/calls"
	body := `{"caller":{"number":"+4417948331013"},"callee":{"number":"+44345123456"},"sink":"` + web.URL + `",
		"sinkCredential":{"credentialType":"ACCESSTOKEN","accessToken":"t0k","accessTokenExpiresUtc":"2099-01-01T00:00:00Z","accessTokenType":"bearer"}}`
	code, call, head := r.http(t, "POST", base, body, "x-correlator", "abc-1")
	id, _ := call["callId"].(string)
	if code != 201 || call["status"] != "initiating" || head.Get("x-correlator") != "abc-1" || !strings.HasSuffix(head.Get("Location"), id) {
		t.Fatal(code, call, head)
	}
	alice.answer(alice.request("INVITE"), 200, "a", 30000)
	alice.request("ACK")
	second := gateway.request("INVITE")
	gateway.answer(second, 200, "b", 30002)
	gateway.request("ACK")
	wait(t, "connected", func() bool {
		_, c, _ := r.http(t, "GET", base+"/"+id, "")
		return c["status"] == "connected"
	})
	if code, p, _ := r.http(t, "GET", base+"/"+id+"/recording", ""); code != 404 || p["code"] != "NOT_FOUND" {
		t.Error(code, p)
	}
	gateway.bye(second, "b")
	alice.reply(alice.request("BYE"), 200, "", "", "")
	r.nothingLeft(t)
	select {
	case <-sink.done:
	case <-time.After(2 * patience):
		t.Error("the end is not told")
	}
	sink.mu.Lock()
	defer sink.mu.Unlock()
	if want := []string{"initiating", "callingCaller", "callingCallee", "connected", "disconnected hangUp"}; !slices.Equal(sink.states, want) || sink.auth[0] != "Bearer t0k" {
		t.Errorf("told were %q, want %q", sink.states, want)
	}
	for _, c := range []struct {
		method, path, body string
		code               int
		name               string
	}{
		{"POST", "", `{`, 400, "INVALID_ARGUMENT"},
		{"POST", "", strings.Replace(body, "+4417948331013", "+447700900123", 1), 422, "CALLER_NOT_AVAILABLE"},
		{"POST", "", strings.Replace(body, "+44345123456", "+12014567890", 1), 403, "PERMISSION_DENIED"},
		{"GET", "/GUESSED", "", 404, "NOT_FOUND"},
		{"DELETE", "/GUESSED", "", 404, "NOT_FOUND"},
		{"DELETE", "/" + id, "", 409, "CONFLICT"},
		{"GET", "/" + id + "/x", "", 404, "NOT_FOUND"},
	} {
		if code, p, _ := r.http(t, c.method, base+c.path, c.body); code != c.code || p["code"] != c.name {
			t.Errorf("%s %s %s: %d %v, want %d %s", c.method, c.path, c.body, code, p, c.code, c.name)
		}
	}
}
