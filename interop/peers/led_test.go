package peers_test

import (
	"regexp"
	"testing"
	"time"

	"tandem/interop/peers"
	"tandem/interop/phones"
	"tandem/test/realtime"
)

// protos are how each of the phones speaks to the server here.
var protos = map[string]phones.Proto{"linphonec": phones.UDP, "baresip": phones.TCP, "jssip": phones.WSS}

// Three phones call each other in all directions through the server, which converts
// what they have not in common: Opus and G.711, DTLS and none. Both ends measure what
// they hear.
func TestLedCalls(t *testing.T) {
	t.Parallel()
	for _, c := range [][2]string{{"linphonec", "baresip"}, {"baresip", "linphonec"}, {"linphonec", "jssip"}, {"jssip", "linphonec"}, {"baresip", "jssip"}, {"jssip", "baresip"}} {
		t.Run(c[0]+" calls "+c[1], func(t *testing.T) {
			t.Parallel()
			realtime.Measure(t, func(t *testing.T) []string {
				s := ledServer(t)
				alice := telephoneOf(t, s, c[0], "alice", protos[c[0]])
				bob := telephoneOf(t, s, c[1], "bob", protos[c[1]])
				connect(t, alice, bob, "sip:bob@"+peers.Domain)
				time.Sleep(talk)
				must(t, "hanging up", alice.Hangup())
				ended(t, alice)
				ended(t, bob)
				return append(wrongTone(t, "alice", alice, tones["bob"]), wrongTone(t, "bob", bob, tones["alice"])...)
			})
		})
	}
}

// The tab of a browser is closed in a call: the other phone is told within 30 s.
func TestTabClosed(t *testing.T) {
	t.Parallel()
	s := ledServer(t)
	alice := telephoneOf(t, s, "jssip", "alice", phones.WSS).(*phones.JsSIP)
	bob := telephoneOf(t, s, "baresip", "bob", phones.UDP)
	connect(t, alice, bob, "sip:bob@"+peers.Domain)
	alice.CloseTab()
	begun := time.Now()
	ended(t, bob)
	t.Logf("the call ended %v after the tab was closed", time.Since(begun).Round(100*time.Millisecond))
}

// Session timers with foreign programs, each side by itself: JsSIP refreshes, since
// that was agreed with it; linphonec knows no timer, so that the server does.
func TestSessionTimers(t *testing.T) {
	t.Parallel()
	s := startServer(t, peers.Settings{AllCalls: true, Browsers: true, SessionTimer: "90s"})
	explain(t, s, "alice")
	alice := telephoneOf(t, s, "jssip", "alice", phones.WSS)
	bob := telephoneOf(t, s, "linphonec", "bob", phones.UDP)
	connect(t, alice, bob, "sip:bob@"+peers.Domain)
	end := time.Now().Add(80 * time.Second) // both refresh at half of the interval
	for what, line := range map[string]string{"JsSIP": `│── UPDATE .*▶│ `, "the server to linphonec": ` │── (UPDATE|INVITE sip:bob@peers.test;gr).*▶│$`} {
		for refresh := regexp.MustCompile(`(?m)` + line); ; time.Sleep(time.Second) {
			ladder := s.Ladder(within(t), "alice")
			if refresh.MatchString(ladder) {
				break
			}
			if time.Now().After(end) {
				t.Errorf("no refresh by %s:\n%s", what, ladder)
				break
			}
		}
	}
	must(t, "hanging up", bob.Hangup())
	ended(t, alice)
	ended(t, bob)
}
