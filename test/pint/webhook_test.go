package pint

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tandem/cmd/tandem/config"
	"tandem/pint"
	"tandem/test/harness"
)

// hook is a webhook that fails at first, and keeps what it is told and how often it failed.
type hook struct {
	mu     sync.Mutex
	fails  int
	known  map[string]bool // one may come again, when our answer came late
	told   []string
	forged []string
	secret []byte
}

func (h *hook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	body, _ := io.ReadAll(r.Body)
	id := r.Header.Get("webhook-id")
	mac := hmac.New(sha256.New, h.secret)
	fmt.Fprintf(mac, "%s.%s.%s", id, r.Header.Get("webhook-timestamp"), body)
	if r.Header.Get("webhook-signature") != "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)) {
		h.forged = append(h.forged, id)
	}
	if h.fails > 0 {
		h.fails--
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	var e struct {
		Type string
		Data struct{ Info string }
	}
	if _ = json.Unmarshal(body, &e); !h.known[id] {
		h.known[id] = true
		h.told = append(h.told, strings.TrimPrefix(e.Type, "pint.")+" "+e.Data.Info)
	}
}

// TestPINTWebhook: a webhook that fails twice gets every step of a call, signed and in order.
func TestPINTWebhook(t *testing.T) {
	t.Parallel() // it waits for repetitions
	h := &hook{fails: 2, known: map[string]bool{}, secret: []byte("a secret of 32 octets, not a few")}
	web := httptest.NewServer(h)
	defer web.Close()
	r, _, alice, gateway := pintRig(t, func(cfg *config.Config) { cfg.API.WebhooksTo = []string{"127.0.0.0/8"} })
	code, out, _ := r.HTTP(t, "POST", "/webhooks", `{"name":"crm","url":"`+web.URL+`","types":["pint.*"],"secret":"whsec_`+base64.StdEncoding.EncodeToString(h.secret)+`"}`)
	if code != 201 {
		t.Fatal(code, out)
	}
	code, asked, _ := r.HTTP(t, "POST", "/pint/calls", aliceCalls)
	id, _ := asked["id"].(string)
	if code != 201 {
		t.Fatal(code, asked)
	}
	first := alice.Request("INVITE")
	alice.Reply(first, 180, "b", "", "")
	alice.Answer(first, 200, "b", 30000)
	alice.Request("ACK")
	second := gateway.Request("INVITE")
	gateway.Reply(second, 180, "a", "", "")
	gateway.Answer(second, 200, "a", 30002)
	gateway.Request("ACK")
	harness.Wait(t, "both talk", func() bool { s, _ := r.S.PINT().Session(id); return s.State == pint.Connected })
	alice.Bye(first, "b")
	hungUp(gateway)
	r.NothingLeft(t)
	var told []string
	for end := time.Now().Add(2 * harness.Patience); len(told) < 8 && time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		h.mu.Lock()
		told = slices.Clone(h.told)
		h.mu.Unlock()
	}
	want := []string{"scheduled queued", "dialling dialling B", "dialling B ringing", "joining B answered", "joining dialling A", "joining A ringing", "connected connected", "completed ended by B"}
	if !slices.Equal(told, want) {
		t.Errorf("told were %q, want %q", told, want)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.fails > 0 || len(h.forged) > 0 {
		t.Errorf("%d failures are left; not signed were %q", h.fails, h.forged)
	}
}
