package messages

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"tandem/rtc/sip"
	"tandem/test/bubble"
)

// With deliver: best a message goes to the device of the highest q, and to the next
// one only when that does not take it.
func TestBestDevice(t *testing.T) {
	bubble.Run(t, func(w *bubble.World) {
		w.Stop()
		w.Cfg.Messages.Deliver = "best"
		w.Open()
		alice, desk, mobile := w.Phone(), w.Phone(), w.Phone()
		for q, p := range map[string]*bubble.Phone{"1.0": desk, "0.5": mobile} {
			p.Request("REGISTER", "bob", "bob", fmt.Sprintf("Contact: <sip:bob@%s>;q=%s;+sip.instance=\"<urn:uuid:%s>\"", p.Flow.Remote, q, q), "Expires: 3600")
		}
		say(alice, "alice", "bob", "1")
		expect(w, "the best gets it", reading(w, time.Second, desk, mobile), []string{"1", ""})
		say(alice, "alice", "bob", "2")
		if got := next(desk, 480); got != "2" {
			t.Fatalf("the best gets %q", got)
		}
		expect(w, "the next one, when the best does not take it", reading(w, time.Second, desk, mobile), []string{"", "2"})
		expect(w, "she is told", told(w, alice), []string{"200", "200"})
	})
}

// A chat in a session (RFC 4975) and a MESSAGE within a dialog are forwarded as they
// came, to the device of the dialog alone, and are neither kept nor copied.
func TestSessionsOfMessagesPass(t *testing.T) {
	bubble.Run(t, func(w *bubble.World) {
		alice, bob, other := w.Phone(), w.Phone(), w.Phone()
		registerDevice(bob, "bob", "a", 3600)
		const sdp = "v=0\r\no=a 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=message 2855 TCP/MSRP *\r\na=accept-types:text/plain\r\na=path:msrp://127.0.0.1:2855/x;tcp\r\n"
		alice.Content("INVITE", "alice", "bob", sdp, "Content-Type: application/sdp", "Contact: <sip:alice@"+alice.Flow.Remote.String()+">")
		bob.Look()
		i := slices.IndexFunc(bob.Got, func(r bubble.Received) bool { return r.What == "INVITE" })
		var invite sip.Message
		if i < 0 || invite.Parse(bob.Got[i].Raw) != nil || string(invite.Body()) != sdp {
			t.Fatalf("bob gets %q", bob.Heard())
		}
		bob.Answer("INVITE", 200)
		registerDevice(other, "bob", "b", 3600)
		const text = "within\r\nthe dialog"
		alice.Send([]byte(strings.Join([]string{"MESSAGE sip:bob@" + bob.Flow.Remote.String() + " SIP/2.0", "Via: SIP/2.0/UDP " + alice.Flow.Remote.String() + ";rport;branch=z9hG4bKin",
			"Route: " + string(invite.Get(sip.HdrRecordRoute)), "Max-Forwards: 70", "From: " + string(invite.Get(sip.HdrFrom)), "To: " + string(invite.Get(sip.HdrTo)) + ";tag=callee",
			"Call-ID: " + string(invite.CallID()), "CSeq: 2 MESSAGE", "Content-Type: text/plain", fmt.Sprint("Content-Length: ", len(text)), "", text}, "\r\n")))
		expect(w, "bob, and his other device", reading(w, time.Second, bob, other), []string{text, ""})
		registerDevice(bob, "bob", "a", 0)
		if n := w.S.Messages().Stats(); n.Kept+n.Delivered != 0 {
			t.Errorf("the room of messages had a part in it: %+v", n)
		}
	})
}
