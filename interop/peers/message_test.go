package peers_test

import (
	"testing"

	"tandem/interop/peers"
)

// A text from one phone to the other and back.
func TestMessage(t *testing.T) {
	t.Parallel()
	s := startServer(t, peers.Settings{})
	explain(t, s, "alice")
	alice := user(t, s, "linphonec", "alice", peers.UDP)
	account, err := s.AddUser(within(t), "bob", peers.TCP)
	must(t, "adding bob", err)
	account.Friend = "sip:alice@" + peers.Domain
	bob := startPhone(t, "baresip", account)
	must(t, "sending", alice.Message("sip:bob@"+peers.Domain, "Good morning"))
	text, err := bob.Messaged(within(t))
	must(t, "bob reads", err)
	if text != "Good morning" {
		t.Errorf("bob reads %q", text)
	}
	must(t, "sending", bob.Message("sip:alice@"+peers.Domain, "Good evening"))
	text, err = alice.Messaged(within(t))
	must(t, "alice reads", err)
	if text != "Good evening" {
		t.Errorf("alice reads %q", text)
	}
}
