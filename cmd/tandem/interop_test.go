package main

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tandem/cmd/tandem/lab"
	"tandem/interop/report"
)

// runInterop runs a command line and returns its output.
func runInterop(t *testing.T, args ...string) (string, error) {
	t.Helper()
	root := newRootCommand()
	var out bytes.Buffer
	root.SetOut(&out)
	root.SetErr(&out)
	root.SetArgs(append([]string{"interop"}, args...))
	err := root.ExecuteContext(t.Context())
	return out.String(), err
}

func TestInteropCommands(t *testing.T) {
	list, err := runInterop(t, "list", "--family", "nuera")
	if err != nil || strings.Count(list, "gw-nuera-") != 8 || strings.Count(list, "story-nuera-gx-") != 11 || !strings.Contains(list, "memory") {
		t.Errorf("list: %v\n%s", err, list)
	}
	show, err := runInterop(t, "show", "ph-7960-reg-2002")
	if err != nil || !strings.Contains(show, "CSCO/4") || !strings.Contains(show, "evidence") {
		t.Errorf("show: %v\n%s", err, show)
	}
	for _, args := range [][]string{{"show", "nonsense"}, {"show", "nuera"}, {"run", "--family", "nonsense"}, {"run", "--has", "wings"}} {
		if out, err := runInterop(t, args...); exitCode(err) != 2 {
			t.Errorf("%v: %v\n%s", args, err, out)
		}
	}
	file := filepath.Join(t.TempDir(), "own.yaml")
	if err := os.WriteFile(file, []byte("title: T\nrole: phone\nbehaviours:\n  - id: x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := runInterop(t, "check", file); err == nil || !strings.Contains(err.Error(), "own.yaml") {
		t.Errorf("check: %v", err)
	}
}

// The files for programs hold every row, with its evidence; a row nobody has
// seen a device do never counts as passed.
func TestInteropReports(t *testing.T) {
	junit := filepath.Join(t.TempDir(), "junit.xml")
	out, err := runInterop(t, "run", "--family", "nuera", "--behaviour", "any-tel-uri", "--junit", junit, "-o", "json")
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var run report.Report
	if err := json.Unmarshal([]byte(out[strings.Index(out, "{\n"):]), &run); err != nil {
		t.Fatal(err)
	}
	if len(run.Results) != 20 || run.Counts[report.Passed] != 1 || run.Counts[report.Unverified] < 5 {
		t.Errorf("%+v", run.Counts)
	}
	for _, r := range run.Results {
		if !r.Seen && (r.Outcome == report.Passed || r.Outcome == report.Partly) {
			t.Errorf("%s counts as verified", r.ID)
		}
		if (r.Outcome == report.NotRun) != (r.Why != "") {
			t.Errorf("%s is %s and says %q", r.ID, r.Outcome, r.Why)
		}
	}
	text, err := os.ReadFile(junit)
	if err != nil {
		t.Fatal(err)
	}
	var suites struct {
		Suites []struct {
			Cases []struct {
				Name string `xml:"name,attr"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	if err := xml.Unmarshal(text, &suites); err != nil || len(suites.Suites) != 2 || !strings.Contains(string(text), "gw-nuera-te-96 [memory]") {
		t.Errorf("%v\n%s", err, text)
	}
}

// Two runs on one machine do not disturb each other.
func TestInteropTwice(t *testing.T) {
	for _, family := range []string{"polycom", "cisco-ios", "polycom"} {
		t.Run(family, func(t *testing.T) {
			t.Parallel()
			if out, err := runInterop(t, "run", "--family", family); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

// Against a server named by its address, as of another machine, with accounts
// and nothing else.
func TestInteropTarget(t *testing.T) {
	l, err := lab.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	accounts := filepath.Join(t.TempDir(), "accounts")
	var text strings.Builder
	text.WriteString("# two\n")
	for _, a := range l.Target.Accounts[:2] {
		text.WriteString(a.User + ":" + a.Password + "\n")
	}
	if err := os.WriteFile(accounts, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := runInterop(t, "run", "--against", l.Target.UDP.String(), "--domain", l.Target.Domain, "--accounts", accounts,
		"--tcp", l.Target.TCP.String(), "--pause", "0s", "--behaviour", "any-digest-spellings", "--behaviour", "gw-cisco-digest", "--behaviour", "gw-cisco-cseq-tab")
	if err != nil || !strings.Contains(out, "2 passed") || !strings.Contains(out, "(--trusted)") {
		t.Errorf("%v\n%s", err, out)
	}
	l.Close()
	if out, err := runInterop(t, "run", "--against", l.Target.UDP.String(), "--accounts", accounts); err == nil || !strings.Contains(err.Error(), "does not answer OPTIONS") {
		t.Errorf("a server that is not there: %v\n%s", err, out)
	}
}

// No flag leads to a public address that is not said to be one's own, and to one that
// is the suite never hurries. Nothing is sent here: the accounts are not there.
func TestInteropPublic(t *testing.T) {
	accounts := filepath.Join(t.TempDir(), "missing")
	type try struct {
		args []string
		code int
		want string
	}
	tries := []try{
		{[]string{"--against", "192.0.2.1", "--i-own-this", "--pause=-1s"}, 2, "--pause has to be 20ms or more"},
		{[]string{"--against", "192.0.2.1", "--i-own-this"}, 1, accounts},
		{[]string{"--against", "127.0.0.1", "--pause", "0s"}, 1, accounts},
	}
	for _, flag := range []string{"--against", "--tcp", "--tls", "--trusted", "--trusted-tcp", "--files", "--tftp"} {
		args := []string{flag, "192.0.2.1:5060"}
		if flag != "--against" {
			args = append(args, "--against", "127.0.0.1")
		}
		tries = append(tries, try{args, 2, flag + ": 192.0.2.1 is a public address; try only servers of your own, and say so with --i-own-this"},
			try{slices.Concat(args, []string{"--i-own-this", "--pause", "0s"}), 2, flag + ": 192.0.2.1 is a public address; --pause has to be 20ms or more there"})
	}
	for _, c := range tries {
		if out, err := runInterop(t, append([]string{"run", "--accounts", accounts}, c.args...)...); exitCode(err) != c.code || !strings.Contains(fmt.Sprint(err), c.want) {
			t.Errorf("%v: %v, want %q and exit code %d\n%s", c.args, err, c.want, c.code, out)
		}
	}
}

// Against a server of this machine by its trunk: the number and address are those of
// the trunk, and what comes from there needs no credentials.
func TestInteropTrunk(t *testing.T) {
	l, err := lab.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	free, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	at := free.LocalAddr().String()
	free.Close()
	trunk := map[string]any{"name": "mine", "addresses": []string{"sip:" + at}, "prefixes": []string{"+4930999"}, "probe": "off"}
	if err := l.Target.Operator.Call(t.Context(), "POST", "/trunks", trunk, nil); err != nil {
		t.Fatal(err)
	}
	config, accounts := filepath.Join(t.TempDir(), "tandem.yaml"), filepath.Join(t.TempDir(), "accounts")
	a := l.Target.Accounts[0]
	for path, text := range map[string]string{config: "data: " + l.Data() + "\ndomains: [" + l.Target.Domain + "]\n", accounts: a.User + ":" + a.Password + "\n"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out, err := runInterop(t, "run", "--config", config, "--against", l.Target.UDP.String(), "--domain", l.Target.Domain, "--accounts", accounts,
		"--trunk", "mine", "--has", "calls", "--pause", "0s", "--behaviour", "story-cisco-ios-isr-call-in", "--behaviour", "story-cisco-ios-isr-call-out", "--behaviour", "story-audiocodes-mediant-call-in")
	if err != nil || !strings.Contains(out, "2 passed") || !strings.Contains(out, "1 passed in part") /* not over TCP */ {
		t.Errorf("%v\n%s", err, out)
	}
	if out, err := runInterop(t, "run", "--config", config, "--against", l.Target.UDP.String(), "--trunk", "nobodys"); err == nil || !strings.Contains(err.Error(), "nobodys") {
		t.Errorf("a trunk that is not there: %v\n%s", err, out)
	}
}

// What is learned from a trace is a file that can be checked and tried.
func TestInteropLearn(t *testing.T) {
	trace := filepath.Join(t.TempDir(), "trace.txt")
	text := "12:00:00 udp 10.9.8.7:5060 -> 10.9.8.1:5060\nREGISTER sip:secret.example SIP/2.0\nVia: SIP/2.0/UDP 10.9.8.7:5060;branch=z9hG4bK1\nFrom: <sip:erika@secret.example>;tag=1\nTo: <sip:erika@secret.example>\nCall-ID: 1@10.9.8.7\nCSeq: 5 REGISTER\nContact: <sip:erika@10.9.8.7:5060>\nExpires: 3600\nUser-Agent: Maker/1\nContent-Length: 0\n\n"
	if err := os.WriteFile(trace, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	draft, err := runInterop(t, "learn", trace)
	at := strings.Index(draft, "title:")
	if err != nil || at < 0 || strings.Contains(draft, "erika") {
		t.Fatalf("%v\n%s", err, draft)
	}
	file := filepath.Join(t.TempDir(), "mine.yaml")
	if err := os.WriteFile(file, []byte(draft[at:]), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := runInterop(t, "check", file); err != nil {
		t.Errorf("%v\n%s\n%s", err, out, draft)
	}
	if out, err := runInterop(t, "run", "--file", file); err != nil || !strings.Contains(out, "1 passed in part") {
		t.Errorf("%v\n%s\n%s", err, out, draft)
	}
}
