package peers_test

import (
	"fmt"
	"slices"
	"strings"
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

// SIPp, which shares nothing with the server, asks for a call as RFC 2848 §4.9 prints it.
// Two baresip phones ring and talk, SIPp is told of every step in order, the call has its
// record, and the requests are in the audit log.
func TestPINTAsPrinted(t *testing.T) {
	t.Parallel()
	realtime.Measure(t, func(t *testing.T) (wrong []string) {
		s := startServer(t, peers.Settings{Algorithms: []string{"MD5"}}) // SIPp knows no other
		explain(t, s, "alice")
		a, err := s.AddUser(within(t), "alice", phones.UDP)
		must(t, "adding alice", err)
		a.Codec = phones.PCMU
		alice, bob := startPhone(t, "baresip", a), telephoneOf(t, s, "baresip", "bob", phones.TCP)
		for user, number := range map[string]string{"alice": "+49301234567", "bob": "+49307654321"} {
			_, err = s.Tandem(within(t), "users", "alias", "add", user, number)
			must(t, "giving "+user+" a number", err)
		}
		client, err := peers.StartPINT(folder(t), a, "030-7654321", "+49-30-1234567", talkTime)
		must(t, "starting sipp", err)
		t.Cleanup(func() {
			if _ = client.Close(); t.Failed() {
				t.Log(client.Transcript())
			}
		})
		for _, phone := range []phones.Phone{alice, bob} {
			must(t, "being called", phone.Incoming(within(t)))
			must(t, "answering", phone.Answer())
			must(t, "the call is up", phone.Established(within(t)))
		}
		ended(t, alice)
		ended(t, bob)
		if err := client.Wait(within(t)); err != nil {
			return []string{err.Error()}
		}
		calls, err := s.Calls(within(t))
		must(t, "reading the records", err)
		if len(calls) != 1 || calls[0].State != "completed" || calls[0].Caller.Packets == 0 || calls[0].Callee.Packets == 0 {
			wrong = append(wrong, fmt.Sprintf("recorded was %+v", calls))
		}
		rows, err := s.Tandem(within(t), "audit", "list", "--resource", "pint/calls")
		must(t, "reading the audit log", err)
		for _, deed := range []string{"ask-pint-call", "cancel-pint-call"} {
			if strings.Count(rows, deed) != 1 {
				wrong = append(wrong, fmt.Sprintf("the audit log has not one %s:\n%s", deed, rows))
			}
		}
		wrong = append(wrong, wrongTone(t, "alice", alice, tones["bob"])...)
		return append(wrong, wrongTone(t, "bob", bob, tones["alice"])...)
	})
}
