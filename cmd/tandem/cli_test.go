package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tandem/cmd/tandem/api"
)

// cli runs command lines on a configuration and data folder of its own.
type cli struct {
	t      *testing.T
	config string
	data   string
}

func newCLI(t *testing.T) *cli {
	dir := t.TempDir()
	k := &cli{t: t, config: filepath.Join(dir, "tandem.yaml"), data: filepath.Join(dir, "var")}
	text := "domains: [example.com, example.org]\ndata: " + k.data + `
listen:
  - {proto: udp, addr: "0.0.0.0:5060"}
  - {proto: tls, addr: "0.0.0.0:5061", advertise: "sip.example.com"}
`
	if err := os.WriteFile(k.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return k
}

// run executes a command line and returns what it wrote and its exit code.
func (k *cli) run(args ...string) (out string, code int, err error) {
	k.t.Helper()
	var b bytes.Buffer
	root := newRootCommand()
	root.SetOut(&b)
	root.SetErr(&b)
	root.SetArgs(append(args, "-c", k.config))
	err = root.ExecuteContext(k.t.Context())
	return b.String(), exitCode(err), err
}

func (k *cli) ok(args ...string) string {
	k.t.Helper()
	out, _, err := k.run(args...)
	if err != nil {
		k.t.Fatalf("tandem %s: %v", strings.Join(args, " "), err)
	}
	return out
}

func TestCommandLinesNotUnderstood(t *testing.T) {
	for _, c := range []struct {
		line string
		says string
	}{
		{"serv", "did you mean: tandem serve"},
		{"users ad", "did you mean: tandem users add"},
		{"registrations frobnicate", "see: tandem registrations --help"},
		{"completion klingon", "tandem completion"},
		{"users list -o xml", "table, json, yaml"},
		{"users add alice -o xml", "table, json, yaml"},
		{"users add", "usage: tandem users add USER"},
		{"users add alice bob", `"bob" is one word too many`},
		{"media probe 127.0.0.1:2223", `"127.0.0.1:2223" is one word too many; usage: tandem media probe [flags]`},
		{"trace --ladder --follow", "leave out --follow"},
		{"trace -o yaml", "-o json"},
		{"trace --width 10", "--width"},
		{"phone call bob", "--user"},
		{"phone call bob --user alice --proto sctp", "wss"},
		{"users list --colour", "tandem users list --help"},
	} {
		t.Run(c.line, func(t *testing.T) {
			k := newCLI(t)
			_, code, err := k.run(strings.Fields(c.line)...)
			if code != 2 || err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("exit code %d, %v; want 2 and %q", code, err, c.says)
			}
			if _, err := os.Stat(k.data); err == nil {
				t.Error("something was done nevertheless: the data folder is there")
			}
		})
	}
}

func TestFirstSteps(t *testing.T) {
	k := newCLI(t)
	out := k.ok()
	for _, verb := range []string{"tandem demo", "tandem serve", "tandem users add alice", "tandem doctor"} {
		if !strings.Contains(out, verb) {
			t.Errorf("without arguments: %q is not shown", verb)
		}
	}
	if out := k.ok("users"); !strings.Contains(out, "import") {
		t.Errorf("users alone shows no verbs: %s", out)
	}
}

// TestUsersAddSaysHowToRegister: what is printed is all a phone asks for.
func TestUsersAddSaysHowToRegister(t *testing.T) {
	k := newCLI(t)
	out := k.ok("users", "add", "alice")
	for _, want := range []string{"alice", "example.com", "server, udp ", ":5060", "sip.example.com:5061", "shown this once"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in:\n%s", want, out)
		}
	}
	out = k.ok("devices", "add", "alice@example.com", "desk-phone")
	for _, want := range []string{"desk-phone", "user name", "example.com", "server, udp "} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in:\n%s", want, out)
		}
	}
	if out := k.ok("users", "add", "zoe@example.org"); !strings.Contains(out, "example.org") {
		t.Errorf("the user's own domain is missing in:\n%s", out)
	}
}

// TestOutputForPrograms: -o json is JSON alone.
func TestOutputForPrograms(t *testing.T) {
	k := newCLI(t)
	var made, again api.User
	if err := json.Unmarshal([]byte(k.ok("users", "add", "alice", "-o", "json")), &made); err != nil {
		t.Fatal(err)
	}
	if made.Address != "sip:alice@example.com" || made.Password == "" {
		t.Errorf("made %+v", made)
	}
	if err := json.Unmarshal([]byte(k.ok("users", "passwd", "alice", "-o", "json")), &again); err != nil {
		t.Fatal(err)
	}
	if again.Password == "" || again.Password == made.Password {
		t.Error("no new password")
	}
	var list []api.User
	if err := json.Unmarshal([]byte(k.ok("users", "list", "-o", "json")), &list); err != nil || len(list) != 1 || list[0].Password != "" {
		t.Errorf("list %+v, %v", list, err)
	}
}

