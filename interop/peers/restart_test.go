package peers_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"tandem/interop/peers"
)

// The server dies and comes back: who was registered still is, and is called
// without having registered again. A phone over TCP connects again by itself.
func TestRestart(t *testing.T) {
	t.Parallel()
	s := startServer(t, peers.Settings{})
	explain(t, s, "bob")
	alice, bob := user(t, s, "linphonec", "alice", peers.TLS), user(t, s, "baresip", "bob", peers.UDP)
	before, err := s.Bindings(within(t), "")
	must(t, "listing registrations", err)
	s.Kill()
	must(t, "starting the server again", s.Start(within(t)))
	after, err := s.Bindings(within(t), "")
	must(t, "listing registrations", err)
	if len(before) != 2 || !slices.Equal(before, after) {
		t.Errorf("registered before: %+v, after: %+v", before, after)
	}
	wantAgain(t, s, "alice")
	connect(t, alice, bob, "sip:bob@"+peers.Domain)
	must(t, "hanging up", bob.Hangup())
	ended(t, alice)
	ended(t, bob)
	log, err := s.Messages(within(t), "bob")
	must(t, "reading messages", err)
	if strings.Contains(log, "\nREGISTER ") {
		t.Error("bob registered again, so that his old binding was not needed")
	}
	connect(t, bob, alice, "sip:alice@"+peers.Domain)
	must(t, "hanging up", bob.Hangup())
	ended(t, alice)
	ended(t, bob)
}

// wantAgain waits until a user has registered with the server as it runs now.
func wantAgain(t *testing.T, s *peers.Server, user string) {
	t.Helper()
	for ctx := within(t); ctx.Err() == nil; time.Sleep(50 * time.Millisecond) {
		if log, err := s.Messages(ctx, user); err == nil && strings.Contains(log, "\nSIP/2.0 200 ") {
			return
		}
	}
	t.Fatalf("%s did not register again", user)
}
