package events

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"tandem/telephony"
	"tandem/test/harness"
)

// lamp is what a lamp for a user shows, in the order it was told.
func lamp(s *harness.Seen, user string) (states []string) {
	s.Mu.Lock()
	defer s.Mu.Unlock()
	for _, list := range s.Parties {
		state := "off"
		for _, p := range list {
			if string(p.User) == "sip:"+user+"@"+harness.Domain {
				state = fmt.Sprintf("%s %v %s", p.State, p.Initiator, strings.TrimSuffix(p.Remote, "@"+harness.Domain))
			}
		}
		if len(states) == 0 || states[len(states)-1] != state {
			states = append(states, state)
		}
	}
	return states
}

// TestLamps: who watches calls can show for each user what a lamp shows.
func TestLamps(t *testing.T) {
	r := harness.StartServer(t, harness.Exchange)
	s := new(harness.Seen)
	r.S.Exchange().Watch(s.Watch)
	r.User("alice", "bob")
	alice, bob := r.Dial(t, "udp"), r.Dial(t, "udp")
	alice.Register("alice")
	bob.Register("bob")
	r.Connect(t, "alice", "bob", telephony.Options{})
	a := alice.Request("INVITE")
	alice.Reply(a, 180, "a", "", "")
	alice.Answer(a, 200, "a", 30000)
	b := bob.Request("INVITE")
	bob.Reply(b, 180, "b", "", "")
	bob.Answer(b, 200, "b", 30002)
	bob.Request("ACK")
	alice.Request("ACK")
	bob.Bye(b, "b")
	alice.Reply(alice.Request("BYE"), 200, "", "", "")
	r.NothingLeft(t)
	harness.Wait(t, "the end is told", func() bool { return slices.Contains(s.All(), telephony.Ended) })
	if got, want := lamp(s, "alice"), []string{"off", "early false sip:bob", "early true sip:bob", "confirmed true sip:bob", "off"}; !slices.Equal(got, want) {
		t.Errorf("alice's lamp: %q, want %q", got, want)
	}
	if got, want := lamp(s, "bob"), []string{"off", "early false sip:alice", "confirmed false sip:alice", "off"}; !slices.Equal(got, want) {
		t.Errorf("bob's lamp: %q, want %q", got, want)
	}
	s.Mu.Lock()
	defer s.Mu.Unlock()
	for _, list := range s.Parties {
		for _, p := range list {
			if p.CallID == "" || p.State == telephony.Confirmed && (p.LocalTag == "" || p.RemoteTag == "") {
				t.Errorf("the dialog cannot be named: %+v", p)
			}
		}
	}
}
