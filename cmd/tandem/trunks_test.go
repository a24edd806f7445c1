package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tandem/cmd/tandem/api/trunks"
)

func TestTrunks(t *testing.T) {
	t.Parallel() // it waits for programs
	k := newCLI(t)
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("hush hush\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out := k.ok("trunks", "add", "berlin", "--address", "192.0.2.10:5060", "--prefix", "+49", "--prefix", "+43", "--number", "+49 30 12345*",
		"--codec", "alaw", "--codec", "PCMU", "--out", "+49=0", "--channels", "30", "--user", "tandem", "--secret-file", secret)
	for _, want := range []string{"sip:192.0.2.10:5060", "+43 +49", "+493012345*", "PCMA PCMU", "+49=0", "30", "set"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in:\n%s", want, out)
		}
	}
	if strings.Contains(out+k.ok("trunks", "show", "berlin", "-o", "json"), "hush") {
		t.Error("the password is shown")
	}
	k.ok("trunks", "add", "world", "--address", "sip:gw.example.net;transport=tls", "--prefix", "*", "--encryption", "require")
	k.ok("trunks", "set", "berlin", "--channels", "60", "--number", "", "--disabled")
	var list []trunks.Trunk
	if err := json.Unmarshal([]byte(k.ok("trunks", "list", "-o", "json")), &list); err != nil || len(list) != 2 {
		t.Fatalf("%v, %v", err, list)
	}
	if b := list[0]; b.Channels != 60 || len(b.Numbers) != 0 || !b.Disabled || !b.HasSecret || len(b.Prefixes) != 2 || len(b.Out) != 1 {
		t.Errorf("%+v", b)
	}
	k.ok("trunks", "set", "berlin", "--user", "")
	if out := k.ok("trunks", "show", "berlin"); strings.Contains(out, "password") {
		t.Errorf("a password without user is kept:\n%s", out)
	}
	k.ok("trunks", "remove", "berlin")
	if out := k.ok("trunks", "list"); strings.Contains(out, "berlin") || !strings.Contains(out, "world") {
		t.Error(out)
	}
	for _, c := range []struct{ line, says string }{
		{"trunks add world --address 192.0.2.1", "is taken"},
		{"trunks add paris", "give 1 to 64"},
		{"trunks add paris --address 192.0.2.1 --codec G711", "use PCMA, PCMU"},
		{"trunks add paris --address 192.0.2.1 --source everywhere", "192.0.2.0/24"},
		{"trunks show berlin", "tandem trunks list"},
		{"trunks set berlin --channels 1", "tandem trunks list"},
		{"trunks set world", "nothing to change"},
		{"trunks set world --out +49", "BEGINNING=REPLACEMENT"},
		{"trunks import-routes", "nothing to import"},
	} {
		if _, code, err := k.run(strings.Fields(c.line)...); code == 0 || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", c.line, err, c.says)
		}
	}
}

func TestImportRoutes(t *testing.T) {
	k := newCLI(t)
	f, err := os.OpenFile(k.config, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("routes:\n  - {name: gateway, match: {prefix: \"+\"}, next_hop: \"sip:192.0.2.10:5060\"}\n"); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if out := k.ok("trunks", "import-routes"); !strings.Contains(out, "gateway") || !strings.Contains(out, "now delete from routes in tandem.yaml: gateway") {
		t.Error(out)
	}
	if _, _, err := k.run("trunks", "import-routes"); err == nil || !strings.Contains(err.Error(), "is taken") {
		t.Errorf("imported twice: %v", err)
	}
	if out := k.ok("trunks", "show", "gateway"); !strings.Contains(out, "sip:192.0.2.10:5060") {
		t.Error(out)
	}
}
