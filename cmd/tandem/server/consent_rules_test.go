package server

import (
	"fmt"
	"strings"
	"testing"

	"tandem/cmd/tandem/config"
)

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
