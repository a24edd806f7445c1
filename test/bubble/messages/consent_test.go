package messages

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"tandem/rtc"
	"tandem/rtc/contacts"
	"tandem/rtc/directory"
	"tandem/rtc/policy"
	"tandem/rtc/policy/consent"
	"tandem/rtc/sip"
	"tandem/telephony/group"
	"tandem/telephony/settings"
	"tandem/test/bubble"
)

const aliceAOR, bobAOR rtc.AOR = "sip:alice@time.test", "sip:bob@time.test"

func consents(w *bubble.World, owner rtc.AOR, about rtc.AOR, a consent.Action) {
	w.T.Helper()
	if err := w.S.Consent().Set(w.T.Context(), owner, consent.Rule{Kind: consent.User, Name: string(about), Action: a}); err != nil {
		w.T.Fatal(err)
	}
}

// Who is blocked is answered as if there were no such user, octet by octet, gets
// no report, and does not call either. It counts at once, for what is kept, too.
func TestBlockedSender(t *testing.T) {
	bubble.Run(t, func(w *bubble.World) {
		alice, bob := w.Phone(), w.Phone()
		say(alice, "alice", "bob", "kept before")
		expect(w, "before", told(w, alice), []string{"202"})
		consents(w, bobAOR, aliceAOR, consent.Block)
		registerDevice(bob, "bob", "b", 3600)
		expect(w, "what was kept before", reading(w, time.Second, bob), []string{""})
		answers := make(map[string]string)
		for _, to := range []string{"bob", "nobody"} {
			alice.Got = nil
			say(alice, "alice", to, "hello")
			told(w, alice)
			alice.Request("INVITE", "alice", to, "Contact: <sip:alice@"+alice.Flow.Remote.String()+">")
			told(w, alice)
			for _, r := range alice.Got {
				text := strings.ReplaceAll(string(r.Raw), to+"@", "X@")
				answers[to] += regexp.MustCompile(`(tag|branch)=[^;\r]*|Call-ID: [^\r]*`).ReplaceAllString(text, "")
			}
		}
		if a, b := answers["bob"], answers["nobody"]; a != b || strings.Count(a, "SIP/2.0 404 ") != 2 {
			t.Errorf("bob, who blocks her:\n%s\nnobody:\n%s", a, b)
		}
		expect(w, "bob hears", reading(w, time.Second, bob), []string{""})
		registerDevice(alice, "alice", "a", 3600)
		alice.Got, bob.Got = nil, nil
		say(bob, "bob", "alice", "<imdn/>", "X: y")
		bob.Request("MESSAGE", "bob", "alice", "Content-Type: message/imdn+xml")
		expect(w, "of bob's the text alone", reading(w, time.Second, alice), []string{"<imdn/>"})
		consents(w, bobAOR, aliceAOR, consent.Allow)
		alice.Got = nil
		say(alice, "alice", "bob", "again")
		expect(w, "when she is allowed again", reading(w, time.Second, bob), []string{"again"})
	})
}

// Nor do limits tell a blocked sender that there is such a user: of size, of rate and
// of hops, by SIP and by the API.
func TestLimitsTellNothingOfBlocker(t *testing.T) {
	bubble.Run(t, func(w *bubble.World) {
		w.Stop()
		w.Cfg.Messages.Octets, w.Cfg.Messages.Burst, w.Cfg.Messages.Rate = 1000, 3, 1
		w.Open()
		consents(w, bobAOR, aliceAOR, consent.Block)
		alice := w.Phone()
		answers := make(map[string]string)
		for _, to := range []string{"nobody", "bob"} {
			for range 6 {
				say(alice, "alice", to, "hello")
				answers[to] += " " + final(w, alice)
			}
			say(alice, "alice", to, strings.Repeat("x", 1001))
			answers[to] += " " + final(w, alice)
			alice.N++
			alice.Send(fmt.Appendf(nil, "MESSAGE sip:%s@time.test SIP/2.0\r\nVia: SIP/2.0/UDP %s;rport;branch=z9hG4bKm%s\r\nMax-Forwards: 0\r\nFrom: <sip:alice@time.test>;tag=1\r\nTo: <sip:%s@time.test>\r\nCall-ID: m%s\r\nCSeq: 1 MESSAGE\r\nContent-Length: 0\r\n\r\n",
				to, alice.Flow.Remote, to, to, to))
			answers[to] += " " + final(w, alice)
		}
		if answers["bob"] != answers["nobody"] || !strings.HasPrefix(answers["bob"], " 404 404 404 404 404 404 404") {
			t.Errorf("bob, who blocks her, is answered\n%s\nnobody\n%s", answers["bob"], answers["nobody"])
		}
	})
}

