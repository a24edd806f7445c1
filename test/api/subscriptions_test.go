package api

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"tandem/rtc/policy/consent"
	"tandem/test/harness"
)

// heard is one event of a live stream of subscriptions, in short.
type heard struct {
	Type, Resource string
	Data           struct{ ID, Event, Resource, Watcher, State, Reason string }
}

// hears reads the next event of a stream.
func hears(t *testing.T, lines *bufio.Scanner) (e heard) {
	t.Helper()
	for lines.Scan() {
		if text, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
			if err := json.Unmarshal([]byte(text), &e); err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			return e
		}
	}
	t.Fatalf("the stream ended: %v", lines.Err())
	return e
}

// What becomes of a subscription is told while it happens, each step once, to who may
// see subscriptions and to nobody else.
func TestSubscriptionEvents(t *testing.T) {
	r := harness.StartServer(t, harness.Remotely)
	r.User("alice", "bob")
	ctx, stop := context.WithTimeout(t.Context(), 2*harness.Patience)
	defer stop()
	stream := func(scopes ...string) *http.Response {
		resp := streamOf(ctx, harness.HTTPSClient(t, r.S, append(scopes, "events:read")...), "/events?types=subscription.*", "")
		t.Cleanup(func() { resp.Body.Close() })
		return resp
	}
	live, blind := bufio.NewScanner(stream("subscriptions:read").Body), stream("users:read")
	others := make(chan string, 1)
	go func() {
		b, _ := io.ReadAll(blind.Body)
		others <- string(b)
	}()
	next := func(kind, state, reason, id string) string {
		t.Helper()
		e := hears(t, live)
		if d := e.Data; e.Type != "subscription."+kind || d.State != state || d.Reason != reason || id != "" && d.ID != id || e.Resource != "subscriptions/"+d.ID ||
			d.Watcher != harness.AliceURI || d.Resource != harness.BobURI {
			t.Errorf("told %+v, want %s %s %s of %s", e, kind, state, reason, id)
		}
		return e.Data.ID
	}
	set := func(action consent.Action) {
		t.Helper()
		if err := r.S.Consent().Set(ctx, harness.BobURI, consent.Rule{Kind: consent.User, Name: harness.AliceURI, Action: action}); err != nil {
			t.Fatal(err)
		}
	}
	set(consent.Confirm)
	a := r.Dial(t, "udp")
	k, _ := r.Watch(a, "alice", "bob", "presence")
	id := next("begun", "pending", "", "")
	set(consent.Allow)
	next("changed", "active", "", id)
	k.Notified()
	set(consent.Block)
	next("ended", "terminated", "rejected", id)
	k.Notified()
	set(consent.Allow)
	r.Watch(a, "alice", "bob", "presence")
	second := next("begun", "active", "", "")
	if second == id {
		t.Errorf("both are %s", id)
	}
	if m := harness.SocketClient(t, r.S).Do("DELETE", "/subscriptions/"+second+"?reason=probation", ""); m.Code != 200 {
		t.Fatal(m.Text)
	}
	told := map[string]string{}
	for range 2 { // what was done, and what came of it
		e := hears(t, live)
		told[e.Type] = e.Resource
	}
	if want := "subscriptions/" + second; told["subscription.ended"] != want || told["subscription.ended_by_hand"] != want {
		t.Errorf("told %v of %s", told, second)
	}
	stop()
	if text := <-others; strings.Contains(text, "data: ") {
		t.Errorf("who may not see subscriptions is told\n%s", text)
	}
}
