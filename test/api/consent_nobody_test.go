package api

import (
	"strings"
	"testing"

	"tandem/rtc"
	"tandem/rtc/directory"
	"tandem/rtc/policy/consent"
	"tandem/test/harness"
)

// A rule is for the user whose extension it names, and for nobody there is none.
func TestRuleIsForSomebody(t *testing.T) {
	s := harness.StartServer(t, nil)
	s.User("bob")
	if _, err := s.S.Directory().Add(t.Context(), directory.AddUser{AOR: harness.AliceURI, Password: harness.Password, Extension: "101"}); err != nil {
		t.Fatal(err)
	}
	w := harness.SocketClient(t, s.S)
	if r := w.Do("PUT", "/presence/bob/rules", `{"kind":"user","name":"101","action":"block"}`); r.Code != 200 || r.Body["name"] != harness.AliceURI {
		t.Errorf("by extension: %d %s", r.Code, r.Text)
	}
	if _, m := s.Subscribes(s.Dial(t, "udp"), "alice", "bob", "presence", "", ""); m.StatusCode() != 403 {
		t.Errorf("alice, who is blocked, watches: %d", m.StatusCode())
	}
	for _, nobody := range []string{"alicee", "sip:102@" + harness.Domain, "102"} {
		if r := w.Do("PUT", "/presence/bob/rules", `{"kind":"user","name":"`+nobody+`","action":"block"}`); r.Code != 404 || !strings.Contains(r.Text, "list of users") {
			t.Errorf("for %s: %d %s", nobody, r.Code, r.Text)
		}
	}
	// one of before ends
	if err := s.S.Consent().Set(t.Context(), rtc.AOR(harness.BobURI), consent.Rule{Kind: consent.User, Name: "sip:gone@" + harness.Domain, Action: consent.Block}); err != nil {
		t.Fatal(err)
	}
	if r := w.Do("DELETE", "/presence/bob/rules?kind=user&name=gone", ""); r.Code != 200 {
		t.Errorf("end: %d %s", r.Code, r.Text)
	}
	if list := s.S.Consent().Rules(rtc.AOR(harness.BobURI)); len(list) != 1 {
		t.Errorf("rules %v", list)
	}
}

// A ring group has rules as a user has, and nobody else.
func TestRulesOfAGroup(t *testing.T) {
	s := harness.StartServer(t, nil)
	s.User("alice", "bob")
	w := harness.SocketClient(t, s.S)
	if r := w.Do("POST", "/groups", `{"name":"sales","members":["bob"]}`); r.Code != 201 {
		t.Fatal(r.Text)
	}
	if r := w.Do("PUT", "/presence/sales/rules", `{"kind":"user","name":"alice","action":"block"}`); r.Code != 200 {
		t.Errorf("a rule of a group: %d %s", r.Code, r.Text)
	}
	if _, m := s.Subscribes(s.Dial(t, "udp"), "alice", "sales", "dialog", "", ""); m.StatusCode() != 403 {
		t.Errorf("alice, who is blocked, watches: %d", m.StatusCode())
	}
	if r := w.Do("GET", "/presence/sales/rules", ""); r.Code != 200 || !strings.Contains(r.Text, "block") {
		t.Errorf("its rules: %d %s", r.Code, r.Text)
	}
	if r := w.Do("GET", "/presence/support/rules", ""); r.Code != 404 {
		t.Errorf("rules of nobody: %d %s", r.Code, r.Text)
	}
}
