package events

import (
	"strings"
	"testing"
	"time"

	"tandem/test/harness"
)

// Whoever has seen a SUBSCRIBE go by cannot have what its sender is told go to himself.
func TestRefreshFromElsewhereNeedsCredentials(t *testing.T) {
	r := harness.StartServer(t, atOnce)
	r.User("alice", "bob")
	a, b := r.Dial(t, "udp"), r.Dial(t, "udp")
	k, _ := r.Watch(a, "alice", "bob", "presence")
	thief := *k
	thief.Wire = r.Dial(t, "udp")
	thief.Seq += 100
	wantCode(t, again(&thief, "Expires: 600"), 407)
	thief.Event = "dialog" // beside it, in the same dialog
	wantCode(t, again(&thief, "Expires: 600"), 407)
	wantCode(t, publish(b, "bob", "", pidfOf("bob", "open", "busy")), 200)
	k.Until("<rpid:busy/>")
	if n, err := thief.Hears(500 * time.Millisecond); err == nil {
		t.Errorf("somebody else is told\n%s", n.Bytes())
	}
	wantCode(t, again(k, "Expires: 600"), 200) // with a lower CSeq than the other's
	k.Notified()
}

// The subscriber may move, with his password; nobody else may, with his own.
func TestSubscriberMoves(t *testing.T) {
	r := harness.StartServer(t, atOnce)
	r.User("alice", "bob", "carol")
	a, b := r.Dial(t, "udp"), r.Dial(t, "udp")
	k, _ := r.Watch(a, "alice", "bob", "presence")
	k.Wire = r.Dial(t, "udp")
	as := func(user string) string {
		line, err := harness.Credentials(again(k, "Expires: 600"), user, harness.Password, "SUBSCRIBE", k.Target, "auth")
		if err != nil {
			t.Fatal(err)
		}
		return "Expires: 600\n" + line
	}
	alice := k.From
	k.From = strings.Replace(alice, "alice", "carol", 1)
	wantCode(t, again(k, as("carol")), 403)
	k.From = alice
	wantCode(t, again(k, as("carol")), 407)
	wantCode(t, again(k, as("alice")), 200)
	k.Notified()
	wantCode(t, publish(b, "bob", "", pidfOf("bob", "open", "busy")), 200)
	k.Until("<rpid:busy/>")
	wantCode(t, again(k, "Expires: 600"), 200) // he is known there now
	k.Notified()
}
