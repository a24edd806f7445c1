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
	"tandem/rtc/sip"
	"tandem/telephony/group"
	"tandem/telephony/settings"
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
		if a, b := answers["bob"], answers["nobody"]; a != b || strings.Count(a, "SIP/2.0 404 ") != 2 {
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

// Nor do limits tell a blocked sender that there is such a user: of size, of rate and
// of hops, by SIP and by the API.
func TestLimitsTellNothingOfBlocker(t *testing.T) {
	inTime(t, func(w *world) {
		w.stop()
		w.cfg.Messages.Octets, w.cfg.Messages.Burst, w.cfg.Messages.Rate = 1000, 3, 1
		w.open()
		w.consents(bobAOR, aliceAOR, consent.Block)
		alice := w.phone()
		answers := make(map[string]string)
		for _, to := range []string{"nobody", "bob"} {
			for range 6 {
				alice.say("alice", to, "hello")
				answers[to] += " " + w.final(alice)
			}
			alice.say("alice", to, strings.Repeat("x", 1001))
			answers[to] += " " + w.final(alice)
			alice.n++
			alice.send(fmt.Appendf(nil, "MESSAGE sip:%s@time.test SIP/2.0\r\nVia: SIP/2.0/UDP %s;rport;branch=z9hG4bKm%s\r\nMax-Forwards: 0\r\nFrom: <sip:alice@time.test>;tag=1\r\nTo: <sip:%s@time.test>\r\nCall-ID: m%s\r\nCSeq: 1 MESSAGE\r\nContent-Length: 0\r\n\r\n",
				to, alice.flow.Remote, to, to, to))
			answers[to] += " " + w.final(alice)
		}
		if answers["bob"] != answers["nobody"] || !strings.HasPrefix(answers["bob"], " 404 404 404 404 404 404 404") {
			t.Errorf("bob, who blocks her, is answered\n%s\nnobody\n%s", answers["bob"], answers["nobody"])
		}
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
		alice.got = nil
		alice.request("INVITE", "alice", "bob", "Contact: <sip:alice@"+alice.flow.Remote.String()+">")
		w.expect("her call", w.told(alice), []string{"480"})
		if got := bob.when("INVITE"); len(got) != 0 {
			t.Errorf("his phone rings")
		}
	})
}

// A number that a user has blocked is as good as a user, whatever a trunk calls: the
// user, a group he is of, somebody who forwards to him.
func TestBlockedNumber(t *testing.T) {
	led(t, nil, func(w *world, a, b *user) {
		site := &user{phone: w.phoneAt(4), name: "030123456"}
		w.trunk("site", site.phone)
		a.register("alice", 3600)
		if err := w.s.groups.Add(w.t.Context(), group.Group{AOR: "sip:sales@time.test", Members: []string{"alice", "bob"}, Hunt: group.Parallel}); err != nil {
			t.Fatal(err)
		}
		calls := func(who *user, to string) (code string, alice, bob bool) {
			t.Helper()
			who.calls("sip:"+to+"@time.test", "", who.sdp())
			for _, s := range []*user{a, b} { // who rings is busy
				if m := s.came("INVITE"); m != nil {
					alice, bob = alice || s == a, bob || s == b
					s.reply(m, 486, s.name, "", "")
					s.want("ACK")
				}
			}
			for _, code = range []string{"404", "480", "486"} {
				if m := who.came(code + " INVITE"); m != nil {
					who.to = string(m.Get(sip.HdrTo))
					who.write("ACK", "sip:"+to+"@time.test", 1, "", "")
					return code, alice, bob
				}
			}
			t.Fatalf("%s has no answer: %q", who.name, who.heard())
			return "", false, false
		}
		check := func(what string, who *user, to, want string, alice, bob bool) {
			t.Helper()
			if code, x, y := calls(who, to); code != want || x != alice || y != bob {
				t.Errorf("%s: a call to %s is answered %s; rings alice %v, bob %v", what, to, code, x, y)
			}
		}
		check("before", site, "bob", "486", false, true)
		for _, name := range []rtc.AOR{"tel:+4930123456", "sip:+4930123456@time.test"} {
			w.consents(bobAOR, name, consent.Block)
			check("block", site, "bob", "404", false, false)
			w.consents(bobAOR, name, consent.PoliteBlock)
			check("polite block", site, "bob", "480", false, false)
			check("polite block", site, "sales", "486", true, false)
			site.name = "030123457"
			check("another number", site, "bob", "486", false, true)
			site.name = "030123456"
			if err := w.s.consent.Unset(w.t.Context(), bobAOR, consent.Rule{Kind: consent.User, Name: string(name)}); err != nil {
				t.Fatal(err)
			}
			check("no longer blocked", site, "bob", "486", false, true)
		}
		everyone := consent.Rule{Kind: consent.Everyone, Action: consent.Block}
		if err := w.s.consent.Set(w.t.Context(), bobAOR, everyone); err != nil {
			t.Fatal(err)
		}
		check("a rule for everyone", site, "bob", "486", false, true)
		if err := w.s.consent.Unset(w.t.Context(), bobAOR, everyone); err != nil {
			t.Fatal(err)
		}
		w.consents(bobAOR, "tel:+4930123456", consent.Block)
		if _, err := w.s.settings.Change(w.t.Context(), aliceAOR, func(u *settings.User) error { u.Always = "bob"; return nil }); err != nil {
			t.Fatal(err)
		}
		check("forwarded", site, "alice", "404", false, false)
		if _, err := w.s.settings.Change(w.t.Context(), bobAOR, func(u *settings.User) error { u.Always = "alice"; return nil }); err != nil {
			t.Fatal(err)
		}
		if _, err := w.s.settings.Change(w.t.Context(), aliceAOR, func(u *settings.User) error { u.Always = ""; return nil }); err != nil {
			t.Fatal(err)
		}
		check("a blocked caller is not sent on", site, "bob", "404", false, false)
		check("who is not blocked is", a, "bob", "486", true, false)
	})
}

// A user who is blocked is told the same of calls that are led, and rings the
// blocker in no group.
func TestBlockedCallerOfLedCalls(t *testing.T) {
	led(t, nil, func(w *world, a, b *user) {
		if err := w.s.groups.Add(w.t.Context(), group.Group{AOR: "sip:sales@time.test", Members: []string{"bob"}}); err != nil {
			t.Fatal(err)
		}
		w.consents(bobAOR, aliceAOR, consent.Block)
		answers := make(map[string]string)
		for _, to := range []string{"bob", "nobody"} {
			a.got = nil
			a.phone.request("INVITE", "alice", to, "Contact: <sip:alice@"+a.flow.Remote.String()+">")
			w.told(a.phone)
			for _, r := range a.got {
				text := strings.ReplaceAll(string(r.raw), to+"@", "X@")
				answers[to] += regexp.MustCompile(`(tag|branch)=[^;\r]*|Call-ID: [^\r]*`).ReplaceAllString(text, "")
			}
		}
		if x, y := answers["bob"], answers["nobody"]; x != y || strings.Count(x, "SIP/2.0 404 ") != 1 {
			t.Errorf("bob, who blocks her:\n%s\nnobody:\n%s", x, y)
		}
		a.got = nil
		w.consents(bobAOR, aliceAOR, consent.PoliteBlock)
		for _, to := range []string{"bob", "sales"} {
			a.phone.request("INVITE", "alice", to, "Contact: <sip:alice@"+a.flow.Remote.String()+">")
		}
		w.expect("politely", w.told(a.phone), []string{"480", "480"})
		if got := b.when("INVITE"); len(got) != 0 {
			t.Error("bob's phone rings")
		}
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
