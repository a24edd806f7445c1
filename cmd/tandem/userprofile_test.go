package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestUserProfiles(t *testing.T) {
	t.Parallel() // it waits for programs
	k := newCLI(t)
	k.ok("users", "add", "alice", "--display", "Alice Smith", "--mail", "a.smith@example.com", "--department", "Sales", "--site", "Berlin",
		"--extension", "100", "--number", "+49 30 123", "--number", "+49 30 124", "--group", "support", "--group", "first line", "--alias", "chief")
	shown := k.ok("users", "show", "alice")
	for _, want := range []string{"Alice Smith", "a.smith@example.com", "Sales", "Berlin", "100", "+4930123 +4930124", "first line, support", "sip:chief@example.com"} {
		if !strings.Contains(shown, want) {
			t.Errorf("%q is missing in\n%s", want, shown)
		}
	}
	k.ok("users", "set", "alice", "--number", "+4930125", "--group", "", "--department", "")
	shown = k.ok("users", "show", "alice")
	for _, gone := range []string{"+4930123", "support", "Sales"} {
		if strings.Contains(shown, gone) {
			t.Errorf("%q is still in\n%s", gone, shown)
		}
	}
	if !strings.Contains(shown, "+4930125") || !strings.Contains(shown, "chief") || !strings.Contains(shown, "Berlin") {
		t.Errorf("what was not named changed:\n%s", shown)
	}
	if _, _, err := k.run("users", "set", "alice"); err == nil || !strings.Contains(err.Error(), "nothing to change") {
		t.Errorf("set without options: %v", err)
	}
	if _, _, err := k.run("users", "add", "bob", "--site", "Berlin", "--extension", "100"); err == nil || !strings.Contains(err.Error(), "by sip:alice@example.com") {
		t.Errorf("a taken extension: %v", err)
	}
	file := filepath.Join(t.TempDir(), "users.csv")
	text := "\ufeffUser;Name;Password;Mail;Extension;Site\r\nbob;Bob Miller;longenough;bob@elsewhere.example;101;Berlin\r\ncarol;Carol;;;;\r\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	out := k.ok("users", "import", file)
	if !strings.Contains(out, "sip:bob@example.com") || !strings.Contains(out, "sip:carol@example.com") || !strings.Contains(out, "2 users made") || strings.Contains(out, "longenough") {
		t.Errorf("import says\n%s", out)
	}
	for query, want := range map[string]string{"mill": "bob", "+49 30 125": "alice", "berlin 101": "bob", "elsewhere": "bob", "caro": "carol"} {
		list := k.ok("users", "list", "--search", query)
		if n := strings.Count(list, "sip:"+want+"@"); n != 1 || strings.Count(list, "\n") != 2 {
			t.Errorf("%q found\n%s", query, list)
		}
	}
	if list := k.ok("users", "list"); strings.Count(list, "\n") != 4 {
		t.Errorf("all are\n%s", list)
	}
}
