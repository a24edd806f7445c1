package dialog

import (
	"strings"
	"testing"
	"time"

	"tandem/rtc/sip"
)

// A next hop that says nothing is left for the next one; when it wakes up, its
// INVITE is canceled.
func TestSilentNextHop(t *testing.T) {
	bubble(t, func(w *world) {
		alice := w.agent("alice", 1, Config{Resolver: named(w)})
		one, two := w.raw("one", 9), w.raw("two", 10)
		dialName(w, alice, sdp("offer"))
		first := one.one("INVITE")
		w.sleep(3 * time.Second)
		if n := len(two.received()); n != 0 {
			t.Fatalf("the next one was tried after less than 4 s (%d messages)", n)
		}
		w.sleep(time.Second)
		second := two.one("INVITE")
		if n, _ := second.CSeq(); n != 1 || string(second.FromTag()) != string(first.FromTag()) {
			t.Errorf("second INVITE:\n%s", second.Bytes())
		}
		two.reply(alice, second, 180, "two", Content{Header: contactOf("10.0.0.10")})
		alice.wantEvents("progress 180")
		one.reply(alice, first, 100, "", Content{}) // it wakes up
		cancel := one.one("CANCEL")
		if a, _ := cancel.TopVia(); string(a.Branch) != branch(first) || lineOf(cancel, "Reason") == "" {
			t.Errorf("CANCEL:\n%s", cancel.Bytes())
		}
		one.reply(alice, cancel, 200, "", Content{})
		one.reply(alice, first, 180, "one", Content{Header: contactOf("10.0.0.9")}) // too late to be heard
		one.reply(alice, first, 487, "one", Content{})
		one.one("ACK")
		two.reply(alice, second, 200, "two", Content{Header: contactOf("10.0.0.10"), Type: "application/sdp", Body: []byte("answer")})
		two.one("ACK")
		alice.wantEvents("answered answer")
	})
}

func branch(m *sip.Message) string {
	v, _ := m.TopVia()
	return string(v.Branch)
}

// A silent next hop that answers after all is acknowledged and ended, whether
// another one has the call, is still ringing, or there is none.
func TestSilentNextHopAnswersLate(t *testing.T) {
	for _, other := range []string{"has the call", "rings", "refused"} {
		t.Run(other, func(t *testing.T) {
			bubble(t, func(w *world) {
				alice := w.agent("alice", 1, Config{Resolver: named(w)})
				one, two := w.raw("one", 9), w.raw("two", 10)
				dialName(w, alice, sdp("offer"))
				first := one.one("INVITE")
				w.sleep(4 * time.Second)
				second := two.one("INVITE")
				answer := Content{Header: contactOf("10.0.0.10"), Type: "application/sdp", Body: []byte("answer")}
				switch other {
				case "has the call":
					two.reply(alice, second, 200, "two", answer)
				case "refused":
					two.reply(alice, second, 486, "two", Content{})
				default:
					two.reply(alice, second, 180, "two", Content{Header: contactOf("10.0.0.10")})
				}
				two.received()
				one.received()
				var got []string
				for range 2 {
					one.reply(alice, first, 200, "one", Content{Header: contactOf("10.0.0.9"), Type: "application/sdp", Body: []byte("late")})
					for _, m := range one.received() {
						got = append(got, word(m.Bytes()))
						if word(m.Bytes()) == "BYE" {
							one.reply(alice, m, 200, "", Content{})
						}
					}
				}
				if s := strings.Join(got, ", "); s != "ACK, BYE, ACK" {
					t.Errorf("the late one got %s", s)
				}
				if other == "rings" {
					two.reply(alice, second, 200, "two", answer)
				}
				if n := len(two.received()); n > 1 {
					t.Errorf("the other one got %d messages", n)
				}
				want := map[string][]string{"has the call": {"answered answer"}, "rings": {"progress 180", "answered answer"}, "refused": {"failed 486"}}
				alice.wantEvents(want[other]...)
			})
		})
	}
}

// When no next hop says anything, the call fails so that another trunk can be
// tried, long before timer B.
func TestAllSilent(t *testing.T) {
	bubble(t, func(w *world) {
		alice := w.agent("alice", 1, Config{Resolver: named(w), Silence: 2 * time.Second})
		one := w.raw("one", 9)
		w.raw("two", 10)
		dialName(w, alice, sdp("offer"))
		w.sleep(3 * time.Second)
		alice.wantEvents()
		w.sleep(time.Second)
		alice.wantEvents("failed no response at all from the next hop")
		one.reply(alice, one.one("INVITE"), 100, "", Content{})
		one.one("CANCEL")
		w.sleep(time.Minute)
		alice.wantEvents()
	})
}

// A 100 is enough to be waited for.
func TestTryingIsNoSilence(t *testing.T) {
	bubble(t, func(w *world) {
		alice := w.agent("alice", 1, Config{Resolver: named(w)})
		one, two := w.raw("one", 9), w.raw("two", 10)
		dialName(w, alice, sdp("offer"))
		first := one.one("INVITE")
		one.reply(alice, first, 100, "", Content{})
		w.sleep(time.Minute)
		if n := len(two.received()); n != 0 {
			t.Errorf("the next one got %d messages", n)
		}
		one.reply(alice, first, 503, "x", Content{})
		two.one("INVITE") // RFC 3263 §4.3
	})
}

// The owner who cancels a silent call need not wait for timer B.
func TestCancelOfSilentCall(t *testing.T) {
	bubble(t, func(w *world) {
		alice := w.agent("alice", 1, Config{})
		alice.dial(w.raw("one", 9), sdp("offer"))
		alice.call.Do(func() { alice.call.Cancel(nil) })
		w.sleep(4 * time.Second)
		alice.wantEvents("failed canceled")
	})
}

// A re-INVITE that one lost packet delays must not end the call.
func TestSilenceDoesNotEndCalls(t *testing.T) {
	bubble(t, func(w *world) {
		alice, bob := w.talk(Config{}, Config{})
		w.drop = func(line string) bool { return line == "alice>bob INVITE" }
		alice.do(func(s *Session) { alice.must(s.Reinvite(sdp("again"), nil)) })
		w.sleep(10 * time.Second)
		w.mu.Lock()
		w.drop = nil
		w.mu.Unlock()
		w.sleep(10 * time.Second)
		alice.wantEvents()
		bob.wantEvents("request INVITE again")
	})
}
