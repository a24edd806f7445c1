package strangers

import (
	"slices"
	"strings"
	"testing"
	"time"

	"tandem/test/bubble"
)

// Who has seen a call being set up cannot end it from elsewhere; the caller can.
func TestStrangerCannotCancel(t *testing.T) {
	bubble.Run(t, func(w *bubble.World) {
		bob, alice, stranger := w.Phone(), w.Phone(), w.PhoneAt(2)
		bob.Register("bob", 3600)
		head := "sip:bob@time.test SIP/2.0\r\nVia: SIP/2.0/UDP " + alice.Flow.Remote.String() + ";rport;branch=z9hG4bKseen\r\nMax-Forwards: 70\r\n" +
			"From: <sip:alice@time.test>;tag=a\r\nTo: <sip:bob@time.test>\r\nCall-ID: seen\r\nContact: <sip:alice@" + alice.Flow.Remote.String() + ">\r\n"
		cancel := []byte("CANCEL " + head + "CSeq: 1 CANCEL\r\n\r\n")
		alice.Send([]byte("INVITE " + head + "CSeq: 1 INVITE\r\n\r\n"))
		bob.Look()
		bob.Answer("INVITE", 180)
		stranger.Send(cancel)
		w.Pass(time.Second, bob, alice, stranger)
		if got := stranger.Heard(); !slices.Equal(got, []string{"481"}) {
			t.Errorf("the stranger is told %q", got)
		}
		if slices.Contains(bob.Heard(), "CANCEL") || slices.Contains(alice.Heard(), "487") {
			t.Errorf("bob heard %q, alice %q", bob.Heard(), alice.Heard())
		}
		alice.Send(cancel)
		w.Pass(time.Second, bob, alice)
		if !slices.Contains(bob.Heard(), "CANCEL") || !strings.Contains(strings.Join(alice.Heard(), " "), "200") {
			t.Errorf("bob heard %q, alice %q", bob.Heard(), alice.Heard())
		}
		bob.Answer("CANCEL", 200)
		bob.Answer("INVITE", 487)
		w.Pass(time.Second, alice)
		if !slices.Contains(alice.Heard(), "487") {
			t.Errorf("alice heard %q", alice.Heard())
		}
	})
}
