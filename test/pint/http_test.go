package pint

import (
	"bufio"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"tandem/cmd/tandem/config"
	"tandem/cmd/tandem/requester"
	"tandem/rtc/sip"
	"tandem/test/harness"
)

// follow reads the events of the API until the one that ends it.
func follow(r *harness.Rig, t *testing.T, last string) <-chan []string {
	t.Helper()
	c, err := net.Dial("unix", r.Cfg.Socket())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(10 * harness.Patience))
	fmt.Fprint(c, "GET /api/v1/events HTTP/1.1\r\nHost: server\r\n\r\n")
	lines := bufio.NewScanner(c)
	for lines.Scan() && !strings.Contains(lines.Text(), ": tandem") {
	}
	out := make(chan []string, 1)
	go func() {
		var list []string
		for lines.Scan() {
			if _, kind, ok := strings.Cut(lines.Text(), `"type":"pint.`); ok {
				kind, _, _ = strings.Cut(kind, `"`)
				if list = append(list, kind); kind == last {
					break
				}
			}
		}
		out <- list
	}()
	return out
}

const aliceCalls = `{"user":"alice","a":"0345 123456","labels":{"case":"7"}}`

// TestPINTOverHTTP: a call asked for by HTTP runs as one asked for by SIP; its
// events come in order, a repeated key makes no second call, and DELETE leaves no
// leg.
func TestPINTOverHTTP(t *testing.T) {
	r, _, alice, gateway := pintRig(t)
	events := follow(r, t, "cancelled")
	code, asked, head := r.HTTP(t, "POST", "/pint/calls", aliceCalls, "Idempotency-Key", "k1")
	id, _ := asked["id"].(string)
	if code != 201 || head.Get("Location") != "/api/v1/pint/calls/"+id || asked["b"] != "sip:alice@"+harness.Domain || asked["a"] != "0345123456" {
		t.Fatal(code, asked, head)
	}
	first := alice.Request("INVITE")
	alice.Answer(first, 200, "a", 30000)
	alice.Request("ACK")
	second := gateway.Request("INVITE")
	gateway.Reply(second, 180, "b", "", "")
	if code, again, _ := r.HTTP(t, "POST", "/pint/calls", aliceCalls, "Idempotency-Key", "k1"); code != 201 || again["id"] != id {
		t.Error("repeated:", code, again)
	}
	if code, p, h := r.HTTP(t, "POST", "/pint/calls", aliceCalls); code != 429 || p["code"] != "try_later" || h.Get("Retry-After") == "" {
		t.Error("the same with another key:", code, p)
	}
	harness.Wait(t, "B rings", func() bool {
		_, s, _ := r.HTTP(t, "GET", "/pint/calls/"+id, "")
		return s["info"] == "A ringing"
	})
	if code, _, _ := r.HTTP(t, "DELETE", "/pint/calls/"+id, ""); code != 200 {
		t.Error("DELETE:", code)
	}
	alice.Reply(alice.Request("BYE"), 200, "", "", "")
	gateway.Reply(gateway.Request("CANCEL"), 200, "b", "", "")
	gateway.Reply(second, 487, "b", "", "")
	r.NothingLeft(t)
	select {
	case got := <-events:
		if want := []string{"scheduled", "dialling", "joining", "joining", "joining", "cancelled"}; !slices.Equal(got, want) {
			t.Errorf("events %q, want %q", got, want)
		}
	case <-time.After(harness.Patience):
		t.Error("the events do not end")
	}
	if code, p, _ := r.HTTP(t, "DELETE", "/pint/calls/"+id, ""); code != 409 || p["code"] != "pint_call_ended" {
		t.Error("DELETE again:", code, p)
	}
	_, list, _ := r.HTTP(t, "GET", "/pint/calls?user=alice", "")
	if items, _ := list["items"].([]any); len(items) != 1 || items[0].(map[string]any)["state"] != "cancelled" {
		t.Error(list)
	}
	_, rows, _ := r.HTTP(t, "GET", "/audit?limit=10", "")
	text, _ := json.Marshal(rows)
	for _, want := range []string{`"operation":"ask-pint-call"`, `"operation":"cancel-pint-call"`, `"resource":"pint/calls/` + id} {
		if !strings.Contains(string(text), want) {
			t.Errorf("audit has no %s: %s", want, text)
		}
	}
}

