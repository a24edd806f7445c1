package test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"tandem/cmd/tandem/config"
	"tandem/cmd/tandem/requester"
	"tandem/rtc/sip"
)

// http asks the API over the control socket, and decodes the answer.
func (r *rig) http(t *testing.T, method, path, body string, headers ...string) (code int, out map[string]any, h http.Header) {
	t.Helper()
	return overSocket(t, r.cfg.Socket(), method, path, body, headers...)
}

// overSocket is a request of an HTTP client that shares no code with ours.
func overSocket(t *testing.T, socket, method, path, body string, headers ...string) (code int, out map[string]any, h http.Header) {
	t.Helper()
	if !strings.HasPrefix(path, "/camara/") {
		path = "/api/v1" + path
	}
	c := http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}}
	defer c.CloseIdleConnections()
	req, err := http.NewRequestWithContext(soon(t), method, "http://server"+path, strings.NewReader(body))
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

// follow reads the events of the API until the one that ends it.
func (r *rig) follow(t *testing.T, last string) <-chan []string {
	t.Helper()
	c, err := net.Dial("unix", r.cfg.Socket())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(10 * patience))
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
	events := r.follow(t, "cancelled")
	code, asked, head := r.http(t, "POST", "/pint/calls", aliceCalls, "Idempotency-Key", "k1")
	id, _ := asked["id"].(string)
	if code != 201 || head.Get("Location") != "/api/v1/pint/calls/"+id || asked["b"] != "sip:alice@"+domain || asked["a"] != "0345123456" {
		t.Fatal(code, asked, head)
	}
	first := alice.request("INVITE")
	alice.answer(first, 200, "a", 30000)
	alice.request("ACK")
	second := gateway.request("INVITE")
	gateway.reply(second, 180, "b", "", "")
	if code, again, _ := r.http(t, "POST", "/pint/calls", aliceCalls, "Idempotency-Key", "k1"); code != 201 || again["id"] != id {
		t.Error("repeated:", code, again)
	}
	if code, p, h := r.http(t, "POST", "/pint/calls", aliceCalls); code != 429 || p["code"] != "try_later" || h.Get("Retry-After") == "" {
		t.Error("the same with another key:", code, p)
	}
	wait(t, "B rings", func() bool {
		_, s, _ := r.http(t, "GET", "/pint/calls/"+id, "")
		return s["info"] == "A ringing"
	})
	if code, _, _ := r.http(t, "DELETE", "/pint/calls/"+id, ""); code != 200 {
		t.Error("DELETE:", code)
	}
	alice.reply(alice.request("BYE"), 200, "", "", "")
	gateway.reply(gateway.request("CANCEL"), 200, "b", "", "")
	gateway.reply(second, 487, "b", "", "")
	r.nothingLeft(t)
	select {
	case got := <-events:
		if want := []string{"scheduled", "dialling", "joining", "joining", "joining", "cancelled"}; !slices.Equal(got, want) {
			t.Errorf("events %q, want %q", got, want)
		}
	case <-time.After(patience):
		t.Error("the events do not end")
	}
	if code, p, _ := r.http(t, "DELETE", "/pint/calls/"+id, ""); code != 409 || p["code"] != "pint_call_ended" {
		t.Error("DELETE again:", code, p)
	}
	_, list, _ := r.http(t, "GET", "/pint/calls?user=alice", "")
	if items, _ := list["items"].([]any); len(items) != 1 || items[0].(map[string]any)["state"] != "cancelled" {
		t.Error(list)
	}
	_, rows, _ := r.http(t, "GET", "/audit?limit=10", "")
	text, _ := json.Marshal(rows)
	for _, want := range []string{`"operation":"ask-pint-call"`, `"operation":"cancel-pint-call"`, `"resource":"pint/calls/` + id} {
		if !strings.Contains(string(text), want) {
			t.Errorf("audit has no %s: %s", want, text)
		}
	}
}

