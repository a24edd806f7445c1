package events

import (
	"context"
	"regexp"
	"strings"
	"testing"

	"tandem/cmd/tandem/config"
	"tandem/rtc/event/dialoginfo"
	"tandem/rtc/policy/consent"
	"tandem/rtc/presence/pidf"
	"tandem/test/harness"
)

// its are the parts that name a dialog or a transaction, which no two fetches share.
var its = regexp.MustCompile(`(branch|tag)=[^;\s]*|Call-ID: \S*`)

// fetches is what a watcher is sent, octet by octet, who looks at bob once in each way
// there is: the answer, and the NOTIFY if one follows.
func fetches(t *testing.T, r *harness.Rig, w *harness.Wire) string {
	t.Helper()
	var all strings.Builder
	look := func(about, event, lines, body string) {
		t.Helper()
		k, m := r.Subscribes(w, "alice", about, event, "Expires: 0\n"+lines, body)
		all.Write(m.Bytes())
		if m.StatusCode() == 200 {
			all.Write(k.Notified().Bytes())
		}
	}
	for _, form := range []string{pidf.Type, pidf.DiffType, pidf.CPIMType, pidf.XPIDFType} {
		look("bob", "presence", "Accept: "+form, "")
	}
	look("bob", "dialog", "Accept: "+dialoginfo.Type, "")
	look("bob", "presence.winfo", "", "")
	return its.ReplaceAllString(all.String(), "$1")
}

// A fetch tells a watcher who is politely blocked what it tells everybody of somebody
// who is offline, and one who is blocked the same refusal whether somebody is there
// or not.
func TestFetchOfBlockedWatcher(t *testing.T) {
	r := harness.StartServer(t, func(cfg *config.Config) { harness.LedCalls(cfg); atOnce(cfg) })
	r.User("alice", "bob", "carol")
	a, b := r.Dial(t, "udp"), r.Dial(t, "udp")
	set := func(action consent.Action) {
		t.Helper()
		if err := r.S.Consent().Set(context.Background(), harness.BobURI, consent.Rule{Kind: consent.User, Name: harness.AliceURI, Action: action}); err != nil {
			t.Fatal(err)
		}
	}
	taken := func(action consent.Action) string {
		t.Helper()
		set(action)
		return fetches(t, r, a)
	}
	offline, refused := taken(consent.Allow), taken(consent.Block)
	if n := strings.Count(offline, "SIP/2.0 200 OK\r\n"); n != 5 || strings.Contains(offline, "open") {
		t.Errorf("%d fetches of bob, who is not there:\n%s", n, offline)
	}
	if n := strings.Count(refused, "SIP/2.0 403 "); n != 6 || strings.Contains(refused, "NOTIFY sip:") {
		t.Errorf("%d refusals of a blocked watcher:\n%s", n, refused)
	}
	b.Register("bob")
	wantCode(t, publish(b, "bob", "", pidfOf("bob", "open", "busy")), 200)
	k, _ := r.Watch(r.Dial(t, "udp"), "carol", "bob", "dialog")
	c := r.Dial(t, "udp")
	c.Register("carol")
	r.Call(b, c, "bob", "carol", 41000)
	k.Until("<state>confirmed</state>")
	if text := taken(consent.Allow); !strings.Contains(text, "busy") || !strings.Contains(text, "<state>confirmed</state>") {
		t.Errorf("bob is there and speaks:\n%s", text)
	}
	if text := taken(consent.PoliteBlock); text != offline {
		t.Errorf("politely blocked:\n%s\noffline:\n%s", text, offline)
	}
	if text := taken(consent.Block); text != refused {
		t.Errorf("blocked:\n%s\nwhile he was not there:\n%s", text, refused)
	}
}