// TestPINTHTTPRefusals: what a client gets wrong.
func TestPINTHTTPRefusals(t *testing.T) {
	r, _, _, _ := pintRig(t)
	cases := []struct {
		body string
		code int
		name string
	}{
		{`{"a":"0345123456"}`, 422, ""},
		{`{"user":"nobody","a":"0345123456"}`, 403, "not_allowed"},
		{`{"user":"alice"}`, 422, "not_acceptable"},
		{`{"user":"alice","a":"0345123456","b":"+447700900123"}`, 403, "not_allowed"},
		{`{"user":"alice","a":"+12014567890"}`, 403, "not_allowed"},
		{`{"user":"alice","a":"999"}`, 403, "not_allowed"},
		{`{"user":"alice","a":"0345123456","service":"R2X"}`, 404, "service_unknown"},
		{`{"user":"alice","a":"0345123456","at":"soon"}`, 422, "invalid"},
		{`{"user":"alice","a":"0345123456","at":"2027-01-01T10:00","zone":"Europe/Nowhere"}`, 422, "invalid"},
		{`{"user":"alice","a":"0345123456","at":"2060-01-01T10:00"}`, 422, "not_acceptable"},
		{`{"user":"alice","service":"R2F","b":"+4417948331013"}`, 501, "not_possible"},
		{`{"user":"alice","a":"` + strings.Repeat("1", 80) + `"}`, 422, "invalid"},
	}
	for _, c := range cases {
		if code, p, _ := r.HTTP(t, "POST", "/pint/calls", c.body); code != c.code || c.name != "" && p["code"] != c.name {
			t.Errorf("%s: %d %v, want %d %s", c.body, code, p, c.code, c.name)
		}
	}
	if code, _, _ := r.HTTP(t, "DELETE", "/pint/calls/GUESSED", ""); code != 404 {
		t.Error(code)
	}
	if rows, want := pintRows(r, t), map[string]int{"ask-pint-call failed": len(cases), "cancel-pint-call failed": 1}; !maps.Equal(rows, want) {
		t.Errorf("the audit log has %v, want %v", rows, want)
	}
	if code, p, _ := r.HTTP(t, "GET", "/pint/calls/GUESSED", ""); code != 404 || p["code"] != "pint_call_unknown" {
		t.Error(code, p)
	}
}

// TestOwnNumbers: a number that is entered for her is one at which alice may have
// herself called; one that is removed is none.
func TestOwnNumbers(t *testing.T) {
	r, q, _, gateway := pintRig(t)
	other := []string{"+44-1794-8331013", "+44-7700-900123"}
	if m := q.invite(t, q.example(t, "4.9", other...)); m.StatusCode() != 403 {
		t.Fatalf("before:\n%s", m.Bytes())
	}
	if code, n, _ := r.HTTP(t, "POST", "/pint/numbers", `{"user":"alice","number":"+44 7700 900123"}`); code != 200 || n["number"] != "+447700900123" {
		t.Fatal(code, n)
	}
	text := q.example(t, "4.9", other...)
	ok := q.invite(t, text)
	if ok.StatusCode() != 200 {
		t.Fatalf("with it:\n%s", ok.Bytes())
	}
	q.plainAck(ok, text)
	m := gateway.Request("INVITE")
	if u := string(m.RequestURI()); !strings.HasPrefix(u, "sip:+447700900123@") {
		t.Error(u)
	}
	gateway.Reply(m, 603, "b", "", "")
	if code, _, _ := r.HTTP(t, "DELETE", "/pint/numbers/alice/+447700900123", ""); code != 200 {
		t.Error(code)
	}
	if m := q.invite(t, q.example(t, "4.9", other...)); m.StatusCode() != 403 {
		t.Fatalf("after:\n%s", m.Bytes())
	}
}