// wait waits until something holds.
func wait(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within %s", what, patience)
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
		if code, p, _ := r.http(t, "POST", "/pint/calls", c.body); code != c.code || c.name != "" && p["code"] != c.name {
			t.Errorf("%s: %d %v, want %d %s", c.body, code, p, c.code, c.name)
		}
	}
	if code, _, _ := r.http(t, "DELETE", "/pint/calls/GUESSED", ""); code != 404 {
		t.Error(code)
	}
	if rows, want := r.pintRows(t), map[string]int{"ask-pint-call failed": len(cases), "cancel-pint-call failed": 1}; !maps.Equal(rows, want) {
		t.Errorf("the audit log has %v, want %v", rows, want)
	}
	if code, p, _ := r.http(t, "GET", "/pint/calls/GUESSED", ""); code != 404 || p["code"] != "pint_call_unknown" {
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
	if code, n, _ := r.http(t, "POST", "/pint/numbers", `{"user":"alice","number":"+44 7700 900123"}`); code != 200 || n["number"] != "+447700900123" {
		t.Fatal(code, n)
	}
	text := q.example(t, "4.9", other...)
	ok := q.invite(t, text)
	if ok.StatusCode() != 200 {
		t.Fatalf("with it:\n%s", ok.Bytes())
	}
	q.plainAck(ok, text)
	m := gateway.request("INVITE")
	if u := string(m.RequestURI()); !strings.HasPrefix(u, "sip:+447700900123@") {
		t.Error(u)
	}
	gateway.reply(m, 603, "b", "", "")
	if code, _, _ := r.http(t, "DELETE", "/pint/numbers/alice/+447700900123", ""); code != 200 {
		t.Error(code)
	}
	if m := q.invite(t, q.example(t, "4.9", other...)); m.StatusCode() != 403 {
		t.Fatalf("after:\n%s", m.Bytes())
	}
}

// TestPINTClient: a PINT client on sipgo asks, watches and stops.
func TestPINTClient(t *testing.T) {
	r, _, alice, gateway := pintRig(t)
	q, err := requester.New(requester.Config{User: "alice", Domain: domain, Password: password, Server: r.addr["udp"].String()})
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	if _, err := q.Ask(soon(t), requester.Request{A: "+44345123456", B: "+447700900123"}); err == nil || !strings.Contains(err.Error(), "tandem pint numbers add") {
		t.Error("a refusal says:", err)
	}
	s, err := q.Ask(soon(t), requester.Request{A: "+44345123456", B: "+44-1794-8331013"})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Watch(soon(t)); err != nil {
		t.Fatal(err)
	}
	if err := s.Confirm(); err != nil {
		t.Fatal(err)
	}
	alice.answer(alice.request("INVITE"), 200, "a", 30000)
	alice.request("ACK")
	second := gateway.request("INVITE")
	gateway.answer(second, 200, "b", 30002)
	gateway.request("ACK")
	var got []string
	for len(got) == 0 || got[len(got)-1] != "connected" {
		select {
		case text := <-s.Updates():
			got = append(got, text)
		case <-time.After(patience):
			t.Fatal(got)
		}
	}
	if want := []string{"queued", "dialling B", "B answered", "dialling A", "connected"}; !slices.Equal(got, want) {
		t.Errorf("told were %q, want %q", got, want)
	}
	gateway.bye(second, "b")
	alice.reply(alice.request("BYE"), 200, "", "", "")
	select {
	case <-s.Ended():
	case <-time.After(patience):
		t.Error("she is not told that it has ended")
	}
	r.nothingLeft(t)
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
	id := alice.dialNumber("alice", "+442079460000")
	other := gateway.request("INVITE")
	gateway.answer(other, 200, "x", 30004)
	gateway.request("ACK")
	talking := alice.final(id, "INVITE")
	alice.ack(talking, "")
	_, asked, _ := r.http(t, "POST", "/pint/calls", aliceCalls)
	alice.reply(alice.request("INVITE"), 486, "busy", "", "")
	alice.request("ACK")
	path := fmt.Sprint("/pint/calls/", asked["id"])
	wait(t, "she is found busy", func() bool {
		_, s, _ := r.http(t, "GET", path, "")
		return s["state"] == "scheduled" && s["tries"] == 1.0
	})
	if m, err := alice.next(300*time.Millisecond, (*sip.Message).IsRequest); err == nil {
		t.Fatalf("while she is busy:\n%s", m.Bytes())
	}
	gateway.bye(other, "x")
	alice.reply(alice.request("BYE"), 200, "", "", "")
	alice.reply(alice.request("INVITE"), 603, "free", "", "")
	wait(t, "it ends", func() bool {
		_, s, _ := r.http(t, "GET", path, "")
		return s["state"] == "failed" && s["tries"] == 2.0
	})
}