// To a politely blocked sender the receiver looks like somebody who is away.
func TestPolitelyBlockedSender(t *testing.T) {
	bubble.Run(t, func(w *bubble.World) {
		alice, bob := w.Phone(), w.Phone()
		registerDevice(bob, "bob", "b", 3600)
		consents(w, bobAOR, aliceAOR, consent.PoliteBlock)
		say(alice, "alice", "bob", "hello")
		expect(w, "she is told", told(w, alice), []string{"202"})
		expect(w, "he hears", reading(w, time.Minute, bob), []string{""})
		alice.Got = nil
		alice.Request("INVITE", "alice", "bob", "Contact: <sip:alice@"+alice.Flow.Remote.String()+">")
		expect(w, "her call", told(w, alice), []string{"480"})
		if got := bob.When("INVITE"); len(got) != 0 {
			t.Errorf("his phone rings")
		}
	})
}

// A number that a user has blocked is as good as a user, whatever a trunk calls: the
// user, a group he is of, somebody who forwards to him.
func TestBlockedNumber(t *testing.T) {
	bubble.Led(t, nil, func(w *bubble.World, a, b *bubble.User) {
		site := &bubble.User{Phone: w.PhoneAt(4), Name: "030123456"}
		w.Trunk("site", site.Phone)
		a.Register("alice", 3600)
		if err := w.S.Groups().Add(w.T.Context(), group.Group{AOR: "sip:sales@time.test", Members: []string{"alice", "bob"}, Hunt: group.Parallel}); err != nil {
			t.Fatal(err)
		}
		calls := func(who *bubble.User, to string) (code string, alice, bob bool) {
			t.Helper()
			who.Calls("sip:"+to+"@time.test", "", who.SDP())
			for _, s := range []*bubble.User{a, b} { // who rings is busy
				if m := s.Came("INVITE"); m != nil {
					alice, bob = alice || s == a, bob || s == b
					s.Reply(m, 486, s.Name, "", "")
					s.Want("ACK")
				}
			}
			for _, code = range []string{"404", "480", "486"} {
				if m := who.Came(code + " INVITE"); m != nil {
					who.To = string(m.Get(sip.HdrTo))
					who.Write("ACK", "sip:"+to+"@time.test", 1, "", "")
					return code, alice, bob
				}
			}
			t.Fatalf("%s has no answer: %q", who.Name, who.Heard())
			return "", false, false
		}
		check := func(what string, who *bubble.User, to, want string, alice, bob bool) {
			t.Helper()
			if code, x, y := calls(who, to); code != want || x != alice || y != bob {
				t.Errorf("%s: a call to %s is answered %s; rings alice %v, bob %v", what, to, code, x, y)
			}
		}
		check("before", site, "bob", "486", false, true)
		for _, name := range []rtc.AOR{"tel:+4930123456", "sip:+4930123456@time.test"} {
			consents(w, bobAOR, name, consent.Block)
			check("block", site, "bob", "404", false, false)
			consents(w, bobAOR, name, consent.PoliteBlock)
			check("polite block", site, "bob", "480", false, false)
			check("polite block", site, "sales", "486", true, false)
			site.Name = "030123457"
			check("another number", site, "bob", "486", false, true)
			site.Name = "030123456"
			if err := w.S.Consent().Unset(w.T.Context(), bobAOR, consent.Rule{Kind: consent.User, Name: string(name)}); err != nil {
				t.Fatal(err)
			}
			check("no longer blocked", site, "bob", "486", false, true)
		}
		everyone := consent.Rule{Kind: consent.Everyone, Action: consent.Block}
		if err := w.S.Consent().Set(w.T.Context(), bobAOR, everyone); err != nil {
			t.Fatal(err)
		}
		check("a rule for everyone", site, "bob", "486", false, true)
		if err := w.S.Consent().Unset(w.T.Context(), bobAOR, everyone); err != nil {
			t.Fatal(err)
		}
		consents(w, bobAOR, "tel:+4930123456", consent.Block)
		if _, err := w.S.CallSettings().Change(w.T.Context(), aliceAOR, func(u *settings.User) error { u.Always = "bob"; return nil }); err != nil {
			t.Fatal(err)
		}
		check("forwarded", site, "alice", "404", false, false)
		if _, err := w.S.CallSettings().Change(w.T.Context(), bobAOR, func(u *settings.User) error { u.Always = "alice"; return nil }); err != nil {
			t.Fatal(err)
		}
		if _, err := w.S.CallSettings().Change(w.T.Context(), aliceAOR, func(u *settings.User) error { u.Always = ""; return nil }); err != nil {
			t.Fatal(err)
		}
		check("a blocked caller is not sent on", site, "bob", "404", false, false)
		check("who is not blocked is", a, "bob", "486", true, false)
	})
}

