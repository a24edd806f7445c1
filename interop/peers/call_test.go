package peers_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"tandem/interop/peers"
	"tandem/interop/phones"
	"tandem/test/realtime"
)

// talk is how long the two of a call speak: long enough to judge the tone.
const talk = 3 * time.Second

// connect sets a call up and returns once both sides say so.
func connect(t *testing.T, from, to phones.Phone, uri string) {
	t.Helper()
	must(t, "dialling", from.Dial(uri))
	must(t, "the callee rings", to.Incoming(within(t)))
	must(t, "the caller hears it ring", from.Ringing(within(t)))
	must(t, "answering", to.Answer())
	must(t, "the callee speaks", to.Established(within(t)))
	must(t, "the caller speaks", from.Established(within(t)))
}

func ended(t *testing.T, p phones.Phone) string {
	t.Helper()
	reason, err := p.Ended(within(t))
	must(t, "the end of the call", err)
	return reason
}

// Calls between the two phones, in both directions, ended by either side, over
// mixed transports, with the audio measured at both ends.
func TestCall(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		from, to         string
		fromOver, toOver phones.Proto
		callerEnds       bool
	}{
		{"baresip", "linphonec", phones.UDP, phones.UDP, true},
		{"baresip", "linphonec", phones.TCP, phones.TLS, false},
		{"linphonec", "baresip", phones.UDP, phones.TCP, true},
		{"linphonec", "baresip", phones.TLS, phones.UDP, false},
	} {
		name := fmt.Sprintf("%s-%s_%s-%s_callerEnds=%v", c.from, c.fromOver, c.to, c.toOver, c.callerEnds)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			realtime.Measure(t, func(t *testing.T) []string {
				s := startServer(t, peers.Settings{})
				explain(t, s, "alice")
				alice := user(t, s, c.from, "alice", c.fromOver)
				bob := user(t, s, c.to, "bob", c.toOver)
				connect(t, alice, bob, "sip:bob@"+peers.Domain)
				time.Sleep(talk)
				if c.callerEnds {
					must(t, "hanging up", alice.Hangup())
				} else {
					must(t, "hanging up", bob.Hangup())
				}
				ended(t, alice)
				ended(t, bob)
				return append(wrongTone(t, "alice", alice, tones["bob"]), wrongTone(t, "bob", bob, tones["alice"])...)
			})
		})
	}
}

// Who rejects is heard as such by the caller: 486 from baresip, 603 from linphonec.
func TestReject(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ from, to, code, told string }{
		{"baresip", "linphonec", "603", "603 Decline"},
		{"linphonec", "baresip", "486", "error"},
	} {
		t.Run(c.to, func(t *testing.T) {
			t.Parallel()
			s := startServer(t, peers.Settings{})
			explain(t, s, "alice")
			alice := user(t, s, c.from, "alice", phones.UDP)
			bob := user(t, s, c.to, "bob", phones.TCP)
			must(t, "dialling", alice.Dial("sip:bob@"+peers.Domain))
			must(t, "bob rings", bob.Incoming(within(t)))
			must(t, "rejecting", bob.Hangup())
			reason := ended(t, alice)
			t.Logf("the caller says: %s", reason)
			if !strings.Contains(strings.ToLower(reason), strings.ToLower(c.told)) {
				t.Errorf("the caller says %q, want %q", reason, c.told)
			}
			wantAnswer(t, s, "alice", c.code, "INVITE")
		})
	}
}

// A call given up before it is answered ends at both sides, by 487.
func TestCancel(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ from, to string }{{"baresip", "linphonec"}, {"linphonec", "baresip"}} {
		t.Run(c.from, func(t *testing.T) {
			t.Parallel()
			s := startServer(t, peers.Settings{})
			explain(t, s, "alice")
			alice := user(t, s, c.from, "alice", phones.TCP)
			bob := user(t, s, c.to, "bob", phones.UDP)
			must(t, "dialling", alice.Dial("sip:bob@"+peers.Domain))
			must(t, "bob rings", bob.Incoming(within(t)))
			must(t, "alice hears it ring", alice.Ringing(within(t)))
			must(t, "giving up", alice.Hangup())
			ended(t, alice)
			ended(t, bob)
			wantAnswer(t, s, "alice", "487", "INVITE")
		})
	}
}

// wantAnswer checks that a response reached the server and left it again.
func wantAnswer(t *testing.T, s *peers.Server, user, code, method string) {
	t.Helper()
	for deadline := time.Now().Add(moment); ; time.Sleep(50 * time.Millisecond) {
		n := 0
		for line := range strings.Lines(s.Ladder(within(t), user)) {
			if strings.Contains(line, " "+code+" ") && strings.Contains(line, "("+method+")") {
				n++
			}
		}
		if n >= 2 {
			return
		}
		if time.Now().After(deadline) {
			t.Errorf("%s to %s was seen %d times, want 2: in and out", code, method, n)
			return
		}
	}
}
