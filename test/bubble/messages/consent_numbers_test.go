package messages

import (
	"slices"
	"testing"
	"time"

	"tandem/rtc"
	"tandem/rtc/policy/consent"
	"tandem/test/bubble"
)

// formsOfNumber are ways to write one number in a rule, in Germany.
var formsOfNumber = []rtc.AOR{"tel:0301234", "tel:+49-30-1234", "tel:+49301234", "sip:0301234@time.test", "sip:+49301234@time.test", "tel:0049301234"}

// asks sends a message, a call and a SUBSCRIBE for presence, and returns the answers.
func asks(w *bubble.World, p *bubble.Phone, from, to string) string {
	p.Got = nil
	contact := "Contact: <sip:x@" + p.Flow.Remote.String() + ">"
	say(p, from, to, "hello")
	message := final(w, p)
	p.Request("INVITE", from, to, contact)
	call := final(w, p)
	p.Request("SUBSCRIBE", from, to, contact, "Event: presence", "Expires: 0")
	return message + " " + call + " " + final(w, p)
}

// final is the code of the one final response, and forgets it.
func final(w *bubble.World, p *bubble.Phone) string {
	for end := time.Now().Add(time.Minute); time.Now().Before(end); w.Pass(10*time.Millisecond, p) {
		for _, what := range p.Heard() {
			if len(what) == 3 && what >= "200" {
				p.Got = nil
				return what
			}
		}
	}
	return "none"
}

// A rule about a number counts however the number is written, in the rule and by
// who calls, writes or watches.
func TestNumbersOfRules(t *testing.T) {
	bubble.Run(t, func(w *bubble.World) {
		w.Stop()
		w.Cfg.Numbers.Country, w.Cfg.Messages.Strangers, w.Cfg.Presence.Unknown = "DE", "refuse", "block"
		w.Open()
		for _, form := range formsOfNumber {
			for _, from := range []string{"0301234", "+49301234", "+49-30-1234", "0049301234"} {
				p := w.Phone()
				consents(w, bobAOR, form, consent.Block)
				if got := asks(w, p, from, "bob"); got != "404 404 403" {
					t.Errorf("a rule blocks %s: %s is answered %s", form, from, got)
				}
				consents(w, bobAOR, form, consent.Allow)
				if got := asks(w, p, from, "bob"); got != "202 480 200" {
					t.Errorf("a rule allows %s: %s is answered %s", form, from, got)
				}
				if got := asks(w, p, "0301235", "bob"); got != "404 480 403" {
					t.Errorf("a rule allows %s: another number is answered %s", form, got)
				}
			}
			if rules := w.S.Consent().Rules(bobAOR); len(rules) != 1 || rules[0].Name != "tel:+49301234" {
				t.Errorf("%s is kept as %+v", form, rules)
			}
		}
	})
}

// A rule about a number counts for the user who has it, also one who gets it later.
func TestNumberOfUserInRule(t *testing.T) {
	bubble.Run(t, func(w *bubble.World) {
		w.Stop()
		w.Cfg.Numbers.Country, w.Cfg.Presence.Unknown = "DE", "allow"
		w.Open()
		alice := w.Phone()
		consents(w, bobAOR, "tel:0301234", consent.Block)
		if got := asks(w, alice, "alice", "bob"); got != "202 480 200" {
			t.Errorf("before she has the number: %s", got)
		}
		if err := w.S.Directory().AddAlias(w.T.Context(), aliceAOR, "+49301234"); err != nil {
			t.Fatal(err)
		}
		if got := asks(w, alice, "alice", "bob"); got != "404 404 403" {
			t.Errorf("with the number: %s", got)
		}
		if err := w.S.Consent().Unset(w.T.Context(), bobAOR, consent.Rule{Kind: consent.User, Name: "tel:+49301234"}); err != nil {
			t.Fatal(err)
		}
		w.Stop()
		w.Open()
		alice.Attach()
		consents(w, bobAOR, "sip:0301234@time.test", consent.Block)
		if rules := w.S.Consent().Rules(bobAOR); !slices.ContainsFunc(rules, func(r consent.Rule) bool { return r.Name == string(aliceAOR) }) {
			t.Errorf("kept as %+v", rules)
		}
		if got := asks(w, alice, "alice", "bob"); got != "404 404 403" {
			t.Errorf("then: %s", got)
		}
	})
}
