package pint

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tandem/cmd/tandem/config"
	"tandem/test/harness"
)

// cloud is a client's sink that fails at first, and keeps what it takes.
type cloud struct {
	mu     sync.Mutex
	fails  int
	known  map[string]bool // one may come again, when our answer came late
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
		ID   string
		Data struct {
			Caller, Callee string
			Status         struct{ State, Reason string }
		}
	}
	if _ = json.Unmarshal(b, &e); c.known[e.ID] {
		return
	}
	c.known[e.ID] = e.ID != ""
	c.states = append(c.states, strings.TrimSpace(e.Data.Status.State+" "+e.Data.Status.Reason))
	c.auth = append(c.auth, r.Header.Get("Authorization"))
	if e.Data.Status.Reason != "" {
		close(c.done)
	}
}

// TestClickToDial: a call asked for as CAMARA has it; the sink, which fails twice,
// gets every event in order; what a client gets wrong it is told. What it has made, ended and
// been refused is in the audit log.
func TestClickToDial(t *testing.T) {
	t.Parallel() // it waits for repetitions
	sink := &cloud{fails: 2, known: map[string]bool{}, done: make(chan struct{})}
	web := httptest.NewServer(sink)
	defer web.Close()
	r, _, alice, gateway := pintRig(t, func(cfg *config.Config) { cfg.API.WebhooksTo = []string{"127.0.0.0/8"} })
	const base = "/camara/click-to-dial/vwip/calls"
	body := `{"caller":{"number":"+4417948331013"},"callee":{"number":"+44345123456"},"sink":"` + web.URL + `",
		"sinkCredential":{"credentialType":"ACCESSTOKEN","accessToken":"t0k","accessTokenExpiresUtc":"2099-01-01T00:00:00Z","accessTokenType":"bearer"}}`
	code, call, head := r.HTTP(t, "POST", base, body, "x-correlator", "abc-1")
	id, _ := call["callId"].(string)
	if code != 201 || call["status"] != "initiating" || head.Get("x-correlator") != "abc-1" || !strings.HasSuffix(head.Get("Location"), id) {
		t.Fatal(code, call, head)
	}
	alice.Answer(alice.Request("INVITE"), 200, "a", 30000)
	alice.Request("ACK")
	second := gateway.Request("INVITE")
	gateway.Answer(second, 200, "b", 30002)
	gateway.Request("ACK")
	harness.Wait(t, "connected", func() bool {
		_, c, _ := r.HTTP(t, "GET", base+"/"+id, "")
		return c["status"] == "connected"
	})
	if code, p, _ := r.HTTP(t, "GET", base+"/"+id+"/recording", ""); code != 404 || p["code"] != "NOT_FOUND" {
		t.Error(code, p)
	}
	gateway.Bye(second, "b")
	alice.Reply(alice.Request("BYE"), 200, "", "", "")
	r.NothingLeft(t)
	select {
	case <-sink.done:
	case <-time.After(2 * harness.Patience):
		t.Error("the end is not told")
	}
	sink.mu.Lock()
	defer sink.mu.Unlock()
	if want := []string{"initiating", "callingCaller", "callingCallee", "connected", "disconnected hangUp"}; !slices.Equal(sink.states, want) || sink.auth[0] != "Bearer t0k" {
		t.Errorf("told were %q, want %q", sink.states, want)
	}
	code, call, _ = r.HTTP(t, "POST", base, strings.Replace(`{"caller":{"number":"+4417948331013"},"callee":{"number":"N"}}`, "N", "+44345123457", 1))
	ended, _ := call["callId"].(string)
	rings := alice.Request("INVITE")
	alice.Reply(rings, 180, "c", "", "")
	if gone, p, _ := r.HTTP(t, "DELETE", base+"/"+ended, ""); code != 201 || gone != 204 {
		t.Error(code, call, gone, p)
	}
	alice.Reply(alice.Request("CANCEL"), 200, "c", "", "")
	alice.Reply(rings, 487, "c", "", "")
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
		if code, p, _ := r.HTTP(t, c.method, base+c.path, c.body); code != c.code || p["code"] != c.name {
			t.Errorf("%s %s %s: %d %v, want %d %s", c.method, c.path, c.body, code, p, c.code, c.name)
		}
	}
	_, log, _ := r.HTTP(t, "GET", "/audit?limit=100", "")
	rows := map[string]int{}
	items, _ := log["items"].([]any)
	for _, item := range items {
		row, _ := item.(map[string]any)
		before, _ := row["before"].(map[string]any)
		if resource, _ := row["resource"].(string); strings.HasPrefix(resource, "pint/calls") && strings.HasPrefix(fmt.Sprint(row["who"]), "local:") {
			rows[fmt.Sprint(row["operation"], " ", resource, " ", row["outcome"], " ", before["callee"])]++
		}
	}
	callee := func(n string) string { return fmt.Sprint(map[string]any{"number": n}) }
	want := map[string]int{
		"ask-pint-call pint/calls done +44345123456":                               1,
		"ask-pint-call pint/calls done +44345123457":                               1,
		"ask-pint-call pint/calls failed +44345123456":                             1, // nobody's number
		"ask-pint-call pint/calls failed +12014567890":                             1,
		"ask-pint-call pint/calls failed <nil>":                                    1, // it is no JSON
		"cancel-pint-call pint/calls/GUESSED failed <nil>":                         1,
		"cancel-pint-call pint/calls/" + ended + " done " + callee("+44345123457"): 1,
		"cancel-pint-call pint/calls/" + id + " failed " + callee("+44345123456"):  1,
	}
	if !maps.Equal(rows, want) {
		t.Errorf("the audit log has %v, want %v of %v", rows, want, log)
	}
}