// TestPINTClient: a PINT client on sipgo asks, watches and stops.
func TestPINTClient(t *testing.T) {
	r, _, alice, gateway := pintRig(t)
	q, err := requester.New(requester.Config{User: "alice", Domain: harness.Domain, Password: harness.Password, Server: r.Addr["udp"].String()})
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	if _, err := q.Ask(harness.Soon(t), requester.Request{A: "+44345123456", B: "+447700900123"}); err == nil || !strings.Contains(err.Error(), "tandem pint numbers add") {
		t.Error("a refusal says:", err)
	}
	s, err := q.Ask(harness.Soon(t), requester.Request{A: "+44345123456", B: "+44-1794-8331013"})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Watch(harness.Soon(t)); err != nil {
		t.Fatal(err)
	}
	if err := s.Confirm(); err != nil {
		t.Fatal(err)
	}
	alice.Answer(alice.Request("INVITE"), 200, "a", 30000)
	alice.Request("ACK")
	second := gateway.Request("INVITE")
	gateway.Answer(second, 200, "b", 30002)
	gateway.Request("ACK")
	var got []string
	for len(got) == 0 || got[len(got)-1] != "connected" {
		select {
		case text := <-s.Updates():
			got = append(got, text)
		case <-time.After(harness.Patience):
			t.Fatal(got)
		}
	}
	if want := []string{"queued", "dialling B", "B answered", "dialling A", "connected"}; !slices.Equal(got, want) {
		t.Errorf("told were %q, want %q", got, want)
	}
	gateway.Bye(second, "b")
	alice.Reply(alice.Request("BYE"), 200, "", "", "")
	select {
	case <-s.Ended():
	case <-time.After(harness.Patience):
		t.Error("she is not told that it has ended")
	}
	r.NothingLeft(t)
	if got := <-s.Updates(); got != "ended by A" {
		t.Error(got)
	}
}

// TestPINTWhenFree: alice is busy; when her other call ends she is called again at
// once, though the pause of the service is an hour.
func TestPINTWhenFree(t *testing.T) {
	r, _, alice, gateway := pintRig(t, func(cfg *config.Config) {
		cfg.PINT.Services = []config.PINTService{{Name: "R2C", Kind: "r2c", Retries: 1, Pause: time.Hour}}
	})
	id := alice.DialNumber("alice", "+442079460000")
	other := gateway.Request("INVITE")
	gateway.Answer(other, 200, "x", 30004)
	gateway.Request("ACK")
	talking := alice.Final(id, "INVITE")
	alice.Ack(talking, "")
	_, asked, _ := r.HTTP(t, "POST", "/pint/calls", aliceCalls)
	alice.Reply(alice.Request("INVITE"), 486, "busy", "", "")
	alice.Request("ACK")
	path := fmt.Sprint("/pint/calls/", asked["id"])
	harness.Wait(t, "she is found busy", func() bool {
		_, s, _ := r.HTTP(t, "GET", path, "")
		return s["state"] == "scheduled" && s["tries"] == 1.0
	})
	if m, err := alice.Next(300*time.Millisecond, (*sip.Message).IsRequest); err == nil {
		t.Fatalf("while she is busy:\n%s", m.Bytes())
	}
	gateway.Bye(other, "x")
	alice.Reply(alice.Request("BYE"), 200, "", "", "")
	alice.Reply(alice.Request("INVITE"), 603, "free", "", "")
	harness.Wait(t, "it ends", func() bool {
		_, s, _ := r.HTTP(t, "GET", path, "")
		return s["state"] == "failed" && s["tries"] == 2.0
	})
}
