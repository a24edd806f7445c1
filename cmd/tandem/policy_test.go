package main

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"tandem/cmd/tandem/api"
)

func TestPolicy(t *testing.T) {
	t.Parallel() // it waits for programs
	k := newCLI(t)
	f, err := os.OpenFile(k.config, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("numbers: {country: DE}\n"); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	k.ok("users", "add", "alice")
	const london = "00442079460000"
	explain := func(number string) (a api.PolicyAnswer) {
		t.Helper()
		if err := json.Unmarshal([]byte(k.ok("policy", "explain", "alice", "call", number, "-o", "json")), &a); err != nil {
			t.Fatal(err)
		}
		return a
	}
	if a := explain(london); a.Allowed || a.Kind != "international" || a.Object != "+442079460000" {
		t.Errorf("%+v", a)
	}
	k.ok("policy", "set", "call", "international", "allow", "--user", "alice", "--until", "8h")
	k.ok("policy", "set", "call", "+44 20 7946*", "deny", "--final", "--reason", "blocked after fraud")
	a := explain(london)
	if a.Allowed || !strings.Contains(a.Reason, "blocked after fraud") || a.Steps[0].Verdict != "decides" || a.Steps[1].Verdict != "overruled" {
		t.Errorf("%+v", a)
	}
	if a := explain("0044123456789"); !a.Allowed {
		t.Errorf("%+v", a)
	}
	if a := explain("112"); !a.Allowed || !strings.Contains(a.Reason, "always allowed") {
		t.Errorf("%+v", a)
	}
	if out := k.ok("policy", "explain", "alice", "call", london); !strings.Contains(out, "refused  call +442079460000 (international)") {
		t.Error(out)
	}
	k.ok("users", "add", "bob", "--extension", "17")
	k.ok("policy", "set", "call", "internal", "deny", "--user", "alice", "--reason", "a phone in the yard")
	if a := explain("17"); a.Allowed || a.Kind != "internal" || a.Object != "17" || !strings.Contains(a.Reason, "yard") {
		t.Errorf("%+v", a)
	}
	k.ok("policy", "set", "call", "17", "allow", "--user", "alice")
	if a := explain("17"); !a.Allowed || a.Kind != "internal" {
		t.Errorf("%+v", a)
	}
	if a := explain("18"); a.Allowed || a.Kind != "unassigned" {
		t.Errorf("%+v", a)
	}
	out := k.ok("policy", "list")
	for _, want := range []string{"+44207946*", "refused, final", "user sip:alice@example.com", "built-in", "premium"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in:\n%s", want, out)
		}
	}
	if out := k.ok("policy", "list", "--user", "alice"); strings.Contains(out, "premium") || !strings.Contains(out, "international") {
		t.Error(out)
	}
	k.ok("policy", "unset", "call", "+4420 7946*")
	if a := explain(london); !a.Allowed {
		t.Errorf("%+v", a)
	}
	k.ok("users", "delete", "alice")
	k.ok("users", "add", "alice")
	if a := explain(london); a.Allowed {
		t.Errorf("a new user has the rights of the one before: %+v", a)
	}
	for _, c := range []struct{ line, says string }{
		{"policy set call international maybe", "neither allow nor deny"},
		{"policy set call lunar allow", "one of the kinds"},
		{"policy set call 0044* allow", "+4420*"},
		{"policy set fly any allow", "use announce, call"},
		{"policy set call emergency deny", "cannot be refused"},
		{"policy set call any allow --user nobody", "no such user"},
		{"policy set call any allow --until 2001-01-01", "is past"},
		{"policy set call any allow --until tomorrow", "write 2027-01-31"},
		{"policy set call any allow --user alice --group sales", "none of the others can be"},
		{"policy unset call any", "see the list of rules"},
		{"policy explain alice call alice", "as it is dialled"},
		{"policy explain nobody call 112", "no such user"},
	} {
		if _, code, err := k.run(strings.Fields(c.line)...); code == 0 || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", c.line, err, c.says)
		}
	}
}
