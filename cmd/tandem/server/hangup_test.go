package server

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// Who has seen a call being set up cannot end it from elsewhere; the caller can.
func TestStrangerCannotCancel(t *testing.T) {
	inTime(t, func(w *world) {
		bob, alice, stranger := w.phone(), w.phone(), w.phoneAt(2)
		bob.register("bob", 3600)
		head := "sip:bob@time.test SIP/2.0\r\nVia: SIP/2.0/UDP " + alice.flow.Remote.String() + ";rport;branch=z9hG4bKseen\r\nMax-Forwards: 70\r\n" +
			"From: <sip:alice@time.test>;tag=a\r\nTo: <sip:bob@time.test>\r\nCall-ID: seen\r\nContact: <sip:alice@" + alice.flow.Remote.String() + ">\r\n"
		cancel := []byte("CANCEL " + head + "CSeq: 1 CANCEL\r\n\r\n")
		alice.send([]byte("INVITE " + head + "CSeq: 1 INVITE\r\n\r\n"))
		bob.look()
		bob.answer("INVITE", 180)
		stranger.send(cancel)
		w.pass(time.Second, bob, alice, stranger)
		if got := stranger.heard(); !slices.Equal(got, []string{"481"}) {
			t.Errorf("the stranger is told %q", got)
		}
		if slices.Contains(bob.heard(), "CANCEL") || slices.Contains(alice.heard(), "487") {
			t.Errorf("bob heard %q, alice %q", bob.heard(), alice.heard())
		}
		alice.send(cancel)
		w.pass(time.Second, bob, alice)
		if !slices.Contains(bob.heard(), "CANCEL") || !strings.Contains(strings.Join(alice.heard(), " "), "200") {
			t.Errorf("bob heard %q, alice %q", bob.heard(), alice.heard())
		}
		bob.answer("CANCEL", 200)
		bob.answer("INVITE", 487)
		w.pass(time.Second, alice)
		if !slices.Contains(alice.heard(), "487") {
			t.Errorf("alice heard %q", alice.heard())
		}
	})
}