// A user who is blocked is told the same of calls that are led, and rings the
// blocker in no group.
func TestBlockedCallerOfLedCalls(t *testing.T) {
	bubble.Led(t, nil, func(w *bubble.World, a, b *bubble.User) {
		if err := w.S.Groups().Add(w.T.Context(), group.Group{AOR: "sip:sales@time.test", Members: []string{"bob"}}); err != nil {
			t.Fatal(err)
		}
		consents(w, bobAOR, aliceAOR, consent.Block)
		answers := make(map[string]string)
		for _, to := range []string{"bob", "nobody"} {
			a.Got = nil
			a.Phone.Request("INVITE", "alice", to, "Contact: <sip:alice@"+a.Flow.Remote.String()+">")
			told(w, a.Phone)
			for _, r := range a.Got {
				text := strings.ReplaceAll(string(r.Raw), to+"@", "X@")
				answers[to] += regexp.MustCompile(`(tag|branch)=[^;\r]*|Call-ID: [^\r]*`).ReplaceAllString(text, "")
			}
		}
		if x, y := answers["bob"], answers["nobody"]; x != y || strings.Count(x, "SIP/2.0 404 ") != 1 {
			t.Errorf("bob, who blocks her:\n%s\nnobody:\n%s", x, y)
		}
		a.Got = nil
		consents(w, bobAOR, aliceAOR, consent.PoliteBlock)
		for _, to := range []string{"bob", "sales"} {
			a.Phone.Request("INVITE", "alice", to, "Contact: <sip:alice@"+a.Flow.Remote.String()+">")
		}
		expect(w, "politely", told(w, a.Phone), []string{"480", "480"})
		if got := b.When("INVITE"); len(got) != 0 {
			t.Error("bob's phone rings")
		}
	})
}

// Messages of strangers wait for the receiver's consent.
func TestStrangersAreHeld(t *testing.T) {
	bubble.Run(t, func(w *bubble.World) {
		w.Stop()
		w.Cfg.Messages.Strangers = "hold"
		w.Open()
		alice, bob := w.Phone(), w.Phone()
		registerDevice(bob, "bob", "b", 3600)
		say(alice, "alice", "bob", "1")
		say(alice, "alice", "bob", "2")
		expect(w, "she is told", told(w, alice), []string{"202", "202"})
		expect(w, "he hears nothing", reading(w, time.Second, bob), []string{""})
		w.Stop()
		w.Open()
		alice.Attach()
		bob.Attach()
		if list := w.S.Messages().Strangers(bobAOR); len(list) != 1 || list[0].AOR != aliceAOR || list[0].Messages != 2 {
			t.Fatalf("strangers: %+v", list)
		}
		consents(w, bobAOR, aliceAOR, consent.Allow)
		if n := w.S.Messages().Decide(bobAOR, aliceAOR, true); n != 2 {
			t.Errorf("%d released", n)
		}
		expect(w, "after his consent", reading(w, time.Second, bob), []string{"1 2"})
		say(alice, "alice", "bob", "3")
		expect(w, "and from then on", reading(w, time.Second, bob), []string{"3"})
	})
}

// A stranger fills no mailbox.
func TestHeldIsBounded(t *testing.T) {
	bubble.Run(t, func(w *bubble.World) {
		w.Stop()
		w.Cfg.Messages.Strangers, w.Cfg.Messages.Rate = "hold", 0
		w.Open()
		alice := w.Phone()
		for i := range 105 {
			say(alice, "alice", "bob", fmt.Sprint(i))
		}
		count := make(map[string]int)
		for _, code := range told(w, alice) {
			count[code]++
		}
		if count["202"] != 100 || count["404"] != 5 {
			t.Errorf("told %v", count)
		}
	})
}

// A contact is no stranger. Who is nobody known cannot say to be one.
func TestContactsAreNoStrangers(t *testing.T) {
	bubble.Run(t, func(w *bubble.World) {
		w.Stop()
		w.Cfg.Messages.Strangers = "refuse"
		w.Open()
		alice, bob := w.Phone(), w.Phone()
		registerDevice(bob, "bob", "b", 3600)
		say(alice, "alice", "bob", "no")
		if _, err := w.S.Contacts().Edit(w.T.Context(), bobAOR, nil, []contacts.Contact{{Address: string(aliceAOR)}}, nil); err != nil {
			t.Fatal(err)
		}
		say(alice, "alice", "bob", "yes")
		expect(w, "he hears", reading(w, time.Second, bob), []string{"yes"})
		expect(w, "she is told", told(w, alice), []string{"404", "200"})
	})
}

