package trunks

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"tandem/rtc/sip"
	"tandem/test/harness"
)

// billing is a receiver of closed call records that shares no code with the sender. It
// refuses what it is told to refuse, and what is not signed.
type billing struct {
	t      *testing.T
	secret []byte

	mu      sync.Mutex
	refuse  int                        // so many requests
	refused int                        // so many have been
	rows    map[string]map[string]bool // webhook-ids by record
	states  map[string]string          // by record
}

func (b *billing) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var e struct {
		Type, Resource string
		Data           struct{ ID, State string }
	}
	if err != nil || json.Unmarshal(body, &e) != nil {
		b.t.Errorf("%v: %s", err, body)
	}
	id := r.Header.Get("webhook-id")
	m := hmac.New(sha256.New, b.secret)
	m.Write([]byte(id + "." + r.Header.Get("webhook-timestamp") + "." + string(body)))
	if want := "v1," + base64.StdEncoding.EncodeToString(m.Sum(nil)); r.Header.Get("webhook-signature") != want {
		b.t.Errorf("signed %q, want %q", r.Header.Get("webhook-signature"), want)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.refuse > 0 {
		b.refuse, b.refused = b.refuse-1, b.refused+1
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	if e.Type != "call.ended" || e.Resource != "call-records/"+e.Data.ID {
		b.t.Errorf("told %s", body)
	}
	if b.rows[e.Data.ID] == nil {
		b.rows[e.Data.ID] = map[string]bool{}
	}
	b.rows[e.Data.ID][id] = true
	b.states[e.Data.ID] = e.Data.State
}

// has waits until the receiver is as it should be.
func (b *billing) has(what string, ok func() bool) {
	b.t.Helper()
	for end := time.Now().Add(6 * harness.Patience); ; time.Sleep(20 * time.Millisecond) {
		b.mu.Lock()
		done := ok()
		states := len(b.states)
		b.mu.Unlock()
		if done {
			return
		}
		if time.Now().After(end) {
			b.t.Fatalf("%s: it has %d records", what, states)
		}
	}
}

// TestRecordsAreToldOnce: each closed call record reaches a webhook that fails at first,
// signed and once, whoever ended the call: a phone, a gateway, a refusal, or a kill -9 of
// the server. Nothing is told again after restarts.
func TestRecordsAreToldOnce(t *testing.T) {
	secret := []byte("a secret of 32 octets, not a few")
	b := &billing{t: t, secret: secret, refuse: 2, rows: map[string]map[string]bool{}, states: map[string]string{}}
	hook := httptest.NewServer(b)
	defer hook.Close()
	p := harness.Configure(t, t.TempDir(), "numbers: {country: DE}\napi: {webhooks_to: [127.0.0.0/8]}\n")
	addr := netip.MustParseAddrPort(p.Sip)
	gateway, alice := harness.DialUDP(t, addr), harness.DialUDP(t, addr)
	p.Run("users", "add", "alice", "--password", harness.Password)
	p.Run("trunks", "add", "berlin", "--address", "sip:"+gateway.Local.String(), "--prefix", "+49", "--codec", "PCMU", "--probe", "off")
	p.Start()
	code, out, _ := harness.OverSocket(t, socket(p), "POST", "/webhooks", `{"name":"billing","url":"`+hook.URL+`","types":["call.ended"],"secret":"whsec_`+base64.StdEncoding.EncodeToString(secret)+`"}`)
	if code != 201 {
		t.Fatalf("%d %v", code, out)
	}
	calls := 0
	dial := func(code int) *sip.Message {
		calls++
		id := alice.DialNumber("alice", "+49301234567")
		m := gateway.Request("INVITE")
		if code == 200 {
			gateway.Answer(m, 200, "g", 30002)
			gateway.Request("ACK")
			alice.Ack(alice.Final(id, "INVITE"), "")
			return m
		}
		gateway.Reply(m, code, "g", "", "")
		gateway.Request("ACK")
		alice.Final(id, "INVITE")
		return m
	}
	hangUp := func(m *sip.Message) {
		gateway.Bye(m, "g")
		alice.Reply(alice.Request("BYE"), 200, "", "", "")
		gateway.Final(string(m.CallID()), "BYE")
	}
	told := func() bool { return len(b.states) == calls }

	dial(486)
	hangUp(dial(200))
	calls++ // a number that alice may not call
	alice.Final(alice.DialNumber("alice", "+19005550100"), "INVITE")
	b.has("the first three, after it has refused twice", told)
	idle(t, socket(p), "billing")

	// One that the receiver has refused, and one that goes on, when the server is killed.
	b.mu.Lock()
	b.refuse, b.refused = 1_000_000, 0
	b.mu.Unlock()
	hangUp(dial(200))
	b.has("the fourth, refused", func() bool { return b.refused > 0 })
	dial(200)
	p.Signal(os.Kill)
	p.Wait(harness.Patience)
	b.mu.Lock()
	b.refuse = 0
	b.mu.Unlock()
	p.Start()
	b.has("the fourth and the one that was cut off", told)
	idle(t, socket(p), "billing")

	// A restart in peace tells nothing again.
	p.Signal(syscall.SIGTERM)
	p.Wait(harness.Patience)
	p.Start()
	dial(486)
	b.has("the one after the restart", told)
	idle(t, socket(p), "billing")
	b.mu.Lock()
	defer b.mu.Unlock()
	states := map[string]int{}
	for id, told := range b.rows {
		if states[b.states[id]]++; len(told) != 1 {
			t.Errorf("record %s is told %d times", id, len(told))
		}
	}
	if states["completed"] != 2 || states["failed"] != 3 || states["interrupted"] != 1 {
		t.Errorf("told of %v", states)
	}
	var list []struct{ ID, State string }
	if err := json.Unmarshal([]byte(p.Run("cdr", "list", "-o", "json")), &list); err != nil {
		t.Fatal(err)
	}
	for _, r := range list {
		if b.states[r.ID] != r.State {
			t.Errorf("record %s is %s, told as %q", r.ID, r.State, b.states[r.ID])
		}
	}
}

// idle waits until nothing waits for a webhook.
func idle(t *testing.T, socket, name string) {
	t.Helper()
	for end := time.Now().Add(harness.Patience); ; time.Sleep(20 * time.Millisecond) {
		_, out, _ := harness.OverSocket(t, socket, "GET", "/webhooks/"+name, "")
		if out["pending"] == 0.0 {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("webhook %s: %v", name, out)
		}
	}
}

// socket is where the server's API is.
func socket(p *harness.Process) string {
	return filepath.Join(filepath.Dir(p.Config), "data", "tandem.sock")
}
