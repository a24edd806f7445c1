package server

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"tandem/rtc/sip"
)

// With deliver: best a message goes to the device of the highest q, and to the next
// one only when that does not take it.
func TestBestDevice(t *testing.T) {
	inTime(t, func(w *world) {
		w.stop()
		w.cfg.Messages.Deliver = "best"
		w.open()
		alice, desk, mobile := w.phone(), w.phone(), w.phone()
		for q, p := range map[string]*phone{"1.0": desk, "0.5": mobile} {
			p.request("REGISTER", "bob", "bob", fmt.Sprintf("Contact: <sip:bob@%s>;q=%s;+sip.instance=\"<urn:uuid:%s>\"", p.flow.Remote, q, q), "Expires: 3600")
		}
		alice.say("alice", "bob", "1")
		w.expect("the best gets it", w.reading(time.Second, desk, mobile), []string{"1", ""})
		alice.say("alice", "bob", "2")
		if got := desk.next(480); got != "2" {
			t.Fatalf("the best gets %q", got)
		}
		w.expect("the next one, when the best does not take it", w.reading(time.Second, desk, mobile), []string{"", "2"})
		w.expect("she is told", w.told(alice), []string{"200", "200"})
	})
}

// A chat in a session (RFC 4975) and a MESSAGE within a dialog are forwarded as they
// came, to the device of the dialog alone, and are neither kept nor copied.
func TestSessionsOfMessagesPass(t *testing.T) {
	inTime(t, func(w *world) {
		alice, bob, other := w.phone(), w.phone(), w.phone()
		bob.device("bob", "a", 3600)
		const sdp = "v=0\r\no=a 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=message 2855 TCP/MSRP *\r\na=accept-types:text/plain\r\na=path:msrp://127.0.0.1:2855/x;tcp\r\n"
		alice.content("INVITE", "alice", "bob", sdp, "Content-Type: application/sdp", "Contact: <sip:alice@"+alice.flow.Remote.String()+">")
		bob.look()
		i := slices.IndexFunc(bob.got, func(r received) bool { return r.what == "INVITE" })
		var invite sip.Message
		if i < 0 || invite.Parse(bob.got[i].raw) != nil || string(invite.Body()) != sdp {
			t.Fatalf("bob gets %q", bob.heard())
		}
		bob.answer("INVITE", 200)
		other.device("bob", "b", 3600)
		const text = "within\r\nthe dialog"
		alice.send([]byte(strings.Join([]string{"MESSAGE sip:bob@" + bob.flow.Remote.String() + " SIP/2.0", "Via: SIP/2.0/UDP " + alice.flow.Remote.String() + ";rport;branch=z9hG4bKin",
			"Route: " + string(invite.Get(sip.HdrRecordRoute)), "Max-Forwards: 70", "From: " + string(invite.Get(sip.HdrFrom)), "To: " + string(invite.Get(sip.HdrTo)) + ";tag=callee",
			"Call-ID: " + string(invite.CallID()), "CSeq: 2 MESSAGE", "Content-Type: text/plain", fmt.Sprint("Content-Length: ", len(text)), "", text}, "\r\n")))
		w.expect("bob, and his other device", w.reading(time.Second, bob, other), []string{text, ""})
		bob.device("bob", "a", 0)
		if n := w.s.messages.Stats(); n.Kept+n.Delivered != 0 {
			t.Errorf("the room of messages had a part in it: %+v", n)
		}
	})
}
