package events

import (
	"strings"
	"testing"
	"time"

	"tandem/rtc/sip"
	"tandem/test/harness"
)

// listOf subscribes a user to a list that comes with the request.
func listOf(t *testing.T, r *harness.Rig, w *harness.Wire, user, event, member string) *harness.Watcher {
	t.Helper()
	l, m := r.Subscribes(w, user, user, event, "Supported: eventlist\nRequire: recipient-list-subscribe\nContent-Type: application/resource-lists+xml",
		`<resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists"><list><entry uri="sip:`+member+`@`+harness.Domain+`"/></list></resource-lists>`)
	wantCode(t, m, 200)
	return l
}

// tells wants a NOTIFY that says something, within a time.
func tells(t *testing.T, l *harness.Watcher, what string, within time.Duration) {
	t.Helper()
	var last *sip.Message
	for end := time.Now().Add(within); time.Now().Before(end); {
		m, err := l.Hears(time.Second)
		if err != nil {
			continue
		}
		if last = m; strings.Contains(string(m.Body()), what) {
			return
		}
	}
	t.Errorf("%q is not told within %s", what, within)
	if last != nil {
		t.Logf("the last word is\n%s", last.Body())
	}
}

// A member of a list who changes twice within the interval of the package is told
// of as he is in the end.
func TestListTellsTheSecondOfTwoQuickChanges(t *testing.T) {
	t.Parallel()
	t.Run("presence", func(t *testing.T) {
		r := harness.StartServer(t, nil)
		r.User("alice", "bob")
		a, b := r.Dial(t, "tcp"), r.Dial(t, "tcp")
		l := listOf(t, r, a, "alice", "presence", "bob")
		time.Sleep(6 * time.Second) // an interval
		m := publish(b, "bob", "", pidfOf("bob", "open", "busy"))
		wantCode(t, m, 200)
		time.Sleep(500 * time.Millisecond)
		wantCode(t, publish(b, "bob", "SIP-If-Match: "+value(m, "SIP-ETag"), pidfOf("bob", "open", "meeting")), 200)
		tells(t, l, "rpid:meeting", 10*time.Second)
	})
	t.Run("dialog", func(t *testing.T) {
		r := harness.StartServer(t, harness.LedCalls)
		r.User("alice", "bob", "carol")
		a, b, c := r.Dial(t, "tcp"), r.Dial(t, "tcp"), r.Dial(t, "tcp")
		a.Register("alice")
		b.Register("bob")
		l := listOf(t, r, c, "carol", "dialog", "bob")
		time.Sleep(2 * time.Second)
		caller, _ := r.Call(a, b, "alice", "bob", 41000)
		caller.Say("BYE", "", "") // a short call
		tells(t, l, "<state>terminated", 6*time.Second)
	})
}
