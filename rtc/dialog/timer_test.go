package dialog

import (
	"strings"
	"testing"
	"time"

	"tandem/rtc/sip"
)

func lineOf(m *sip.Message, name string) string { return string(m.GetName(name)) }

func TestSessionTimerRefreshedByUpdate(t *testing.T) {
	bubble(t, func(w *world) {
		alice, bob := w.talk(Config{SessionExpires: 1800 * time.Second}, Config{})
		w.sleep(15*time.Minute - 2*time.Second)
		w.want()
		w.sleep(2 * time.Second)
		w.want("alice>bob UPDATE", "bob>alice 200 UPDATE")
		w.sleep(15 * time.Minute)
		w.want("alice>bob UPDATE", "bob>alice 200 UPDATE")
		w.sleep(time.Hour)
		if n := len(w.lines()); n != 8 {
			t.Errorf("%d messages in an hour, want 8", n)
		}
		alice.wantEvents()
		bob.wantEvents()
	})
}

func TestSessionTimerRefreshedByCalled(t *testing.T) {
	bubble(t, func(w *world) {
		bob, raw := w.agent("bob", 2, Config{}), w.raw("raw", 9)
		ok := answeredRaw(w, bob, raw, "Supported: timer", "Session-Expires: 120;refresher=uas", "Allow: INVITE, ACK, BYE")
		if got := lineOf(ok, "Session-Expires"); got != "120;refresher=uas" {
			t.Errorf("Session-Expires %q", got)
		}
		w.sleep(60 * time.Second)
		re := raw.one("INVITE") // the peer does not allow UPDATE
		if string(re.Body()) != "answer" || lineOf(re, "Session-Expires") != "120;refresher=uac" {
			t.Errorf("refresh:\n%s", re.Bytes())
		}
		raw.reply(bob, re, 200, "", Content{Header: []byte("Contact: <sip:raw@10.0.0.9:5060>\r\nSession-Expires: 120;refresher=uac\r\n"), Type: "application/sdp", Body: []byte("same")})
		raw.one("ACK")
		// the next one is not answered: the session ends
		w.sleep(60 * time.Second)
		raw.one("INVITE")
		w.sleep(40 * time.Second)
		raw.one("BYE")
		bob.wantEvents("ended expired remote=false")
	})
}

func TestSessionExpires(t *testing.T) {
	bubble(t, func(w *world) {
		bob, raw := w.agent("bob", 2, Config{}), w.raw("raw", 9)
		ok := answeredRaw(w, bob, raw, "Supported: timer", "Session-Expires: 90;refresher=uac")
		if !ok.HasToken(sip.HdrRequire, "timer") {
			t.Error("200 lacks Require: timer")
		}
		w.sleep(58 * time.Second) // 90 - min(32, 30) = 60 s
		if n := len(raw.received()); n != 0 {
			t.Errorf("%d messages before the end", n)
		}
		w.sleep(2 * time.Second)
		bye := raw.one("BYE")
		if !strings.Contains(lineOf(bye, "Reason"), "408") {
			t.Errorf("Reason %q", lineOf(bye, "Reason"))
		}
		bob.wantEvents("ended expired remote=false")
	})
}

func TestSessionExpiresNotWhenRefreshed(t *testing.T) {
	bubble(t, func(w *world) {
		bob, raw := w.agent("bob", 2, Config{}), w.raw("raw", 9)
		tag := string(answeredRaw(w, bob, raw, "Supported: timer", "Session-Expires: 90;refresher=uac").ToTag())
		for i := range 5 {
			w.sleep(45 * time.Second)
			raw.say(bob, inside("UPDATE", "c1", "u"+string(rune('a'+i)), tag, string(rune('2'+i))+"0", "Supported: timer", "Session-Expires: 90;refresher=uac", "Contact: <sip:raw@10.0.0.9:5060>"))
			if ok := raw.one("200 UPDATE"); lineOf(ok, "Session-Expires") != "90;refresher=uac" {
				t.Errorf("answer to refresh:\n%s", ok.Bytes())
			}
		}
		bob.wantEvents()
	})
}

