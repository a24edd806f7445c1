package dialog

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"tandem/rtc/sip"
)

func TestReliableProgress(t *testing.T) {
	bubble(t, func(w *world) {
		alice, bob := w.agent("alice", 1, Config{Reliable: true}), w.agent("bob", 2, Config{})
		alice.dial(bob, sdp("offer"))
		bob.do(func(s *Session) {
			bob.must(s.Ring(183, sdp("answer"), true))
			bob.must(s.Ring(180, Content{}, true)) // waits for the first's PRACK
			bob.must(s.Accept(sdp("answer")))      // waits, too
		})
		w.settle()
		w.want("alice>bob INVITE", "bob>alice 183 INVITE", "alice>bob PRACK", "bob>alice 200 PRACK", "bob>alice 200 INVITE", "alice>bob ACK")
		alice.wantEvents("progress 183 answer", "answered answer")
		bob.wantEvents("incoming", "acked")
	})
}

func TestReliableOneAfterTheOther(t *testing.T) {
	bubble(t, func(w *world) {
		alice, bob := w.agent("alice", 1, Config{Reliable: true}), w.agent("bob", 2, Config{})
		alice.dial(bob, sdp("offer"))
		bob.do(func(s *Session) {
			bob.must(s.Ring(180, Content{}, true))
			bob.must(s.Ring(183, sdp("answer"), true))
		})
		w.settle()
		w.want("alice>bob INVITE", "bob>alice 180 INVITE", "alice>bob PRACK", "bob>alice 200 PRACK",
			"bob>alice 183 INVITE", "alice>bob PRACK", "bob>alice 200 PRACK")
		// an UPDATE in the early dialog, now that the offer is answered
		alice.do(func(s *Session) { alice.must(s.Update(sdp("early offer"), nil)) })
		w.settle()
		bob.wantEvents("incoming", "request UPDATE early offer")
		bob.do(func(s *Session) { bob.in.Respond(200, sdp("early answer")); bob.must(s.Accept(sdp("answer"))) })
		w.settle()
		w.want("alice>bob UPDATE", "bob>alice 200 UPDATE", "bob>alice 200 INVITE", "alice>bob ACK")
	})
}

func TestReliableOfferInResponse(t *testing.T) {
	bubble(t, func(w *world) {
		alice, bob := w.agent("alice", 1, Config{Reliable: true}), w.agent("bob", 2, Config{})
		alice.dial(bob, Content{})
		bob.do(func(s *Session) { bob.must(s.Ring(183, sdp("bob's offer"), true)) })
		w.settle()
		w.want("alice>bob INVITE", "bob>alice 183 INVITE") // the user must answer
		alice.do(func(s *Session) { alice.must(s.Prack(sdp("alice's answer"))) })
		w.settle()
		bob.wantEvents("incoming", "acked alice's answer")
		bob.do(func(s *Session) { bob.must(s.Accept(Content{})) })
		w.settle()
		w.want("alice>bob PRACK", "bob>alice 200 PRACK", "bob>alice 200 INVITE", "alice>bob ACK")
	})
}

func TestReliableIsRepeatedAndGivenUp(t *testing.T) {
	bubble(t, func(w *world) {
		bob, raw := w.agent("bob", 2, Config{}), w.raw("raw", 9)
		raw.say(bob, invite("c1", "Supported: 100rel"))
		bob.do(func(s *Session) { bob.must(s.Ring(180, Content{}, true)) })
		w.sleep(20 * time.Second) // at 0, 0.5, 1.5, 3.5, 7.5, 15.5
		n := 0
		for _, m := range raw.received() {
			if word(m.Bytes()) == "180 INVITE" {
				n++
			}
		}
		if n != 6 {
			t.Errorf("180 sent %d times in 20 s, want 6", n)
		}
		w.sleep(14 * time.Second)
		raw.one("504 INVITE")
		bob.wantEvents("incoming", "ended rejected remote=false")
	})
}

func TestUnreliableForOldPeers(t *testing.T) {
	bubble(t, func(w *world) {
		bob, raw := w.agent("bob", 2, Config{}), w.raw("raw", 9)
		raw.say(bob, invite("c1"))
		bob.do(func(s *Session) { bob.must(s.Ring(180, Content{}, true)) })
		w.settle()
		if m := raw.one("180 INVITE"); m.Has(sip.HdrRSeq) || m.Has(sip.HdrRequire) {
			t.Errorf("reliable for a peer without 100rel:\n%s", m.Bytes())
		}
	})
}

