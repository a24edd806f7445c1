package test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"tandem/telephony"
)

// lamp is what a lamp for a user shows, in the order it was told.
func (s *seen) lamp(user string) (states []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, list := range s.parties {
		state := "off"
		for _, p := range list {
			if string(p.User) == "sip:"+user+"@"+domain {
				state = fmt.Sprintf("%s %v %s", p.State, p.Initiator, strings.TrimSuffix(p.Remote, "@"+domain))
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
	r := startServer(t, exchange)
	s := new(seen)
	r.s.Exchange().Watch(s.watch)
	r.user("alice", "bob")
	alice, bob := r.dial(t, "udp"), r.dial(t, "udp")
	alice.register("alice")
	bob.register("bob")
	r.connect(t, "alice", "bob", telephony.Options{})
	a := alice.request("INVITE")
	alice.reply(a, 180, "a", "", "")
	alice.answer(a, 200, "a", 30000)
	b := bob.request("INVITE")
	bob.reply(b, 180, "b", "", "")
	bob.answer(b, 200, "b", 30002)
	bob.request("ACK")
	alice.request("ACK")
	bob.bye(b, "b")
	alice.reply(alice.request("BYE"), 200, "", "", "")
	r.nothingLeft(t)
	wait(t, "the end is told", func() bool { return slices.Contains(s.all(), telephony.Ended) })
	if got, want := s.lamp("alice"), []string{"off", "early false sip:bob", "early true sip:bob", "confirmed true sip:bob", "off"}; !slices.Equal(got, want) {
		t.Errorf("alice's lamp: %q, want %q", got, want)
	}
	if got, want := s.lamp("bob"), []string{"off", "early false sip:alice", "confirmed false sip:alice", "off"}; !slices.Equal(got, want) {
		t.Errorf("bob's lamp: %q, want %q", got, want)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, list := range s.parties {
		for _, p := range list {
			if p.CallID == "" || p.State == telephony.Confirmed && (p.LocalTag == "" || p.RemoteTag == "") {
				t.Errorf("the dialog cannot be named: %+v", p)
			}
		}
	}
}
