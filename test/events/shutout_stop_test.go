package events

import (
	"encoding/json"
	"net/netip"
	"strings"
	"syscall"
	"testing"

	"tandem/test/harness"
)

// What is done to users while no server runs counts for the subscriptions that the next
// start takes up again: who was deleted or disabled watches nobody, who has another
// password subscribes again, nobody watches a deleted user, and what a disabled one
// published is not shown. All others go on.
func TestUsersChangedWhileStopped(t *testing.T) {
	t.Parallel() // it waits for programs
	p, _ := harness.StartProcess(t, "presence: {interval: 0s}\n")
	r, to := &harness.Rig{T: t}, netip.MustParseAddrPort(p.Sip)
	device := func(user, name string) string {
		t.Helper()
		var out struct{ Password string }
		if err := json.Unmarshal([]byte(p.Run("devices", "add", user, name, "-o", "json")), &out); err != nil || out.Password == "" {
			t.Fatal(out, err)
		}
		return out.Password
	}
	watch := func(user, about, pkg, password string) *harness.Watcher {
		t.Helper()
		w := harness.DialUDP(t, to)
		w.Pass = password
		k, _ := r.Watch(w, user, about, pkg, "Expires: 3600")
		return k
	}
	harness.DialUDP(t, to).Register("u2", "Expires: 600")
	wantCode(t, publish(harness.DialUDP(t, to), "u2", "Expires: 600", pidfOf("u2", "open", "busy")), 200)
	list, m := r.Subscribes(harness.DialUDP(t, to), "u1", "u1", "presence",
		"Supported: eventlist\nRequire: recipient-list-subscribe\nContent-Type: application/resource-lists+xml",
		`<resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists"><list><entry uri="sip:u9@`+harness.Domain+`"/></list></resource-lists>`)
	wantCode(t, m, 200)
	list.Until(`state="active"`)
	over := map[string]*harness.Watcher{
		"he is deleted, by a list":   list,
		"he is deleted":              watch("u1", "u9", "presence", ""),
		"he is disabled":             watch("u2", "u9", "dialog", ""),
		"he has another password":    watch("u3", "u9", "presence", ""),
		"his device is revoked":      watch("u4", "u9", "presence", device("u4", "hall")),
		"whom he watches is deleted": watch("u5", "u6", "presence", ""),
		"whose lamp it is is":        watch("u5", "u6", "dialog", ""),
	}
	reasons := map[string]string{"he is deleted, by a list": "rejected", "he is deleted": "rejected", "he is disabled": "rejected",
		"he has another password": "deactivated", "his device is revoked": "deactivated",
		"whom he watches is deleted": "noresource", "whose lamp it is is": "noresource"}
	goesOn := map[string]*harness.Watcher{
		"his other device is revoked": watch("u4", "u9", "presence", device("u4", "desk")),
		"his device has its own":      watch("u3", "u9", "presence", device("u3", "desk")),
		"nothing happened":            watch("u5", "u9", "presence", ""),
		"whom he watches is disabled": watch("u5", "u2", "presence", ""),
	}
	p.Signal(syscall.SIGTERM)
	if code := p.Wait(3 * harness.Patience); code != 0 {
		t.Errorf("it ended with %d\n%s", code, p.Log)
	}
	for _, args := range []string{"users delete u1", "users disable u2", "users passwd u3", "devices revoke u4 hall", "users delete u6"} {
		p.Run(strings.Fields(args)...)
	}
	p.Start()
	for why, k := range over {
		if s := value(k.Notified(), "Subscription-State"); !strings.HasPrefix(s, "terminated;reason="+reasons[why]) {
			t.Errorf("%s: Subscription-State: %s", why, s)
		}
	}
	for why, k := range goesOn {
		m := k.Notified()
		if s := value(m, "Subscription-State"); !strings.HasPrefix(s, "active") {
			t.Errorf("%s: Subscription-State: %s", why, s)
		}
		if strings.Contains(string(m.Body()), "open") {
			t.Errorf("%s: he is disabled, or is not there\n%s", why, m.Body())
		}
	}
}
