package dialog

import (
	"strings"
	"testing"
	"time"
)

func TestCallAndByeFromCaller(t *testing.T) {
	bubble(t, func(w *world) {
		alice, bob := w.agent("alice", 1, Config{}), w.agent("bob", 2, Config{})
		alice.dial(bob, sdp("offer"))
		w.want("alice>bob INVITE")
		bob.do(func(s *Session) { bob.must(s.Ring(180, Content{}, false)) })
		w.settle()
		bob.do(func(s *Session) { bob.must(s.Accept(sdp("answer"))) })
		w.settle()
		w.want("bob>alice 180 INVITE", "bob>alice 200 INVITE", "alice>bob ACK")
		if alice.last.ID().Local != bob.last.ID().Remote || alice.last.ID().Remote != bob.last.ID().Local {
			t.Errorf("dialog ids do not mirror: %+v %+v", alice.last.ID(), bob.last.ID())
		}
		if alice.last.State() != Confirmed || bob.last.State() != Confirmed {
			t.Errorf("states %v %v", alice.last.State(), bob.last.State())
		}
		alice.do(func(s *Session) { s.Bye([]byte("Reason: Q.850;cause=16\r\n")) })
		w.settle()
		w.want("alice>bob BYE", "bob>alice 200 BYE")
		alice.wantEvents("progress 180", "answered answer", "ended bye remote=false")
		bob.wantEvents("incoming", "acked", "ended bye remote=true")
		w.sleep(40 * time.Second)
		if alice.ua.Table().Len() != 0 || bob.ua.Table().Len() != 0 {
			t.Errorf("dialogs left: %d %d", alice.ua.Table().Len(), bob.ua.Table().Len())
		}
	})
}

func TestByeFromCalled(t *testing.T) {
	bubble(t, func(w *world) {
		alice, bob := w.talk(Config{}, Config{})
		bob.do(func(s *Session) { s.Bye(nil) })
		w.settle()
		w.want("bob>alice BYE", "alice>bob 200 BYE")
		alice.wantEvents("ended bye remote=true")
		bob.wantEvents("ended bye remote=false")
		bob.do(func(s *Session) {
			if s.Reinvite(sdp("x"), nil) != ErrState || s.Update(Content{}, nil) != ErrState || s.Send("INFO", Content{}, nil) != ErrState {
				t.Error("an ended session still sends")
			}
		})
		w.want()
	})
}

func TestLateOffer(t *testing.T) {
	bubble(t, func(w *world) {
		alice, bob := w.agent("alice", 1, Config{}), w.agent("bob", 2, Config{})
		alice.dial(bob, Content{})
		bob.do(func(s *Session) { bob.must(s.Accept(sdp("offer of bob"))) })
		w.sleep(100 * time.Millisecond)
		alice.do(func(s *Session) { alice.must(s.Ack(sdp("answer of alice"))) })
		w.settle()
		w.want("alice>bob INVITE", "bob>alice 200 INVITE", "alice>bob ACK")
		alice.wantEvents("answered offer of bob")
		bob.wantEvents("incoming", "acked answer of alice")
	})
}

func TestRejected(t *testing.T) {
	bubble(t, func(w *world) {
		alice, bob := w.agent("alice", 1, Config{}), w.agent("bob", 2, Config{})
		alice.dial(bob, sdp("offer"))
		bob.do(func(s *Session) { bob.must(s.Reject(486, Content{})) })
		w.settle()
		w.want("alice>bob INVITE", "bob>alice 486 INVITE", "alice>bob ACK")
		alice.wantEvents("failed 486")
		bob.wantEvents("incoming", "ended rejected remote=false")
	})
}

func TestCancel(t *testing.T) {
	bubble(t, func(w *world) {
		alice, bob := w.agent("alice", 1, Config{}), w.agent("bob", 2, Config{})
		alice.dial(bob, sdp("offer"))
		bob.do(func(s *Session) { bob.must(s.Ring(180, Content{}, false)) })
		w.settle()
		alice.call.Do(func() { alice.call.Cancel(nil) })
		w.settle()
		w.want("alice>bob INVITE", "bob>alice 180 INVITE", "alice>bob CANCEL", "bob>alice 200 CANCEL", "bob>alice 487 INVITE", "alice>bob ACK")
		alice.wantEvents("progress 180", "ended rejected remote=true", "failed 487")
		bob.wantEvents("incoming", "ended cancel remote=true")
	})
}

// An invitation ends after the time of its Expires unless it was answered by then
// (RFC 3261 §13.3.1).
func TestInvitationExpires(t *testing.T) {
	for _, accepted := range []bool{false, true} {
		bubble(t, func(w *world) {
			alice, bob := w.agent("alice", 1, Config{}), w.agent("bob", 2, Config{})
			alice.dial(bob, Content{Type: "application/sdp", Body: []byte("offer"), Header: []byte("Expires: 20\r\n")})
			bob.do(func(s *Session) { bob.must(s.Ring(180, Content{}, false)) })
			w.sleep(19 * time.Second)
			w.want("alice>bob INVITE", "bob>alice 180 INVITE")
			if accepted {
				bob.do(func(s *Session) { bob.must(s.Accept(sdp("answer"))) })
				w.sleep(19 * time.Second)
				w.want("bob>alice 200 INVITE", "alice>bob ACK")
				bob.wantEvents("incoming", "acked")
				return
			}
			w.sleep(2 * time.Second)
			w.want("bob>alice 487 INVITE", "alice>bob ACK")
			bob.wantEvents("incoming", "ended cancel remote=true")
		})
	}
}

