package api

import (
	"fmt"
	"strings"
	"testing"

	"tandem/cmd/tandem/config"
	"tandem/test/harness"
)

// Numbers come to rules by the API and by XCAP as people write them. That they are
// kept in another form changes no document behind its client's back.
func TestNumbersOfRulesAPI(t *testing.T) {
	s := harness.Running(t, func(c *config.Config) { c.Numbers.Country = "DE"; harness.Remotely(c) })
	w := harness.SocketClient(t, s)
	if r := w.Do("POST", "/users", `{"address":"bob","password":"password of bob"}`); r.Code != 201 {
		t.Fatal(r.Text)
	}
	for _, name := range []string{"030 1234", "tel:030 1234", "(030) 12-34", "+49 30 1234", "tel:+49-30-1234", "0049 30 1234", "sip:0301234@example.com"} {
		if r := w.Do("PUT", "/presence/bob/rules", fmt.Sprintf(`{"kind":"user","name":%q,"action":"block"}`, name)); r.Code != 200 || r.Body["name"] != "tel:+49301234" {
			t.Errorf("%s: %d %s", name, r.Code, r.Text)
		}
	}
	if rules := s.Consent().Rules("sip:bob@example.com"); len(rules) != 1 {
		t.Errorf("kept: %+v", rules)
	}
	if r := w.Do("DELETE", "/presence/bob/rules?kind=user&name=030%201234", ""); r.Code != 200 || len(s.Consent().Rules("sip:bob@example.com")) != 0 {
		t.Errorf("unset: %d %s", r.Code, r.Text)
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
	if rules := s.Consent().Rules("sip:bob@example.com"); len(rules) != 1 || rules[0].Name != "tel:+49301234" {
		t.Errorf("kept: %+v", rules)
	}
	if r := w.Do("PUT", "/presence/bob/rules", `{"kind":"user","name":"030 1234","action":"allow"}`); r.Code != 200 {
		t.Error(r.Text)
	}
	if _, text, _ := x.ask("GET", path, "", ""); !strings.Contains(text, "tel:+49301234") || !strings.Contains(text, ">allow<") || strings.Contains(text, "030-1234") {
		t.Errorf("changed by the API:\n%s", text)
	}
}

// The rules of a user are listed in pages, as the command line asks for them.
func TestRulesInPages(t *testing.T) {
	s := harness.Running(t, nil)
	w := harness.SocketClient(t, s)
	w.Do("POST", "/users", `{"address":"alice"}`)
	for _, d := range []string{"a.test", "b.test", "c.test"} {
		if r := w.Do("PUT", "/presence/alice/rules", `{"kind":"domain","name":"`+d+`","action":"block"}`); r.Code != 200 {
			t.Fatal(r.Text)
		}
	}
	r := w.Do("GET", "/presence/alice/rules?limit=2", "")
	next, _ := r.Body["next"].(string)
	if r.Code != 200 || !strings.Contains(r.Text, "b.test") || strings.Contains(r.Text, "c.test") || next == "" {
		t.Fatalf("first page: %d %s", r.Code, r.Text)
	}
	if r := w.Do("GET", "/presence/alice/rules?limit=2&cursor="+next, ""); !strings.Contains(r.Text, "c.test") || r.Body["next"] != nil {
		t.Errorf("second page: %s", r.Text)
	}
}

// A domain and a sender of another domain are the same however they are spelled.
func TestSpellingsInRules(t *testing.T) {
	r := harness.StartServer(t, func(c *config.Config) { c.Messages.Strangers = "hold" })
	r.User("alice")
	ask := func(method, path, body string) (int, map[string]any) {
		t.Helper()
		code, out, _ := r.HTTP(t, method, path, body)
		return code, out
	}
	from := r.Dial(t, "trusted")
	from.From = "sip:zoe@elsewhere.test"
	say := func() int {
		return from.Final(from.Ask("MESSAGE", "zoe", harness.AliceURI, "Content-Type: text/plain", "x"), "MESSAGE").StatusCode()
	}
	for _, spelling := range []string{"zoe@elsewhere.test", "sip:zoe@ELSEWHERE.Test", "sip:zoe@elsewhere.test:5060"} {
		if code := say(); code != 202 {
			t.Fatalf("a stranger is told %d", code)
		}
		if code, out := ask("PUT", "/users/alice/strangers/"+spelling, `{"decision":"refuse"}`); code != 200 || out["messages"] != 1.0 {
			t.Errorf("%s: %d %v", spelling, code, out)
		}
	}
	if code, out := ask("PUT", "/users/alice/strangers/sip:@", `{"decision":"block"}`); code != 422 {
		t.Errorf("no address: %d %v", code, out)
	}
	if code, out := ask("PUT", "/presence/alice/rules", `{"kind":"domain","name":"Elsewhere.TEST","action":"block"}`); code != 200 {
		t.Fatal(out)
	}
	if code := say(); code != 404 {
		t.Errorf("of a blocked domain: told %d", code)
	}
	if code, out := ask("DELETE", "/presence/alice/rules?kind=domain&name=ELSEWHERE.test", ""); code != 200 {
		t.Error(out)
	}
	if code := say(); code != 202 {
		t.Errorf("no more blocked: told %d", code)
	}
}
