package peers_test

import (
	"slices"
	"strings"
	"testing"

	"tandem/interop/peers"
	"tandem/interop/phones"
)

// The server dies and comes back: who was registered still is, and is called
// without having registered again. A phone over TCP connects again by itself.
func TestRestart(t *testing.T) {
	t.Parallel()
	s := startServer(t, peers.Settings{})
	explain(t, s, "bob")
	alice, bob := user(t, s, "linphonec", "alice", phones.UDP), user(t, s, "baresip", "bob", phones.UDP)
	before, err := s.Bindings(within(t), "")
	must(t, "listing registrations", err)
	s.Kill()
	must(t, "starting the server again", s.Start(within(t)))
	after, err := s.Bindings(within(t), "")
	must(t, "listing registrations", err)
	if len(before) != 2 || !slices.Equal(before, after) {
		t.Errorf("registered before: %+v, after: %+v", before, after)
	}
	connect(t, alice, bob, "sip:bob@"+peers.Domain)
	must(t, "hanging up", bob.Hangup())
	ended(t, alice)
	ended(t, bob)
	connect(t, bob, alice, "sip:alice@"+peers.Domain)
	must(t, "hanging up", bob.Hangup())
	ended(t, alice)
	ended(t, bob)
	for _, name := range []string{"alice", "bob"} {
		log, err := s.Messages(within(t), name)
		must(t, "reading messages", err)
		if strings.Contains(log, "\nREGISTER ") {
			t.Errorf("%s registered again, so that the old binding was not needed", name)
		}
	}
}
