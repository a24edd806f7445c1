package peers_test

import (
	"context"
	"testing"
	"time"

	"tandem/interop/peers"
	"tandem/interop/phones"
	"tandem/test/realtime"
)

// A phone that speaks only Opus calls a number behind a gateway that takes only
// PCMU; here the gateway is sipp, which sends back what it hears. What the phone
// hears has gone through both conversions. The gateway hangs up one call, the
// phone the other.
func TestOpusToGateway(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		kind      string
		proto     phones.Proto
		phoneEnds bool
	}{{"baresip", phones.UDP, true}, {"linphonec", phones.TCP, false}} {
		t.Run(c.kind, func(t *testing.T) {
			t.Parallel()
			realtime.Measure(t, func(t *testing.T) []string {
				talk := 5 * time.Second
				if c.phoneEnds {
					talk = time.Minute
				}
				gateway, err := peers.StartGateway(within(t), folder(t), talk)
				must(t, "starting the gateway", err)
				t.Cleanup(func() { _ = gateway.Close() })
				s := startServer(t, peers.Settings{})
				explain(t, s, "alice")
				must(t, "adding the trunk", s.AddTrunk(within(t), "berlin", gateway.Port))
				alice := opusPhone(t, s, c.kind, "alice", c.proto)
				must(t, "dialling", alice.Dial("sip:+49301234567@"+peers.Domain))
				must(t, "the call is answered", alice.Established(within(t)))
				if c.phoneEnds {
					time.Sleep(talkTime)
					must(t, "hanging up", alice.Hangup())
				}
				ended(t, alice)
				wantRecord(t, s, map[bool]string{true: "caller", false: "callee"}[c.phoneEnds])
				return wrongTone(t, "alice", alice, tones["alice"])
			})
		})
	}
}

// talkTime is how long a tone is listened to.
const talkTime = 4 * time.Second

// The same with Kamailio as the gateway, and behind it a phone that takes only
// PCMU: each hears the other's tone, and a key that is pressed arrives.
func TestOpusThroughKamailio(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		kind       string
		callerEnds bool
	}{{"linphonec", true}, {"baresip", false}} {
		t.Run(c.kind, func(t *testing.T) {
			t.Parallel()
			realtime.Measure(t, func(t *testing.T) []string {
				s := startServer(t, peers.Settings{})
				explain(t, s, "alice")
				k, err := peers.StartKamailio(within(t), folder(t), s.Port)
				must(t, "starting kamailio", err)
				t.Cleanup(func() { _ = k.Close() })
				must(t, "adding the trunk", s.AddTrunk(within(t), "berlin", k.Port))
				alice := opusPhone(t, s, c.kind, "alice", phones.UDP)
				account := k.Account("+49301234567", phones.UDP)
				account.Codec = phones.PCMU
				bob, err := phones.StartBaresip(within(t), folder(t), account, tone(t, "bob"))
				must(t, "starting the phone behind kamailio", err)
				t.Cleanup(func() { _ = bob.Close() })
				must(t, "it registers", bob.Registered(within(t)))
				connect(t, alice, bob, "sip:+49301234567@"+peers.Domain)
				time.Sleep(talkTime)
				must(t, "pressing a key", alice.(presser).Press("5"))
				key, err := bob.Pressed(within(t))
				must(t, "the key arrives", err)
				if key != "5" {
					t.Errorf("the key that arrives is %q", key)
				}
				if c.callerEnds {
					must(t, "hanging up", alice.Hangup())
				} else {
					must(t, "hanging up", bob.Hangup())
				}
				ended(t, alice)
				ended(t, bob)
				wantRecord(t, s, map[bool]string{true: "caller", false: "callee"}[c.callerEnds])
				return append(wrongTone(t, "alice", alice, tones["bob"]), wrongTone(t, "bob", bob, tones["alice"])...)
			})
		})
	}
}

type presser interface{ Press(keys string) error }

// opusPhone makes a user and a phone for it that speaks Opus alone.
func opusPhone(t *testing.T, s *peers.Server, kind, name string, proto phones.Proto) phones.Phone {
	t.Helper()
	a, err := s.AddUser(within(t), name, proto)
	must(t, "adding "+name, err)
	a.Codec = phones.Opus
	return startPhone(t, kind, a)
}

// wantRecord wants the record of the one call to be complete.
func wantRecord(t *testing.T, s *peers.Server, endedBy string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), moment)
	defer cancel()
	for {
		list, err := s.Calls(ctx)
		must(t, "listing records", err)
		if len(list) == 1 && list[0].State == "completed" {
			c := list[0]
			if c.Trunk != "berlin" || c.EndedBy != endedBy || c.Caller.Codec != "opus" || c.Callee.Codec != "PCMU" || c.Caller.Packets < 100 || c.Callee.Packets < 100 {
				t.Errorf("record %+v, want it ended by the %s", c, endedBy)
			}
			t.Logf("record %+v", c)
			return
		}
		if ctx.Err() != nil {
			t.Fatalf("records %+v", list)
		}
		time.Sleep(50 * time.Millisecond)
	}
}
