package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"tandem/cmd/tandem/api/groups"
	"tandem/cmd/tandem/api/settings"
)

func TestGroups(t *testing.T) {
	t.Parallel() // it waits for programs
	k := newCLI(t)
	k.ok("users", "add", "alice", "--password", "a secret of theirs")
	k.ok("groups", "add", "sales", "--number", "300", "--member", "alice", "--member", "bob", "--overflow", "carol", "--payer", "alice")
	k.ok("groups", "set", "sales", "--hunt", "sequence", "--ring", "15s", "--member", "dave", "--number", "+49 30 1234567")
	var g groups.Group
	if err := json.Unmarshal([]byte(k.ok("groups", "show", "sales", "-o", "json")), &g); err != nil || g.Hunt != "sequence" || g.RingSeconds != 15 ||
		strings.Join(g.Members, " ") != "dave" || strings.Join(g.Numbers, " ") != "+49301234567" || g.Overflow != "carol" || !strings.HasPrefix(g.Payer, "sip:alice@") {
		t.Errorf("%+v, %v", g, err)
	}
	for _, c := range []struct{ line, says string }{
		{"groups add sales --member alice", "there is one already"},
		{"groups add alice --member bob", "choose another name"},
		{"groups add x --hunt round", "use parallel or sequence"},
		{"groups add x --ring 1s", "give 5s to 3m0s"},
		{"groups add x --payer nobody", "nobody"},
		{"groups set nobody --ring 10s", "groups list"},
		{"groups set sales", "nothing to change"},
	} {
		if out, code, err := k.run(strings.Fields(c.line)...); code == 0 || !strings.Contains(fmt.Sprint(out, err), c.says) {
			t.Errorf("%s: %s, %v", c.line, out, err)
		}
	}
	k.ok("groups", "remove", "sales")
	if out := k.ok("groups", "list"); strings.Contains(out, "sales") {
		t.Error(out)
	}
}

// What a user has set goes with the user: the next of the same name begins anew.
func TestSettings(t *testing.T) {
	k := newCLI(t)
	k.ok("users", "add", "alice", "--password", "a secret of theirs")
	k.ok("settings", "set", "alice", "--no-answer", "bob", "--ring", "20s", "--do-not-disturb")
	k.ok("settings", "set", "alice", "--do-not-disturb=false", "--refuse-anonymous")
	var s settings.Settings
	show := func() settings.Settings {
		s = settings.Settings{}
		if err := json.Unmarshal([]byte(k.ok("settings", "show", "alice", "-o", "json")), &s); err != nil {
			t.Fatal(err)
		}
		return s
	}
	if s := show(); s.NoAnswer != "bob" || s.RingSeconds != 20 || s.DoNotDisturb || !s.RefuseAnonymous {
		t.Errorf("%+v", s)
	}
	for _, c := range []struct{ line, says string }{
		{"settings set alice --always alice", "own address"},
		{"settings set alice --ring 1s", "give 5s to 3m0s"},
		{"settings set alice", "nothing to change"},
		{"settings show nobody", "nobody"},
	} {
		if out, code, err := k.run(strings.Fields(c.line)...); code == 0 || !strings.Contains(fmt.Sprint(out, err), c.says) {
			t.Errorf("%s: %s, %v", c.line, out, err)
		}
	}
	k.ok("users", "delete", "alice")
	k.ok("users", "add", "alice", "--password", "a secret of theirs")
	if s := show(); s.NoAnswer != "" || s.RefuseAnonymous {
		t.Errorf("of the user before: %+v", s)
	}
}
