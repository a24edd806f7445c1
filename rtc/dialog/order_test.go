package dialog

import (
	"strings"
	"testing"

	"tandem/rtc/sip"
)

// invite of a raw peer to bob; lines are further header lines.
func invite(callID string, lines ...string) string {
	return `
INVITE sip:bob@10.0.0.2:5060 SIP/2.0
Via: SIP/2.0/UDP 10.0.0.9:5060;branch=z9hG4bKi` + callID + `
Max-Forwards: 70
From: "Raw" <sip:raw@example.com>;tag=raw
To: <sip:bob@example.com>
Call-ID: ` + callID + `
CSeq: 10 INVITE
Contact: <sip:raw@10.0.0.9:5060>
Content-Type: application/sdp
` + strings.Join(append(lines, ""), "\n") + `
offer`
}

// inside is a request in the dialog an INVITE made; to is our tag.
func inside(method, callID, branch, to string, seq string, lines ...string) string {
	return method + ` sip:bob@10.0.0.2:5060 SIP/2.0
Via: SIP/2.0/UDP 10.0.0.9:5060;branch=z9hG4bK` + branch + `
Max-Forwards: 70
From: "Raw" <sip:raw@example.com>;tag=raw
To: <sip:bob@example.com>;tag=` + to + `
Call-ID: ` + callID + `
CSeq: ` + seq + ` ` + method + `
` + strings.Join(lines, "\n")
}

// answeredRaw makes a confirmed dialog between a raw peer and bob, and returns bob's 200.
func answeredRaw(w *world, bob, raw *node, lines ...string) *sip.Message {
	raw.say(bob, invite("c1", lines...))
	bob.do(func(s *Session) { bob.must(s.Accept(sdp("answer"))) })
	w.settle()
	ok := raw.one("200 INVITE")
	raw.say(bob, inside("ACK", "c1", "ack", string(ok.ToTag()), "10"))
	w.lines()
	bob.wantEvents("incoming", "acked")
	return ok
}

func TestSequenceNumbers(t *testing.T) {
	bubble(t, func(w *world) {
		bob, raw := w.agent("bob", 2, Config{}), w.raw("raw", 9)
		tag := string(answeredRaw(w, bob, raw).ToTag())
		raw.say(bob, inside("OPTIONS", "c1", "o1", tag, "12"))
		raw.say(bob, inside("OPTIONS", "c1", "o2", tag, "11")) // lower: too late
		raw.say(bob, inside("OPTIONS", "c1", "o3", tag, "4711"))
		raw.say(bob, inside("OPTIONS", "c1", "o4", "wrong", "4712"))
		raw.say(bob, inside("OPTIONS", "unknown", "o5", tag, "4713"))
		w.want("raw>bob OPTIONS", "bob>raw 200 OPTIONS", "raw>bob OPTIONS", "bob>raw 500 OPTIONS",
			"raw>bob OPTIONS", "bob>raw 200 OPTIONS", "raw>bob OPTIONS", "bob>raw 404 OPTIONS", "raw>bob OPTIONS", "bob>raw 404 OPTIONS")
		raw.say(bob, inside("BYE", "c1", "b1", tag, "4712"))
		raw.say(bob, inside("INFO", "c1", "i1", tag, "4713"))
		w.want("raw>bob BYE", "bob>raw 200 BYE", "raw>bob INFO", "bob>raw 481 INFO")
		bob.wantEvents("ended bye remote=true")
	})
}

func TestRefusals(t *testing.T) {
	for _, c := range []struct{ name, lines, want, header string }{
		{"unknown extension", "Require: x-unheard, timer", "420 INVITE", "Unsupported: x-unheard"},
		{"interval too short", "Supported: timer\nSession-Expires: 60", "422 INVITE", "Min-SE: 90"},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(w *world) {
				bob, raw := w.agent("bob", 2, Config{}), w.raw("raw", 9)
				raw.say(bob, invite("c1", c.lines))
				m := raw.one(c.want)
				if !strings.Contains(string(m.Bytes()), c.header+"\r\n") {
					t.Errorf("no %q in\n%s", c.header, m.Bytes())
				}
				bob.wantEvents()
			})
		})
	}
}

func TestNoContactIs400(t *testing.T) {
	bubble(t, func(w *world) {
		bob, raw := w.agent("bob", 2, Config{}), w.raw("raw", 9)
		raw.say(bob, strings.Replace(invite("c1"), "Contact: <sip:raw@10.0.0.9:5060>\n", "", 1))
		raw.one("400 INVITE")
	})
}

func TestMergedInvite(t *testing.T) {
	bubble(t, func(w *world) {
		bob, raw := w.agent("bob", 2, Config{}), w.raw("raw", 9)
		raw.say(bob, invite("c1"))
		raw.say(bob, strings.Replace(invite("c1"), "branch=z9hG4bKi", "branch=z9hG4bKother", 1))
		raw.one("482 INVITE")
		bob.wantEvents("incoming")
	})
}

func TestByeInEarlyDialog(t *testing.T) {
	bubble(t, func(w *world) {
		bob, raw := w.agent("bob", 2, Config{}), w.raw("raw", 9)
		raw.say(bob, invite("c1"))
		bob.do(func(s *Session) { bob.must(s.Ring(180, Content{}, false)) })
		w.settle()
		tag := string(raw.one("180 INVITE").ToTag())
		w.lines()
		raw.say(bob, inside("BYE", "c1", "b1", tag, "11"))
		got := strings.Join(w.lines(), ", ")
		if !strings.HasPrefix(got, "raw>bob BYE, bob>raw 200 BYE, bob>raw 487 INVITE") {
			t.Errorf("messages: %s", got)
		}
		bob.wantEvents("incoming", "ended bye remote=true")
	})
}

func TestRequestsOutsideDialogs(t *testing.T) {
	bubble(t, func(w *world) {
		bob, raw := w.agent("bob", 2, Config{}), w.raw("raw", 9)
		raw.say(bob, `
INFO sip:bob@10.0.0.2 SIP/2.0
Via: SIP/2.0/UDP 10.0.0.9:5060;branch=z9hG4bKx
Max-Forwards: 70
From: <sip:raw@example.com>;tag=raw
To: <sip:bob@example.com>
Call-ID: c9
CSeq: 1 INFO`)
		if m := raw.one("405 INFO"); !m.Has(sip.HdrAllow) || len(m.ToTag()) == 0 {
			t.Errorf("405 without Allow or tag:\n%s", m.Bytes())
		}
		raw.say(bob, inside("CANCEL", "c7", "x", "y", "1")) // matches nothing, must not hurt
	})
}

func TestOtherRequestsReachTheUser(t *testing.T) {
	bubble(t, func(w *world) {
		alice, bob := w.talk(Config{}, Config{})
		var code int
		alice.do(func(s *Session) {
			alice.must(s.Send("INFO", Content{Type: "application/dtmf-relay", Body: []byte("Signal=5")}, func(m *sip.Message, err error) { code = m.StatusCode() }))
		})
		w.settle()
		bob.wantEvents("request INFO Signal=5")
		bob.do(func(*Session) { bob.in.Respond(200, Content{}); bob.in.Respond(500, Content{}) })
		w.settle()
		w.want("alice>bob INFO", "bob>alice 200 INFO")
		if code != 200 {
			t.Errorf("done got %d", code)
		}
		// a peer that has forgotten the dialog
		bob.do(func(s *Session) { bob.ua.Table().Remove(s.Dialog) })
		alice.do(func(s *Session) { alice.must(s.Send("INFO", Content{}, nil)) })
		w.settle()
		alice.wantEvents("ended lost remote=true")
	})
}