func TestAliasesOfAUser(t *testing.T) {
	k := newCLI(t)
	k.ok("users", "add", "alice", "--alias", "100")
	if out := k.ok("users", "alias", "add", "alice", "+49 30 1234567"); out != "sip:alice@example.com aliases: sip:100@example.com tel:+49301234567\n" {
		t.Errorf("added: %s", out)
	}
	if out := k.ok("users", "alias", "remove", "alice", "100"); out != "sip:alice@example.com aliases: tel:+49301234567\n" {
		t.Errorf("removed: %s", out)
	}
	if _, code, err := k.run("users", "alias", "remove", "alice", "100"); code != 1 || !strings.Contains(err.Error(), "see the list of users") {
		t.Errorf("removed twice: exit code %d, %v", code, err)
	}
}

func TestServerNeededIsSaid(t *testing.T) {
	k := newCLI(t)
	for _, line := range []string{"registrations list", "routes list", "bans list", "trace", "reload"} {
		_, code, err := k.run(strings.Fields(line)...)
		if code != 1 || !strings.Contains(err.Error(), "tandem serve") {
			t.Errorf("%s: exit code %d, %v", line, code, err)
		}
	}
}

func TestCompletion(t *testing.T) {
	k := newCLI(t)
	if out := k.ok("completion", "bash"); !strings.Contains(out, "__start_tandem") {
		t.Error("no bash completion")
	}
	for line, want := range map[string]string{
		"__complete users ":              "import",
		"__complete users list -o ":      "yaml",
		"__complete phone call --proto ": "wss",
	} {
		root := newRootCommand()
		var b bytes.Buffer
		root.SetOut(&b)
		root.SetErr(&b)
		root.SetArgs(append(strings.Fields(line), ""))
		if err := root.ExecuteContext(t.Context()); err != nil || !strings.Contains(b.String(), want) {
			t.Errorf("%s: %v, %s", line, err, b.String())
		}
	}
}

// TestTokensAndWebhooks: who may call and who is told is settled before the first
// start, and stands in the audit log; secrets are shown once.
func TestTokensAndWebhooks(t *testing.T) {
	k := newCLI(t)
	out := k.ok("tokens", "add", "crm", "--scope", "users:read", "--scope", "events:read", "--expires", "90d")
	if !strings.Contains(out, "tandem_") || !strings.Contains(out, "users:read events:read") || !strings.Contains(out, "Authorization: Bearer") {
		t.Errorf("token: %s", out)
	}
	if out := k.ok("tokens", "list"); !strings.Contains(out, "crm") || strings.Contains(out, "tandem_") {
		t.Errorf("tokens: %s", out)
	}
	out = k.ok("webhooks", "add", "crm", "https://crm.example.com/tandem", "--event", "user.*")
	if !strings.Contains(out, "whsec_") || !strings.Contains(out, "tandem webhooks test crm") {
		t.Errorf("webhook: %s", out)
	}
	k.ok("users", "add", "alice") // waits for the webhook until a server runs
	if out := k.ok("webhooks", "list"); !strings.Contains(out, "user.*  1 ") || strings.Contains(out, "whsec_") {
		t.Errorf("webhooks: %s", out)
	}
	if out := k.ok("webhooks", "remove", "crm"); out != "crm removed, 1 events dropped\n" {
		t.Errorf("removed: %s", out)
	}
	k.ok("tokens", "revoke", "crm")
	for line, says := range map[string]string{
		"tokens add x":                                 "--scope users:read",
		"tokens add x --scope users:rule":              "users:write",
		"tokens add x --scope admin --expires soon":    "90d",
		"tokens revoke crm":                            "tandem tokens list",
		"webhooks add x ftp://crm.example.com":         "https://host/path",
		"webhooks add x https://h.test --secret guess": "whsec_",
		"webhooks remove crm":                          "tandem webhooks list",
		"webhooks test crm":                            "tandem serve",
		"audit list --since yesterday":                 "7d",
	} {
		if _, _, err := k.run(strings.Fields(line)...); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %q", line, err, says)
		}
	}
	var rows []struct{ Operation, Outcome, Who string }
	if err := json.Unmarshal([]byte(k.ok("audit", "list", "-o", "json")), &rows); err != nil {
		t.Fatal(err)
	}
	var done []string
	for _, r := range rows {
		if r.Outcome == "done" && strings.HasPrefix(r.Who, "local:") {
			done = append(done, r.Operation)
		}
	}
	if got := strings.Join(done, " "); got != "revoke-token remove-webhook add-user add-webhook add-token" {
		t.Errorf("done: %s", got)
	}
	if out := k.ok("audit", "list"); !strings.Contains(out, "failed: URL") {
		t.Errorf("a failure is not told: %s", out)
	}
}
