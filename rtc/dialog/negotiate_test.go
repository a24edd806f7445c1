package dialog

import (
	"slices"
	"testing"
	"time"

	"tandem/rtc/sip"
)

func TestReinviteBothWays(t *testing.T) {
	bubble(t, func(w *world) {
		alice, bob := w.talk(Config{}, Config{})
		answer := ""
		for _, side := range []struct{ from, to *node }{{alice, bob}, {bob, alice}} {
			side.from.do(func(s *Session) {
				side.from.must(s.Reinvite(sdp("new offer"), func(m *sip.Message, err error) { answer = string(m.Body()) }))
				if s.Reinvite(sdp("second"), nil) != ErrPending || s.Update(sdp("third"), nil) != ErrPending {
					t.Error("a second offer was sent while one is open")
				}
			})
			w.settle()
			side.to.wantEvents("request INVITE new offer")
			side.to.do(func(*Session) { side.to.in.Respond(200, sdp("new answer")) })
			w.settle()
			f, o := side.from.name, side.to.name
			w.want(f+">"+o+" INVITE", o+">"+f+" 200 INVITE", f+">"+o+" ACK")
			side.to.wantEvents("acked")
			if answer != "new answer" {
				t.Errorf("answer %q", answer)
			}
			answer = ""
		}
	})
}

func TestReinviteWithoutOffer(t *testing.T) {
	bubble(t, func(w *world) {
		alice, bob := w.talk(Config{}, Config{})
		alice.do(func(s *Session) {
			alice.must(s.Reinvite(Content{}, func(m *sip.Message, err error) { alice.must(s.Ack(sdp("answer to " + string(m.Body())))) }))
		})
		w.settle()
		bob.do(func(*Session) { bob.in.Respond(200, sdp("bob's offer")) })
		w.settle()
		bob.wantEvents("request INVITE", "acked answer to bob's offer")
		w.want("alice>bob INVITE", "bob>alice 200 INVITE", "alice>bob ACK")
	})
}

func TestReinviteRefused(t *testing.T) {
	bubble(t, func(w *world) {
		alice, bob := w.talk(Config{}, Config{})
		code := 0
		alice.do(func(s *Session) {
			alice.must(s.Reinvite(sdp("x"), func(m *sip.Message, err error) { code = m.StatusCode() }))
		})
		w.settle()
		bob.do(func(*Session) { bob.in.Respond(488, Content{}) })
		w.settle()
		w.want("alice>bob INVITE", "bob>alice 488 INVITE", "alice>bob ACK")
		if code != 488 || alice.last.State() != Confirmed {
			t.Errorf("code %d, state %v", code, alice.last.State())
		}
		alice.wantEvents()
	})
}

// Both sides renegotiate at once: both get 491 and come again, the owner of
// the Call-ID later (RFC 3261 §14.1).
func TestGlare(t *testing.T) {
	bubble(t, func(w *world) {
		alice, bob := w.talk(Config{Random: func(n int) int { return n - 1 }}, Config{Random: func(n int) int { return n - 1 }})
		for _, n := range []*node{alice, bob} {
			n.do(func(s *Session) { n.must(s.Reinvite(sdp("from "+n.name), nil)) })
		}
		w.settle()
		got := w.lines()
		slices.Sort(got)
		want := []string{"alice>bob 491 INVITE", "alice>bob ACK", "alice>bob INVITE", "bob>alice 491 INVITE", "bob>alice ACK", "bob>alice INVITE"}
		if !slices.Equal(got, want) {
			t.Fatalf("got %v", got)
		}
		w.sleep(1500 * time.Millisecond) // both at their longest: bob 2 s, alice 4 s
		w.want()
		w.sleep(time.Second)
		w.want("bob>alice INVITE")
		alice.do(func(*Session) { alice.in.Respond(200, sdp("ok")) })
		w.settle()
		w.want("alice>bob 200 INVITE", "bob>alice ACK")
		w.sleep(2 * time.Second)
		w.want("alice>bob INVITE")
		bob.do(func(*Session) { bob.in.Respond(200, sdp("ok")) })
		w.settle()
		w.want("bob>alice 200 INVITE", "alice>bob ACK")
	})
}

