package events

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"tandem/cmd/tandem/config"
	"tandem/rtc/policy/consent"
	"tandem/rtc/presence/pidf"
	"tandem/test/harness"
)

// What is known of a user is explained: every source and whether it counts, who watches,
// by which rule, and what each sees. A calendar and a status by hand come by the API.
func TestPresenceIsExplained(t *testing.T) {
	r := harness.StartServer(t, func(cfg *config.Config) { atOnce(cfg); cfg.HTTP.Addr = "127.0.0.1:0" })
	r.User("alice", "bob", "carol")
	if err := r.S.Consent().Set(t.Context(), harness.BobURI, consent.Rule{Kind: consent.User, Name: harness.AliceURI, Action: consent.PoliteBlock}); err != nil {
		t.Fatal(err)
	}
	a, b, c := r.Dial(t, "udp"), r.Dial(t, "udp"), r.Dial(t, "udp")
	b.Register("bob")
	wantCode(t, publish(b, "bob", "", pidfOf("bob", "open", "away")), 200)
	r.Watch(a, "alice", "bob", "presence")
	k, _ := r.Watch(c, "carol", "bob", "presence", "Accept: "+pidf.CPIMType)
	put := func(body string) {
		t.Helper()
		if code, out, _ := r.HTTP(t, "PUT", "/presence/bob/status", body); code != 200 {
			t.Fatalf("PUT %s: %d %v", body, code, out)
		}
	}
	put(`{"activity": "meeting", "source": "calendar"}`)
	if m := k.Until("<rpid:meeting/>"); value(m, "Content-Type") != pidf.CPIMType {
		t.Errorf("%s", m.Bytes())
	}
	put(`{"activity": "vacation", "note": "in Rome"}`)
	k.Until("<rpid:vacation/>")
	code, out, _ := r.HTTP(t, "GET", "/presence/bob", "")
	told := map[string]string{} // sources by kind, watchers by name
	for _, x := range asList(out["sources"]) {
		told[fmt.Sprint(x["kind"])] = fmt.Sprint(strings.TrimSpace(fmt.Sprint(x["says"])), " ", x["counts"])
	}
	for _, x := range asList(out["watchers"]) {
		told[fmt.Sprint(x["watcher"])] = fmt.Sprint(x["state"], " ", x["gets"], " ", x["sees"])
	}
	if code != 200 || out["says"] != "vacation" || !strings.Contains(fmt.Sprint(out["document"]), "in Rome") {
		t.Errorf("%d %v", code, out)
	}
	for who, want := range map[string]string{"publication": "away true", "calendar": "meeting false", "manual": "vacation in Rome true",
		harness.AliceURI: "active polite-block offline", "sip:carol@" + harness.Domain: "active allow vacation"} {
		if told[who] != want {
			t.Errorf("%s: %q, want %q", who, told[who], want)
		}
	}
}

// Subscriptions are listed, shown and ended, and the end is told to the subscriber.
func TestSubscriptionsAreListedAndEnded(t *testing.T) {
	r := harness.StartServer(t, func(cfg *config.Config) { atOnce(cfg); cfg.HTTP.Addr = "127.0.0.1:0" })
	r.User("alice", "bob")
	k, _ := r.Watch(r.Dial(t, "udp"), "alice", "bob", "presence")
	r.Watch(r.Dial(t, "udp"), "alice", "bob", "dialog")
	list := func() []map[string]any {
		_, out, _ := r.HTTP(t, "GET", "/subscriptions?event=presence&resource=bob", "")
		return asList(out["items"])
	}
	all := list()
	if len(all) != 1 || all[0]["watcher"] != harness.AliceURI || all[0]["state"] != "active" {
		t.Fatalf("listed %v", all)
	}
	path := "/subscriptions/" + url.PathEscape(fmt.Sprint(all[0]["id"]))
	if code, out, _ := r.HTTP(t, "GET", path, ""); code != 200 || out["call_id"] != k.ID {
		t.Errorf("shown %d %v", code, out)
	}
	if code, out, _ := r.HTTP(t, "DELETE", path+"?reason=noresource", ""); code != 200 || out["state"] != "terminated" {
		t.Errorf("ended %d %v", code, out)
	}
	if state := value(k.Notified(), "Subscription-State"); !strings.HasPrefix(state, "terminated;reason=noresource") {
		t.Errorf("told %s", state)
	}
	for end := time.Now().Add(harness.Patience); len(all) > 0 && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		all = list() // its NOTIFY is answered a moment before it is gone
	}
	if code, _, _ := r.HTTP(t, "GET", path, ""); code != 404 || len(all) != 0 {
		t.Errorf("afterwards %d, %v", code, all)
	}
}

func asList(v any) (list []map[string]any) {
	all, _ := v.([]any)
	for _, x := range all {
		if m, ok := x.(map[string]any); ok {
			list = append(list, m)
		}
	}
	return list
}
