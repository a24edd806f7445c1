package server

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"tandem/rtc"
	"tandem/rtc/contacts"
	"tandem/rtc/policy"
	"tandem/rtc/policy/consent"
)

const aliceAOR, bobAOR rtc.AOR = "sip:alice@time.test", "sip:bob@time.test"

func (w *world) consents(owner rtc.AOR, about rtc.AOR, a consent.Action) {
	w.t.Helper()
	if err := w.s.consent.Set(w.t.Context(), owner, consent.Rule{Kind: consent.User, Name: string(about), Action: a}); err != nil {
		w.t.Fatal(err)
	}
}

// Who is blocked is answered as if there were no such user, octet by octet, gets
// no report, and does not call either. It counts at once, for what is kept, too.
func TestBlockedSender(t *testing.T) {
	inTime(t, func(w *world) {
		alice, bob := w.phone(), w.phone()
		alice.say("alice", "bob", "kept before")
		w.expect("before", w.told(alice), []string{"202"})
		w.consents(bobAOR, aliceAOR, consent.Block)
		bob.device("bob", "b", 3600)
		w.expect("what was kept before", w.reading(time.Second, bob), []string{""})
		answers := make(map[string]string)
		for _, to := range []string{"bob", "nobody"} {
			alice.got = nil
			alice.say("alice", to, "hello")
			w.told(alice)
			alice.request("INVITE", "alice", to, "Contact: <sip:alice@"+alice.flow.Remote.String()+">")
			w.told(alice)
			for _, r := range alice.got {
				text := strings.ReplaceAll(string(r.raw), to+"@", "X@")
				answers[to] += regexp.MustCompile(`(tag|branch)=[^;\r]*|Call-ID: [^\r]*`).ReplaceAllString(text, "")
			}
		}
		if a, b := answers["bob"], answers["nobody"]; a != b || strings.Count(a, "404") != 2 {
			t.Errorf("bob, who blocks her:\n%s\nnobody:\n%s", a, b)
		}
		w.expect("bob hears", w.reading(time.Second, bob), []string{""})
		alice.device("alice", "a", 3600)
		alice.got, bob.got = nil, nil
		bob.say("bob", "alice", "<imdn/>", "X: y")
		bob.request("MESSAGE", "bob", "alice", "Content-Type: message/imdn+xml")
		w.expect("of bob's the text alone", w.reading(time.Second, alice), []string{"<imdn/>"})
		w.consents(bobAOR, aliceAOR, consent.Allow)
		alice.got = nil
		alice.say("alice", "bob", "again")
		w.expect("when she is allowed again", w.reading(time.Second, bob), []string{"again"})
	})
}

// To a politely blocked sender the receiver looks like somebody who is away.
func TestPolitelyBlockedSender(t *testing.T) {
	inTime(t, func(w *world) {
		alice, bob := w.phone(), w.phone()
		bob.device("bob", "b", 3600)
		w.consents(bobAOR, aliceAOR, consent.PoliteBlock)
		alice.say("alice", "bob", "hello")
		w.expect("she is told", w.told(alice), []string{"202"})
		w.expect("he hears", w.reading(time.Minute, bob), []string{""})
	})
}

// Messages of strangers wait for the receiver's consent.
func TestStrangersAreHeld(t *testing.T) {
	inTime(t, func(w *world) {
		w.stop()
		w.cfg.Messages.Strangers = "hold"
		w.open()
		alice, bob := w.phone(), w.phone()
		bob.device("bob", "b", 3600)
		alice.say("alice", "bob", "1")
		alice.say("alice", "bob", "2")
		w.expect("she is told", w.told(alice), []string{"202", "202"})
		w.expect("he hears nothing", w.reading(time.Second, bob), []string{""})
		w.stop()
		w.open()
		alice.attach()
		bob.attach()
		if list := w.s.messages.Strangers(bobAOR); len(list) != 1 || list[0].AOR != aliceAOR || list[0].Messages != 2 {
			t.Fatalf("strangers: %+v", list)
		}
		w.consents(bobAOR, aliceAOR, consent.Allow)
		if n := w.s.messages.Decide(bobAOR, aliceAOR, true); n != 2 {
			t.Errorf("%d released", n)
		}
		w.expect("after his consent", w.reading(time.Second, bob), []string{"1 2"})
		alice.say("alice", "bob", "3")
		w.expect("and from then on", w.reading(time.Second, bob), []string{"3"})
	})
}

// A stranger fills no mailbox.
func TestHeldIsBounded(t *testing.T) {
	inTime(t, func(w *world) {
		w.stop()
		w.cfg.Messages.Strangers, w.cfg.Messages.Rate = "hold", 0
		w.open()
		alice := w.phone()
		for i := range 105 {
			alice.say("alice", "bob", fmt.Sprint(i))
		}
		count := make(map[string]int)
		for _, code := range w.told(alice) {
			count[code]++
		}
		if count["202"] != 100 || count["404"] != 5 {
			t.Errorf("told %v", count)
		}
	})
}

// A contact is no stranger. Who is nobody known cannot say to be one.
func TestContactsAreNoStrangers(t *testing.T) {
	inTime(t, func(w *world) {
		w.stop()
		w.cfg.Messages.Strangers = "refuse"
		w.open()
		alice, bob := w.phone(), w.phone()
		bob.device("bob", "b", 3600)
		alice.say("alice", "bob", "no")
		if _, err := w.s.contacts.Edit(w.t.Context(), bobAOR, nil, []contacts.Contact{{Address: string(aliceAOR)}}, nil); err != nil {
			t.Fatal(err)
		}
		alice.say("alice", "bob", "yes")
		w.expect("he hears", w.reading(time.Second, bob), []string{"yes"})
		w.expect("she is told", w.told(alice), []string{"404", "200"})
	})
}

// The administrator's policy comes before what the receiver wants.
func TestPolicyOfMessages(t *testing.T) {
	inTime(t, func(w *world) {
		alice, bob := w.phone(), w.phone()
		bob.device("bob", "b", 3600)
		key := policy.Key{Level: policy.User, Name: string(aliceAOR), Action: "message", Kind: "stranger"}
		if err := w.s.policy.Set(w.t.Context(), policy.Rule{Key: key}); err != nil {
			t.Fatal(err)
		}
		alice.say("alice", "bob", "no")
		if err := w.s.policy.Unset(w.t.Context(), key); err != nil {
			t.Fatal(err)
		}
		alice.say("alice", "bob", "yes")
		w.expect("he hears", w.reading(time.Second, bob), []string{"yes"})
		w.expect("she is told", w.told(alice), []string{"404", "200"})
	})
}
