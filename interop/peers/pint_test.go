package peers_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"tandem/cmd/tandem/requester"
	"tandem/interop/peers"
	"tandem/interop/phones"
	"tandem/test/realtime"
)

// A PINT client has two baresip phones called and joined: each hears the other, and
// the client is told of every step, in order.
func TestPINTJoinsPhones(t *testing.T) {
	t.Parallel()
	realtime.Measure(t, func(t *testing.T) []string {
		s := startServer(t, peers.Settings{})
		explain(t, s, "alice")
		a, err := s.AddUser(within(t), "alice", phones.UDP)
		must(t, "adding alice", err)
		a.Codec = phones.PCMU
		_, err = s.Tandem(within(t), "users", "alias", "add", "alice", "+49301234567")
		must(t, "giving her a number", err)
		alice := startPhone(t, "baresip", a)
		bob := telephoneOf(t, s, "baresip", "bob", phones.TCP)
		q, err := requester.New(requester.Config{User: "alice", Domain: peers.Domain, Password: a.Password, Server: fmt.Sprintf("127.0.0.1:%d", s.Port)})
		must(t, "starting the client", err)
		t.Cleanup(func() { _ = q.Close() })
		call, err := q.Ask(within(t), requester.Request{A: "bob", B: "+49-30-1234567"})
		must(t, "asking", err)
		must(t, "watching", call.Watch(within(t)))
		must(t, "confirming", call.Confirm())
		for _, phone := range []phones.Phone{alice, bob} {
			must(t, "being called", phone.Incoming(within(t)))
			must(t, "answering", phone.Answer())
			must(t, "the call is up", phone.Established(within(t)))
		}
		time.Sleep(talkTime)
		must(t, "stopping", call.Stop(within(t)))
		ended(t, alice)
		ended(t, bob)
		var got []string
		for limit := time.After(moment); len(got) == 0 || got[len(got)-1] != "ended by requester"; {
			select {
			case text := <-call.Updates():
				got = append(got, text)
			case <-limit:
				t.Fatalf("told were %q", got)
			}
		}
		want := []string{"queued", "dialling B", "B ringing", "B answered", "dialling A", "A ringing", "connected", "ended by requester"}
		if !slices.Equal(got, want) {
			t.Errorf("told were %q, want %q", got, want)
		}
		return append(wrongTone(t, "alice", alice, tones["bob"]), wrongTone(t, "bob", bob, tones["alice"])...)
	})
}