// A contact is one by whichever address its user has written down: a number as it is
// dialled, an extension, an alias. It is so for whoever has that address now.
func TestContactsByTheirOtherAddresses(t *testing.T) {
	bubble.Run(t, func(w *bubble.World) {
		w.Stop()
		w.Cfg.Messages.Strangers, w.Cfg.Numbers.Country, w.Cfg.Numbers.Area = "refuse", "DE", "30"
		w.Open()
		d, must := w.S.Directory(), func(err error) {
			if err != nil {
				t.Fatal(err)
			}
		}
		number, extension, site, nobody, none := []string{"+49301234567"}, "102", "Berlin", "", []string{}
		must(d.Change(w.T.Context(), bobAOR, directory.Change{Site: &site}))
		must(d.AddAlias(w.T.Context(), aliceAOR, "chief"))
		must(d.Change(w.T.Context(), aliceAOR, directory.Change{Numbers: &number, Extension: &extension, Site: &site}))
		alice, bob := w.Phone(), w.Phone()
		registerDevice(bob, "bob", "b", 3600)
		told := func() string {
			say(alice, "alice", "bob", "hello")
			reading(w, 100*time.Millisecond, bob)
			return final(w, alice)
		}
		list := func(form string) {
			was, _, err := w.S.Contacts().Contacts(w.T.Context(), bobAOR)
			must(err)
			var gone []string
			for _, c := range was {
				gone = append(gone, c.Address)
			}
			_, err = w.S.Contacts().Edit(w.T.Context(), bobAOR, nil, []contacts.Contact{{Address: form}}, gone)
			must(err)
		}
		list("sip:carol@time.test")
		if code := told(); code != "404" {
			t.Errorf("a stranger is told %s", code)
		}
		for _, form := range []string{"tel:+49301234567", "tel:+49-30-123-4567", "sip:+49301234567@time.test", "sip:0301234567@time.test", "tel:1234567", "sip:102@time.test", "sip:chief@time.test"} {
			list(form)
			if code := told(); code != "200" {
				t.Errorf("as %s: told %s", form, code)
			}
		}
		for _, form := range []string{"tel:+49301234567", "sip:102@time.test"} { // the addresses change hands
			list(form)
			must(d.Change(w.T.Context(), aliceAOR, directory.Change{Numbers: &none, Extension: &nobody}))
			if code := told(); code != "404" {
				t.Errorf("when %s is not hers any more: told %s", form, code)
			}
			must(d.Change(w.T.Context(), aliceAOR, directory.Change{Numbers: &number, Extension: &extension}))
			if code := told(); code != "200" {
				t.Errorf("when %s is hers again: told %s", form, code)
			}
		}
	})
}

// The administrator's policy comes before what the receiver wants.
func TestPolicyOfMessages(t *testing.T) {
	bubble.Run(t, func(w *bubble.World) {
		alice, bob := w.Phone(), w.Phone()
		registerDevice(bob, "bob", "b", 3600)
		key := policy.Key{Level: policy.User, Name: string(aliceAOR), Action: "message", Kind: "stranger"}
		if err := w.S.Policy().Set(w.T.Context(), policy.Rule{Key: key}); err != nil {
			t.Fatal(err)
		}
		say(alice, "alice", "bob", "no")
		if err := w.S.Policy().Unset(w.T.Context(), key); err != nil {
			t.Fatal(err)
		}
		say(alice, "alice", "bob", "yes")
		expect(w, "he hears", reading(w, time.Second, bob), []string{"yes"})
		expect(w, "she is told", told(w, alice), []string{"404", "200"})
	})
}

// A message to a tel: URI reaches the user whose number it is; a local one says where it is
// dialled (RFC 3966 §5.1.5).
func TestMessageToTelURI(t *testing.T) {
	bubble.Run(t, func(w *bubble.World) {
		w.Stop()
		w.Cfg.Numbers.Country, w.Cfg.Numbers.Area = "DE", "30"
		w.Open()
		if err := w.S.Directory().AddAlias(w.T.Context(), bobAOR, "+49301234567"); err != nil {
			t.Fatal(err)
		}
		alice, bob := w.Phone(), w.Phone()
		registerDevice(bob, "bob", "b", 3600)
		for uri, code := range map[string]string{"tel:+49-30-123-4567": "200", "tel:0301234567": "404", "tel:1234567;phone-context=time.test": "200",
			"tel:1234567;phone-context=+4930": "200", "tel:1234567;phone-context=+4940": "404", "tel:7654321": "404"} {
			alice.N++
			id := fmt.Sprint("tel", alice.N)
			alice.Send([]byte(strings.Join([]string{"MESSAGE " + uri + " SIP/2.0", "Via: SIP/2.0/UDP " + alice.Flow.Remote.String() + ";rport;branch=z9hG4bK" + id,
				"Max-Forwards: 70", "From: <sip:alice@time.test>;tag=" + id, "To: <" + uri + ">", "Call-ID: " + id, "CSeq: 1 MESSAGE", "Content-Length: 0", "", ""}, "\r\n")))
			reading(w, 100*time.Millisecond, bob)
			if got := final(w, alice); got != code {
				t.Errorf("%s: told %s, want %s", uri, got, code)
			}
		}
	})
}