func TestGlareDelays(t *testing.T) {
	for _, c := range []struct {
		called bool
		random int // share of the range, 0 or 1
		want   time.Duration
	}{{false, 0, 2100 * time.Millisecond}, {false, 1, 4 * time.Second}, {true, 0, 0}, {true, 1, 2 * time.Second}} {
		ua := New(Config{Random: func(n int) int { return (n - 1) * c.random }})
		s := &Session{Dialog: &Dialog{ua: ua, called: c.called}}
		if got := s.glareDelay(); got != c.want {
			t.Errorf("called %v: %v, want %v", c.called, got, c.want)
		}
	}
}

// A second INVITE before the first is answered gets 500 with Retry-After.
func TestInviteWhileAnswering(t *testing.T) {
	bubble(t, func(w *world) {
		bob, raw := w.agent("bob", 2, Config{}), w.raw("raw", 9)
		tag := string(answeredRaw(w, bob, raw).ToTag())
		raw.say(bob, inside("INVITE", "c1", "r1", tag, "11", "Contact: <sip:raw@10.0.0.9>", "\nfirst"))
		raw.say(bob, inside("INVITE", "c1", "r2", tag, "12", "Contact: <sip:raw@10.0.0.9>", "\nsecond"))
		if m := raw.one("500 INVITE"); !m.Has(sip.HdrRetryAfter) {
			t.Errorf("500 without Retry-After")
		}
		bob.wantEvents("request INVITE first")
		// the first is still open and can be answered
		bob.do(func(s *Session) {
			if s.Update(sdp("x"), nil) != ErrPending {
				t.Error("the first INVITE is forgotten")
			}
			bob.in.Respond(200, sdp("answer"))
		})
		w.settle()
		raw.one("200 INVITE")
		raw.say(bob, inside("ACK", "c1", "a1", tag, "11"))
		bob.wantEvents("acked")
		bob.do(func(s *Session) { bob.must(s.Reinvite(sdp("ours"), nil)) })
	})
}

func TestUpdate(t *testing.T) {
	bubble(t, func(w *world) {
		alice, bob := w.talk(Config{}, Config{})
		answer := ""
		bob.do(func(s *Session) {
			bob.must(s.Update(sdp("offer"), func(m *sip.Message, err error) { answer = string(m.Body()) }))
		})
		w.settle()
		alice.wantEvents("request UPDATE offer")
		alice.do(func(*Session) { alice.in.Respond(200, sdp("answer")) })
		w.settle()
		w.want("bob>alice UPDATE", "alice>bob 200 UPDATE")
		if answer != "answer" {
			t.Errorf("answer %q", answer)
		}
		// without a body it is answered without the user
		bob.do(func(s *Session) { bob.must(s.Update(Content{}, nil)) })
		w.settle()
		w.want("bob>alice UPDATE", "alice>bob 200 UPDATE")
		alice.wantEvents()
	})
}

func TestUpdateGlare(t *testing.T) {
	bubble(t, func(w *world) {
		bob, raw := w.agent("bob", 2, Config{Random: func(int) int { return 0 }}), w.raw("raw", 9)
		tag := string(answeredRaw(w, bob, raw).ToTag())
		bob.do(func(s *Session) { bob.must(s.Update(sdp("ours"), nil)) })
		w.settle()
		first := raw.one("UPDATE")
		raw.say(bob, inside("UPDATE", "c1", "u1", tag, "11", "\ntheirs"))
		raw.one("491 UPDATE")
		raw.reply(bob, first, 491, "", Content{})
		w.settle()
		again := raw.one("UPDATE") // repeated by itself
		if a, _ := first.CSeq(); string(again.Body()) != "ours" || string(again.CSeqMethod()) != "UPDATE" {
			t.Errorf("second try after CSeq %d: %s", a, again.Bytes())
		}
		raw.reply(bob, again, 200, "", sdp("fine"))
		// an unanswered offer of theirs: 500
		raw.say(bob, inside("UPDATE", "c1", "u2", tag, "12", "\ntheirs"))
		bob.wantEvents("request UPDATE theirs")
		raw.say(bob, inside("UPDATE", "c1", "u3", tag, "13", "\ntheirs again"))
		raw.one("500 UPDATE")
		bob.do(func(s *Session) {
			if s.Update(sdp("x"), nil) != ErrPending || s.Reinvite(sdp("x"), nil) != ErrPending {
				t.Error("offered while theirs is open")
			}
			bob.in.Respond(500, Content{})
			bob.must(s.Update(sdp("x"), nil))
		})
	})
}
