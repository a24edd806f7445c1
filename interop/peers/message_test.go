package peers_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

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

// A text to somebody who is away comes when he is back, also when the server was
// killed meanwhile. With three devices it comes at each of them, once.
func TestMessageToAbsent(t *testing.T) {
	t.Parallel()
	s := startServer(t, peers.Settings{})
	explain(t, s, "alice")
	alice := user(t, s, "linphonec", "alice", peers.UDP)
	account, err := s.AddUser(within(t), "bob", peers.TCP)
	must(t, "adding bob", err)
	must(t, "sending", alice.Message("sip:bob@"+peers.Domain, "while you were away"))
	must(t, "keeping", kept(t, s, "bob", 1))
	s.Kill()
	must(t, "starting the server again", s.Start(within(t)))
	bob := startPhone(t, "baresip", account)
	text, err := bob.Messaged(within(t))
	must(t, "bob reads", err)
	if text != "while you were away" {
		t.Errorf("bob reads %q", text)
	}
	must(t, "delivery", kept(t, s, "bob", 0))
	others := []peers.Phone{startPhone(t, "baresip", account), startPhone(t, "linphonec", account)}
	must(t, "sending", alice.Message("sip:bob@"+peers.Domain, "to all of you"))
	for i, d := range others {
		text, err := d.Messaged(within(t))
		must(t, fmt.Sprint("device ", i+2, " reads"), err)
		if text != "to all of you" {
			t.Errorf("device %d reads %q", i+2, text)
		}
	}
	for end := time.Now().Add(moment); !strings.Contains(bob.Transcript(), "to all of you"); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("the first device reads\n%s", bob.Transcript())
		}
	}
}

// kept waits until so many messages wait for a user.
func kept(t *testing.T, s *peers.Server, user string, n int) error {
	t.Helper()
	for {
		out, err := s.Tandem(within(t), "messages", "queue", user, "-o", "json")
		if err != nil {
			return err
		}
		if strings.Count(out, `"arrived"`) == n {
			return nil
		}
		select {
		case <-within(t).Done():
			return fmt.Errorf("%s waits instead of %d", out, n)
		case <-time.After(100 * time.Millisecond):
		}
	}
}
