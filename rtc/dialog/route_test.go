package dialog

import (
	"slices"
	"testing"

	"tandem/rtc/sip"
)

func routes(m *sip.Message) []string {
	var list []string
	for r := range m.Values(sip.HdrRoute) {
		list = append(list, string(r))
	}
	return list
}

func TestRouteSetOfCalled(t *testing.T) {
	bubble(t, func(w *world) {
		bob, raw := w.agent("bob", 2, Config{}), w.raw("raw", 9)
		ok := answeredRaw(w, bob, raw, "Record-Route: <sip:10.0.0.9;lr>, <sip:p2.example.com;lr>", "Record-Route: <sip:p3.example.com;lr=on>")
		if n := ok.Count(sip.HdrRecordRoute); n == 0 {
			t.Error("200 does not copy Record-Route")
		}
		bob.do(func(s *Session) { s.Bye(nil) })
		w.settle()
		bye := raw.one("BYE")
		want := []string{"<sip:10.0.0.9;lr>", "<sip:p2.example.com;lr>", "<sip:p3.example.com;lr=on>"}
		if got := routes(bye); !slices.Equal(got, want) || string(bye.RequestURI()) != "sip:raw@10.0.0.9:5060" {
			t.Errorf("BYE %s by %v, want %v", bye.RequestURI(), got, want)
		}
		if string(bye.Get(sip.HdrTo)) != `"Raw" <sip:raw@example.com>;tag=raw` || string(bye.FromTag()) != string(ok.ToTag()) {
			t.Errorf("To %s, From %s", bye.Get(sip.HdrTo), bye.Get(sip.HdrFrom))
		}
	})
}

func TestRouteSetOfCaller(t *testing.T) {
	bubble(t, func(w *world) {
		alice, raw := w.agent("alice", 1, Config{}), w.raw("raw", 9)
		alice.dial(raw, sdp("offer"))
		raw.reply(alice, raw.one("INVITE"), 200, "r", Content{Header: []byte("Record-Route: <sip:p3.example.com;lr>\r\nRecord-Route: <sip:p2.example.com;lr>, <sip:10.0.0.9;lr>\r\nContact: <sip:r@192.0.2.7>\r\n")})
		ack := raw.one("ACK")
		want := []string{"<sip:10.0.0.9;lr>", "<sip:p2.example.com;lr>", "<sip:p3.example.com;lr>"}
		if got := routes(ack); !slices.Equal(got, want) || string(ack.RequestURI()) != "sip:r@192.0.2.7" {
			t.Errorf("ACK %s by %v, want %v", ack.RequestURI(), got, want)
		}
	})
}

// The early dialog's route set gives way to that of the 2xx (RFC 3261 §13.2.2.4).
func TestRouteSetOfTheAnswer(t *testing.T) {
	bubble(t, func(w *world) {
		alice, raw := w.agent("alice", 1, Config{}), w.raw("raw", 9)
		alice.dial(raw, sdp("offer"))
		inv := raw.one("INVITE")
		raw.reply(alice, inv, 180, "r", Content{Header: []byte("Record-Route: <sip:p1.example.com;lr>, <sip:p2.example.com;lr>\r\nContact: <sip:early@192.0.2.7>\r\n")})
		raw.reply(alice, inv, 200, "r", Content{Header: []byte("Record-Route: <sip:10.0.0.9;lr>\r\nContact: <sip:late@192.0.2.7>\r\n")})
		ack := raw.one("ACK")
		if got := routes(ack); !slices.Equal(got, []string{"<sip:10.0.0.9;lr>"}) || string(ack.RequestURI()) != "sip:late@192.0.2.7" {
			t.Errorf("ACK %s by %v", ack.RequestURI(), got)
		}
	})
}

func TestStrictRouter(t *testing.T) {
	bubble(t, func(w *world) {
		alice, raw := w.agent("alice", 1, Config{}), w.raw("raw", 9)
		alice.dial(raw, sdp("offer"))
		raw.reply(alice, raw.one("INVITE"), 200, "r", Content{Header: []byte("Record-Route: <sip:p2.example.com;lr>, <sip:x@10.0.0.9;method=INVITE;maddr=10.0.0.9?a=b>\r\nContact: <sip:r@192.0.2.7>\r\n")})
		ack := raw.one("ACK")
		want := []string{"<sip:p2.example.com;lr>", "<sip:r@192.0.2.7>"}
		if got := routes(ack); !slices.Equal(got, want) || string(ack.RequestURI()) != "sip:x@10.0.0.9;maddr=10.0.0.9" {
			t.Errorf("ACK %s by %v, want %v", ack.RequestURI(), got, want)
		}
	})
}

func TestTargetRefresh(t *testing.T) {
	bubble(t, func(w *world) {
		bob, raw := w.agent("bob", 2, Config{}), w.raw("raw", 9)
		moved := w.raw("moved", 10)
		tag := string(answeredRaw(w, bob, raw).ToTag())
		raw.say(bob, inside("INFO", "c1", "i", tag, "11", "Contact: <sip:evil@10.0.0.66>")) // no target refresh request
		bob.do(func(*Session) { bob.in.Respond(200, Content{}) })
		raw.say(bob, inside("INVITE", "c1", "r", tag, "12", "Contact: <sip:raw@10.0.0.10:5060>", "Content-Type: application/sdp", "\noffer2"))
		bob.do(func(s *Session) {
			if string(s.Target()) != "sip:raw@10.0.0.9:5060" {
				t.Errorf("target %s before the answer", s.Target())
			}
			bob.in.Respond(200, sdp("answer2"))
			if string(s.Target()) != "sip:raw@10.0.0.10:5060" {
				t.Errorf("target %s after the answer", s.Target())
			}
		})
		raw.say(bob, inside("ACK", "c1", "a", tag, "12"))
		bob.do(func(s *Session) { s.Bye(nil) })
		w.settle()
		moved.one("BYE")
	})
}

func TestSecureDialogKeepsItsScheme(t *testing.T) {
	d := &Dialog{secure: true, target: []byte("sips:a@x")}
	m := new(sip.Message)
	if err := m.Parse([]byte("SIP/2.0 200 OK\r\nVia: SIP/2.0/TLS a;branch=z9hG4bK1\r\nContact: <sip:b@y>\r\nContent-Length: 0\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	if d.retarget(m); string(d.target) != "sips:a@x" {
		t.Errorf("target %s", d.target)
	}
}
