package main

import (
	"strings"
	"testing"
)

func TestDialPlanAndLimits(t *testing.T) {
	t.Parallel() // it waits for programs
	k := newCLI(t)
	k.ok("users", "add", "mail")
	if out := k.ok("dialplan", "add", "mail", "*97", "--route", "user mail"); !strings.Contains(out, "*97 goes to user mail") {
		t.Error(out)
	}
	k.ok("dialplan", "add", "branch", "8XXX", "--strip", "1", "--prepend", "+49 40 555", "--route", "trunk hamburg", "--site", "berlin")
	out := k.ok("dialplan", "list")
	if !strings.Contains(out, "8xxx") || !strings.Contains(out, "+4940555") || strings.Index(out, "branch") > strings.Index(out, "mail ") {
		t.Error(out)
	}
	k.ok("limits", "set", "default", "--per-minute", "20", "--closed", "22:00-06:00")
	k.ok("limits", "set", "user", "mail", "--kind", "international", "--minutes-day", "60")
	if out := k.ok("limits", "list"); !strings.Contains(out, "user sip:mail@") || !strings.Contains(out, "22:00-06:00") {
		t.Error(out)
	}
	k.ok("limits", "unset", "default")
	k.ok("dialplan", "remove", "mail")
	for _, c := range []struct{ line, says string }{
		{"dialplan add mail 9y --route number", "9xxx"},
		{"dialplan add branch 1", "is taken"},
		{"dialplan add x 1 --route moon", "use number, user NAME"},
		{"dialplan remove mail", "tandem dialplan list"},
		{"dialplan explain 1", "add --user NAME"},
		{"dialplan explain 1 --user mail", "start it with: tandem serve"},
		{"limits set default", "bounds nothing"},
		{"limits set default x --calls 1", "has no name"},
		{"limits set group --calls 1", "give its name"},
		{"limits unset default", "tandem limits list"},
		{"limits set default --calls 1 --kind lunar", "use internal"},
	} {
		if _, code, err := k.run(strings.Fields(c.line)...); code == 0 || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", c.line, err, c.says)
		}
	}
}
