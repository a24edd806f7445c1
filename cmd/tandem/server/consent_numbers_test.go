package server

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"tandem/cmd/tandem/config"
	"tandem/rtc"
	"tandem/rtc/policy/consent"
)

// formsOfNumber are ways to write one number in a rule, in Germany.
var formsOfNumber = []rtc.AOR{"tel:0301234", "tel:+49-30-1234", "tel:+49301234", "sip:0301234@time.test", "sip:+49301234@time.test", "tel:0049301234"}

// asks sends a message, a call and a SUBSCRIBE for presence, and returns the answers.
func (w *world) asks(p *phone, from, to string) string {
	p.got = nil
	contact := "Contact: <sip:x@" + p.flow.Remote.String() + ">"
	p.say(from, to, "hello")
	message := w.final(p)
	p.request("INVITE", from, to, contact)
	call := w.final(p)
	p.request("SUBSCRIBE", from, to, contact, "Event: presence", "Expires: 0")
	return message + " " + call + " " + w.final(p)
}

// final is the code of the one final response, and forgets it.
func (w *world) final(p *phone) string {
	for end := time.Now().Add(time.Minute); time.Now().Before(end); w.pass(10*time.Millisecond, p) {
		for _, what := range p.heard() {
			if len(what) == 3 && what >= "200" {
				p.got = nil
				return what
			}
		}
	}
	return "none"
}

// A rule about a number counts however the number is written, in the rule and by
// who calls, writes or watches.
func TestNumbersOfRules(t *testing.T) {
	inTime(t, func(w *world) {
		w.stop()
		w.cfg.Numbers.Country, w.cfg.Messages.Strangers, w.cfg.Presence.Unknown = "DE", "refuse", "block"
		w.open()
		for _, form := range formsOfNumber {
			for _, from := range []string{"0301234", "+49301234", "+49-30-1234", "0049301234"} {
				p := w.phone()
				w.consents(bobAOR, form, consent.Block)
				if got := w.asks(p, from, "bob"); got != "404 404 403" {
					t.Errorf("a rule blocks %s: %s is answered %s", form, from, got)
				}
				w.consents(bobAOR, form, consent.Allow)
				if got := w.asks(p, from, "bob"); got != "202 480 200" {
					t.Errorf("a rule allows %s: %s is answered %s", form, from, got)
				}
				if got := w.asks(p, "0301235", "bob"); got != "404 480 403" {
					t.Errorf("a rule allows %s: another number is answered %s", form, got)
				}
			}
			if rules := w.s.consent.Rules(bobAOR); len(rules) != 1 || rules[0].Name != "tel:+49301234" {
				t.Errorf("%s is kept as %+v", form, rules)
			}
		}
	})
}

// A rule about a number counts for the user who has it, also one who gets it later.
func TestNumberOfUserInRule(t *testing.T) {
	inTime(t, func(w *world) {
		w.stop()
		w.cfg.Numbers.Country, w.cfg.Presence.Unknown = "DE", "allow"
		w.open()
		alice := w.phone()
		w.consents(bobAOR, "tel:0301234", consent.Block)
		if got := w.asks(alice, "alice", "bob"); got != "202 480 200" {
			t.Errorf("before she has the number: %s", got)
		}
		if err := w.s.directory.AddAlias(w.t.Context(), aliceAOR, "+49301234"); err != nil {
			t.Fatal(err)
		}
		if got := w.asks(alice, "alice", "bob"); got != "404 404 403" {
			t.Errorf("with the number: %s", got)
		}
		if err := w.s.consent.Unset(w.t.Context(), bobAOR, consent.Rule{Kind: consent.User, Name: "tel:+49301234"}); err != nil {
			t.Fatal(err)
		}
		w.stop()
		w.open()
		alice.attach()
		w.consents(bobAOR, "sip:0301234@time.test", consent.Block)
		if rules := w.s.consent.Rules(bobAOR); !slices.ContainsFunc(rules, func(r consent.Rule) bool { return r.Name == string(aliceAOR) }) {
			t.Errorf("kept as %+v", rules)
		}
		if got := w.asks(alice, "alice", "bob"); got != "404 404 403" {
			t.Errorf("then: %s", got)
		}
	})
}

// Numbers come to rules by the API and by XCAP as people write them. That they are
// kept in another form changes no document behind its client's back.
func TestNumbersOfRulesAPI(t *testing.T) {
	s := running(t, func(c *config.Config) { c.Numbers.Country = "DE"; remotely(c) })
	w := overSocket(t, s)
	if r := w.do("POST", "/users", `{"address":"bob","password":"password of bob"}`); r.code != 201 {
		t.Fatal(r.text)
	}
	for _, name := range []string{"030 1234", "tel:030 1234", "(030) 12-34", "+49 30 1234", "tel:+49-30-1234", "0049 30 1234", "sip:0301234@example.com"} {
		if r := w.do("PUT", "/presence/bob/rules", fmt.Sprintf(`{"kind":"user","name":%q,"action":"block"}`, name)); r.code != 200 || r.body["name"] != "tel:+49301234" {
			t.Errorf("%s: %d %s", name, r.code, r.text)
		}
	}
	if rules := s.consent.Rules("sip:bob@example.com"); len(rules) != 1 {
		t.Errorf("kept: %+v", rules)
	}
	if r := w.do("DELETE", "/presence/bob/rules?kind=user&name=030%201234", ""); r.code != 200 || len(s.consent.Rules("sip:bob@example.com")) != 0 {
		t.Errorf("unset: %d %s", r.code, r.text)
	}
	x := xcapOf(t, s, "bob", "password of bob")
	const path, kind = "pres-rules/users/sip:bob@example.com/index", "application/auth-policy+xml"
	doc := `<?xml version="1.0"?><cp:ruleset xmlns:cp="urn:ietf:params:xml:ns:common-policy" xmlns:pr="urn:ietf:params:xml:ns:pres-rules"><cp:rule id="a"><cp:conditions><cp:identity><cp:one id="tel:030-1234"/><cp:one id="tel:+49301234"/></cp:identity></cp:conditions><cp:actions><pr:sub-handling>block</pr:sub-handling></cp:actions></cp:rule></cp:ruleset>`
	code, text, h := x.ask("PUT", path, kind, doc)
	if code != 201 {
		t.Fatalf("%d %s", code, text)
	}
	if code, text, again := x.ask("GET", path, "", ""); code != 200 || text != doc || again.Get("ETag") != h.Get("ETag") {
		t.Errorf("read again: %d\n%s", code, text)
	}
	if rules := s.consent.Rules("sip:bob@example.com"); len(rules) != 1 || rules[0].Name != "tel:+49301234" {
		t.Errorf("kept: %+v", rules)
	}
	if r := w.do("PUT", "/presence/bob/rules", `{"kind":"user","name":"030 1234","action":"allow"}`); r.code != 200 {
		t.Error(r.text)
	}
	if _, text, _ := x.ask("GET", path, "", ""); !strings.Contains(text, "tel:+49301234") || !strings.Contains(text, ">allow<") || strings.Contains(text, "030-1234") {
		t.Errorf("changed by the API:\n%s", text)
	}
}