// The 200 crosses the CANCEL: it is acknowledged and ended.
func TestCancelTooLate(t *testing.T) {
	bubble(t, func(w *world) {
		alice, bob := w.agent("alice", 1, Config{}), w.agent("bob", 2, Config{})
		alice.dial(bob, sdp("offer"))
		bob.do(func(s *Session) { bob.must(s.Ring(180, Content{}, false)) })
		w.settle()
		w.lines()
		bob.do(func(s *Session) { bob.must(s.Accept(sdp("answer"))) })
		alice.call.Do(func() { alice.call.Cancel(nil) })
		w.settle()
		got := strings.Join(w.lines(), ", ")
		for _, part := range []string{"bob>alice 200 INVITE", "alice>bob ACK", "alice>bob BYE", "bob>alice 200 BYE"} {
			if !strings.Contains(got, part) {
				t.Errorf("no %q in %s", part, got)
			}
		}
		alice.wantEvents("progress 180", "ended forked remote=false", "failed canceled")
		bob.wantEvents("incoming", "acked", "ended bye remote=true")
	})
}

func TestAnswerIsRepeatedUntilACK(t *testing.T) {
	bubble(t, func(w *world) {
		alice, bob := w.agent("alice", 1, Config{}), w.agent("bob", 2, Config{})
		lost := 0
		w.drop = func(line string) bool {
			if line == "alice>bob ACK" && lost < 2 {
				lost++
				return true
			}
			return false
		}
		alice.dial(bob, sdp("offer"))
		bob.do(func(s *Session) { bob.must(s.Accept(sdp("answer"))) })
		w.sleep(10 * time.Second)
		w.want("alice>bob INVITE", "bob>alice 200 INVITE", "alice>bob ACK",
			"bob>alice 200 INVITE", "alice>bob ACK", "bob>alice 200 INVITE", "alice>bob ACK")
		alice.wantEvents("answered answer")
		bob.wantEvents("incoming", "acked")
	})
}

func TestNoACKEndsTheSession(t *testing.T) {
	bubble(t, func(w *world) {
		alice, bob := w.agent("alice", 1, Config{}), w.agent("bob", 2, Config{})
		w.drop = func(line string) bool { return line == "alice>bob ACK" }
		alice.dial(bob, sdp("offer"))
		bob.do(func(s *Session) { bob.must(s.Accept(sdp("answer"))) })
		w.sleep(31 * time.Second)
		n := 0
		for _, l := range w.lines() {
			if l == "bob>alice 200 INVITE" {
				n++
			}
		}
		if n != 10 { // at 0, 0.5, 1.5, 3.5, 7.5, then each 4 s
			t.Errorf("200 sent %d times in 31 s, want 10 with T1 doubling to T2", n)
		}
		bob.do(func(s *Session) { s.Bye(nil) }) // must wait for ACK or the end of waiting
		w.settle()
		for _, l := range w.lines() {
			if strings.Contains(l, "BYE") {
				t.Errorf("BYE before ACK: %s", l)
			}
		}
		w.sleep(3 * time.Second)
		if got := strings.Join(w.lines(), ", "); !strings.Contains(got, "bob>alice BYE, alice>bob 200 BYE") {
			t.Errorf("no BYE after 64*T1: %s", got)
		}
		bob.wantEvents("incoming", "ended no ack remote=false")
		alice.wantEvents("answered answer", "ended bye remote=true")
	})
}

func TestByeWaitsForACK(t *testing.T) {
	bubble(t, func(w *world) {
		alice, bob := w.agent("alice", 1, Config{}), w.agent("bob", 2, Config{})
		alice.dial(bob, sdp("offer"))
		bob.do(func(s *Session) { bob.must(s.Accept(sdp("answer"))); s.Bye(nil) })
		w.settle()
		w.want("alice>bob INVITE", "bob>alice 200 INVITE", "alice>bob ACK", "bob>alice BYE", "alice>bob 200 BYE")
	})
}

func TestRingIsRepeatedEachMinute(t *testing.T) {
	bubble(t, func(w *world) {
		alice, bob := w.agent("alice", 1, Config{}), w.agent("bob", 2, Config{})
		alice.dial(bob, sdp("offer"))
		bob.do(func(s *Session) { bob.must(s.Ring(180, Content{}, false)) })
		w.sleep(150 * time.Second)
		w.want("alice>bob INVITE", "bob>alice 180 INVITE", "bob>alice 180 INVITE", "bob>alice 180 INVITE")
	})
}

func TestNobodyAnswers(t *testing.T) {
	bubble(t, func(w *world) {
		alice := w.agent("alice", 1, Config{})
		nobody := w.raw("nobody", 9)
		alice.dial(nobody, sdp("offer"))
		w.sleep(40 * time.Second)
		if len(alice.events) != 1 || !strings.HasPrefix(alice.events[0], "failed ") {
			t.Errorf("events %v, want one failure", alice.events)
		}
	})
}

func TestTwoCallsOnOneLane(t *testing.T) {
	bubble(t, func(w *world) {
		alice, bob := w.agent("alice", 1, Config{}), w.agent("bob", 2, Config{})
		alice.dial(bob, sdp("offer"))
		lane := bob.last.Lane()
		var second *Call
		bob.last.Do(func() {
			var err error
			second, err = bob.ua.Invite(Invite{Way: Way{URI: alice.uri()}, From: "<sip:bob@example.com>", Lane: lane, Content: sdp("o"), Events: bob.sink()})
			bob.must(err)
		})
		if second.Lane() != lane {
			t.Error("the second call is on another lane")
		}
		w.settle()
		w.want("alice>bob INVITE", "bob>alice INVITE")
	})
}