func TestIntervalNegotiation(t *testing.T) {
	for _, c := range []struct {
		name  string
		own   time.Duration
		lines []string
		want  string
		req   bool
	}{
		{"none wanted", 0, []string{"Supported: timer"}, "", false},
		{"ours alone", 1800 * time.Second, []string{"Supported: timer"}, "1800;refresher=uac", true},
		{"ours alone, old peer", 1800 * time.Second, nil, "1800;refresher=uas", false},
		{"theirs", 0, []string{"Supported: timer", "Session-Expires: 600"}, "600;refresher=uac", true},
		{"lowered", 300 * time.Second, []string{"Supported: timer", "Session-Expires: 600;refresher=uas"}, "300;refresher=uas", false},
		{"lowered to their Min-SE", 300 * time.Second, []string{"Supported: timer", "Session-Expires: 600", "Min-SE: 500"}, "500;refresher=uac", true},
		{"not raised", 1800 * time.Second, []string{"Supported: timer", "x: 200"}, "200;refresher=uac", true},
		{"put in by a proxy, too short", 0, []string{"Session-Expires: 20"}, "90;refresher=uas", false},
		{"two blanks", 0, []string{"Supported: timer", "Session-Expires:  1800"}, "1800;refresher=uac", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(w *world) {
				bob, raw := w.agent("bob", 2, Config{SessionExpires: c.own}), w.raw("raw", 9)
				ok := answeredRaw(w, bob, raw, c.lines...)
				if got := lineOf(ok, "Session-Expires"); got != c.want || ok.HasToken(sip.HdrRequire, "timer") != c.req {
					t.Errorf("Session-Expires %q, Require %v; want %q, %v", got, ok.HasToken(sip.HdrRequire, "timer"), c.want, c.req)
				}
			})
		})
	}
}

func TestIntervalRaisedAfter422(t *testing.T) {
	bubble(t, func(w *world) {
		alice := w.agent("alice", 1, Config{SessionExpires: 100 * time.Second})
		bob := w.agent("bob", 2, Config{MinSE: 500 * time.Second})
		alice.dial(bob, sdp("offer"))
		bob.do(func(s *Session) { bob.must(s.Accept(sdp("answer"))) })
		w.settle()
		w.want("alice>bob INVITE", "bob>alice 422 INVITE", "alice>bob ACK", "alice>bob INVITE", "bob>alice 200 INVITE", "alice>bob ACK")
		alice.wantEvents("answered answer")
		alice.do(func(s *Session) {
			if s.timer.interval != 500 {
				t.Errorf("interval %d, want 500", s.timer.interval)
			}
		})
	})
}

func TestMinSEAfter422(t *testing.T) {
	bubble(t, func(w *world) {
		alice, raw := w.agent("alice", 1, Config{SessionExpires: 100 * time.Second}), w.raw("raw", 9)
		alice.dial(raw, sdp("offer"))
		raw.reply(alice, raw.one("INVITE"), 422, "r", Content{Header: []byte("Min-SE: 300\r\n")})
		again := raw.one("INVITE")
		if lineOf(again, "Session-Expires") != "300" || lineOf(again, "Min-SE") != "300" { // RFC 4028 §7.3
			t.Errorf("second INVITE:\n%s", again.Bytes())
		}
		raw.reply(alice, again, 422, "r", Content{Header: []byte("Min-SE: 300\r\n")}) // makes no sense, must not loop
		alice.wantEvents("failed 422")
	})
}

func TestRefreshFallsBackToReinvite(t *testing.T) {
	bubble(t, func(w *world) {
		bob, raw := w.agent("bob", 2, Config{}), w.raw("raw", 9)
		answeredRaw(w, bob, raw, "Supported: timer", "Session-Expires: 120;refresher=uas", "Allow: INVITE, UPDATE")
		w.sleep(60 * time.Second)
		raw.reply(bob, raw.one("UPDATE"), 405, "", Content{})
		raw.one("INVITE")
	})
}

func TestRefreshWhoseSessionIsGone(t *testing.T) {
	bubble(t, func(w *world) {
		bob, raw := w.agent("bob", 2, Config{}), w.raw("raw", 9)
		answeredRaw(w, bob, raw, "Supported: timer", "Session-Expires: 120;refresher=uas", "Allow: INVITE, UPDATE")
		w.sleep(60 * time.Second)
		raw.reply(bob, raw.one("UPDATE"), 481, "", Content{})
		bob.wantEvents("ended lost remote=true")
	})
}
