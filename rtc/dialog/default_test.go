package dialog

import (
	"testing"

	"tandem/rtc/sip"
)

// What nobody handles is refused; what needs nobody is answered.
func TestWithoutHandlers(t *testing.T) {
	bubble(t, func(w *world) {
		bob := w.agent("bob", 2, Config{})
		bob.incoming = func(s *Session, in *Incoming) { s.Events = Events{}; _ = s.Accept(sdp("answer")) }
		raw := w.raw("raw", 9)
		raw.say(bob, invite("c1"))
		tag := string(raw.one("200 INVITE").ToTag())
		raw.say(bob, inside("ACK", "c1", "a", tag, "10"))
		for i, c := range []struct{ method, lines, want string }{
			{"INVITE", "Contact: <sip:raw@10.0.0.9:5060>\n\noffer", "488 INVITE"},
			{"UPDATE", "Contact: <sip:raw@10.0.0.9:5060>\n\noffer", "488 UPDATE"},
			{"UPDATE", "Contact: <sip:raw@10.0.0.9:5060>", "200 UPDATE"},
			{"INFO", "", "405 INFO"},
			{"UNHEARD", "", "405 UNHEARD"},
			{"PRACK", "RAck: 1 10 INVITE", "481 PRACK"},
			{"OPTIONS", "", "200 OPTIONS"},
			{"OPTIONS", "Require: x-unheard", "420 OPTIONS"},
			{"BYE", "", "200 BYE"},
		} {
			raw.say(bob, inside(c.method, "c1", "d"+string(rune('a'+i)), tag, string(rune('1'+i))+"0", c.lines))
			m := raw.one(c.want)
			if m.StatusCode() == 405 && !m.Has(sip.HdrAllow) {
				t.Errorf("%s without Allow", c.want)
			}
			if c.method == "INVITE" {
				raw.say(bob, inside("ACK", "c1", "d"+string(rune('a'+i)), tag, string(rune('1'+i))+"0"))
			}
		}
		for range 3 { // strangers
			raw.say(bob, inside("ACK", "unknown", "z", "y", "1"))
		}
		if n := len(raw.received()); n != 0 {
			t.Errorf("%d answers to ACKs", n)
		}
	})
}
