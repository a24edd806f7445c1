package events

import (
	"context"
	"strings"
	"testing"

	"tandem/cmd/tandem/config"
	"tandem/rtc/policy/consent"
	"tandem/test/harness"
)

// Somebody found in the directory can be looked up once, without a subscription. What
// is seen follows the rules: who is politely blocked sees what everybody sees of one
// who is offline, and who is blocked as much as of nobody.
func TestAdHocLook(t *testing.T) {
	r := harness.StartServer(t, func(cfg *config.Config) { atOnce(cfg); cfg.HTTP.Addr = "127.0.0.1:0" })
	r.User("alice", "bob", "carol")
	r.Dial(t, "udp").Register("bob")
	say(r, "busy")
	look := func(of, by string) (code int, says, text string) {
		t.Helper()
		code, out, _ := r.HTTP(t, "GET", "/presence/"+of+"?watcher="+by, "")
		says, _ = out["says"].(string)
		text, _ = out["document"].(string)
		if code == 404 {
			text, _ = out["detail"].(string)
		}
		return code, says, text
	}
	set := func(action consent.Action) {
		t.Helper()
		if err := r.S.Consent().Set(context.Background(), harness.BobURI, consent.Rule{Kind: consent.User, Name: harness.AliceURI, Action: action}); err != nil {
			t.Fatal(err)
		}
	}
	set(consent.Allow)
	if code, says, text := look("bob", "alice"); code != 200 || says != "busy" || !strings.Contains(text, "<rpid:busy/>") {
		t.Errorf("allowed: %d %s %s", code, says, text)
	}
	_, _, offline := look("carol", "alice")
	set(consent.PoliteBlock)
	if code, says, text := look("bob", "alice"); code != 200 || says != "offline" || text != strings.ReplaceAll(offline, "carol", "bob") {
		t.Errorf("politely blocked: %d %s %s, who is offline: %s", code, says, text, offline)
	}
	set(consent.Block)
	if code, says, text := look("bob", "alice"); code != 404 || says != "" || strings.Contains(text, "busy") {
		t.Errorf("blocked: %d %s %s", code, says, text)
	}
	if n := r.S.Events().Active(); n != 0 {
		t.Errorf("%d subscriptions", n)
	}
}