func TestRequiredReliable(t *testing.T) {
	bubble(t, func(w *world) {
		bob, raw := w.agent("bob", 2, Config{}), w.raw("raw", 9)
		raw.say(bob, invite("c1", "Require: 100rel"))
		bob.do(func(s *Session) { bob.must(s.Ring(180, Content{}, false)) })
		w.settle()
		m := raw.one("180 INVITE")
		if !m.HasToken(sip.HdrRequire, "100rel") || !m.Has(sip.HdrRSeq) {
			t.Fatalf("not reliable:\n%s", m.Bytes())
		}
		tag := string(m.ToTag())
		rseq := leadingNumber(m.Get(sip.HdrRSeq))
		for i, c := range []struct{ rack, want string }{
			{fmt.Sprintf("%d 10 INVITE", rseq+1), "481 PRACK"},
			{fmt.Sprintf("%d 11 INVITE", rseq), "481 PRACK"},
			{fmt.Sprintf("%d 10 UPDATE", rseq), "481 PRACK"},
			{"nonsense", "481 PRACK"},
			{fmt.Sprintf("%d  10 INVITE", rseq), "200 PRACK"},
			{fmt.Sprintf("%d 10 INVITE", rseq), "481 PRACK"}, // done already
		} {
			raw.say(bob, inside("PRACK", "c1", fmt.Sprint("p", i), tag, fmt.Sprint(11+i), "RAck: "+c.rack))
			raw.one(c.want)
		}
	})
}

// The calling side drops repetitions and what comes out of order.
func TestReliableOrder(t *testing.T) {
	bubble(t, func(w *world) {
		alice, raw := w.agent("alice", 1, Config{Reliable: true}), w.raw("raw", 9)
		alice.dial(raw, sdp("offer"))
		inv := raw.one("INVITE")
		if !inv.HasToken(sip.HdrSupported, "100rel") {
			t.Fatal("100rel is not offered")
		}
		ring := func(code int, rseq string) {
			raw.reply(alice, inv, code, "r", Content{Header: []byte("Contact: <sip:r@10.0.0.9:5060>\r\nRequire: 100rel\r\nRSeq: " + rseq + "\r\n")})
		}
		answer := func(want string) {
			t.Helper()
			m := raw.one("PRACK")
			if got := string(m.Get(sip.HdrRAck)); got != want {
				t.Errorf("RAck %q, want %q", got, want)
			}
			raw.reply(alice, m, 200, "", Content{})
		}
		ring(180, "7")
		answer("7 1 INVITE")
		ring(180, "7") // repetition
		ring(183, "9") // 8 is missing
		ring(183, "x")
		if n := len(raw.received()); n != 0 {
			t.Errorf("%d answers to what must be dropped", n)
		}
		ring(183, "8")
		answer("8 1 INVITE")
		alice.wantEvents("progress 180", "progress 183")
	})
}

func FuzzHeaders(f *testing.F) {
	f.Add("776656 1 INVITE", "1800;refresher=uas", "a@b;to-tag=1;from-tag=2;early-only")
	f.Add("4294967296 1 INVITE", "99999999999", ";;;")
	f.Add("", ";refresher", "x ; to-tag=0;from-tag=\"")
	table := newTable(0)
	f.Fuzz(func(t *testing.T, rack, se, replaces string) {
		for _, s := range []string{rack, se, replaces} {
			if strings.ContainsAny(s, "\r\n") {
				return
			}
		}
		m := new(sip.Message)
		if m.Parse([]byte("INVITE sip:a@b SIP/2.0\r\nCSeq: 1 INVITE\r\nRAck: "+rack+"\r\nSession-Expires: "+se+"\r\nReplaces: "+replaces+"\r\nContent-Length: 0\r\n\r\n")) != nil {
			return
		}
		p := provisional{in: &Incoming{Message: m}, rseq: 776656}
		if p.matches(m) && leadingNumber([]byte(strings.TrimSpace(rack))) != 776656 {
			t.Errorf("RAck %q matches", rack)
		}
		if _, r := sessionExpires(m); r != "" && r != "uac" && r != "uas" {
			t.Errorf("refresher %q", r)
		}
		if d, code := table.Replaces(m); d != nil || (code != 400 && code != 481) {
			t.Errorf("Replaces %q: %v %d", replaces, d, code)
		}
	})
}
