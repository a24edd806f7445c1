package test

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tandem/rtc/sip"
	"tandem/test/harness"
)

// told wants a failure told in one line, which may follow lines of the log.
func told(o harness.Outcome, t *testing.T, code int, says ...string) {
	t.Helper()
	var lines []string
	for l := range strings.Lines(o.Stderr) {
		if !strings.HasPrefix(l, "time=") {
			lines = append(lines, l)
		}
	}
	text := strings.TrimSpace(strings.Join(lines, ""))
	if o.Code != code {
		t.Errorf("exit code %d, want %d", o.Code, code)
	}
	more := strings.Split(text, "\n")[1:]
	if slices.ContainsFunc(more, func(l string) bool { return !strings.Contains(l, "tandem.yaml") }) || !strings.HasPrefix(text, "tandem: ") || strings.Contains(text, "goroutine") {
		t.Errorf("not one line that begins with \"tandem: \", nor one for each mistake of the configuration:\n%s", text)
	}
	for _, s := range says {
		if !strings.Contains(text, s) {
			t.Errorf("%q does not say %q", text, s)
		}
	}
}

// file writes a file below dir and returns its path.
func file(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestBadConfiguration(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		says []string
	}{
		"a key misspelt":      {"domains: [example.test]\nlisten:\n  - {proto: udp, adr: \"127.0.0.1:5060\"}\n", []string{":3:18:", "adr", `did you mean "addr"?`}},
		"a key nobody knows":  {"domains: [example.test]\nfrobnicate: 1\n", []string{":2:1:", "frobnicate", "tandem config defaults"}},
		"not YAML":            {"domains: [example.test\nlisten: {\n", []string{"tandem.yaml:"}},
		"a wrong type":        {"domains: [example.test]\nlimits: {connections: many}\n", []string{":2:23:"}},
		"a wrong address":     {"listen:\n  - {proto: udp, addr: \"localhost:sip\"}\n", []string{":2:24:", "host:port"}},
		"an unknown proto":    {"listen:\n  - {proto: sctp, addr: \"127.0.0.1:5060\"}\n", []string{":2:13:", "sctp", "use udp"}},
		"a route to nowhere":  {"routes:\n  - name: pstn\n    match: {domain: a.test}\n", []string{"pstn", "next_hop", "set a SIP URI"}},
		"a route for all":     {"routes:\n  - {name: pstn, match: {prefix: \"+\", domain: a.test}, next_hop: \"sip:192.0.2.1\"}\n", []string{"pstn", "tandem trunks add"}},
		"a wrong level":       {"log: {level: loud}\n", []string{":1:14:", "use debug, info"}},
		"a missing key file":  {"tls: {certificate: /nowhere.pem}\n", []string{"give both or neither"}},
		"times out of order":  {"registrar: {min_expires: 2h}\n", []string{"min_expires <= default_expires"}},
		"an unknown digest":   {"auth: {algorithms: [SHA-1]}\n", []string{"SHA-1", "use SHA-512-256"}},
		"a domain with a URI": {"domains: [\"sip:example.test\"]\n", []string{"is not a domain name"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			path := file(t, dir, "tandem.yaml", "data: "+dir+"/data\n"+c.text)
			for i := range c.says { // the data line comes first
				var line, col int
				if n, _ := fmt.Sscanf(c.says[i], ":%d:%d:", &line, &col); n == 2 {
					c.says[i] = fmt.Sprintf(":%d:%d:", line+1, col)
				}
			}
			for _, verb := range [][]string{{"serve"}, {"config", "check"}, {"users", "list"}} {
				told(harness.Command(t, 2*harness.Patience, harness.Tandem(t), append(verb, "-c", path)...), t, 1, c.says...)
			}
			if _, err := os.Stat(filepath.Join(dir, "data")); err == nil {
				t.Error("the data folder was made")
			}
		})
	}
}

func TestMissingConfiguration(t *testing.T) {
	path := filepath.Join(t.TempDir(), "none.yaml")
	told(harness.Command(t, 2*harness.Patience, harness.Tandem(t), "serve", "-c", path), t, 1, path, "tandem config defaults >")
}

func TestPortTaken(t *testing.T) {
	for _, network := range []string{"udp", "tcp", "http"} {
		t.Run(network, func(t *testing.T) {
			p := harness.Configure(t, t.TempDir(), "")
			addr := p.Sip
			if network == "http" {
				addr = p.HTTP
			}
			if network == "udp" {
				c, err := net.ListenPacket("udp", addr)
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
			} else {
				l, err := net.Listen("tcp", addr)
				if err != nil {
					t.Fatal(err)
				}
				defer l.Close()
			}
			told(p.Tandem("serve"), t, 1, addr, "in use", ";")
		})
	}
}

func TestUnreadableCertificate(t *testing.T) {
	dir := t.TempDir()
	none := filepath.Join(dir, "none.pem")
	garbage := file(t, dir, "garbage.pem", "this is not a certificate")
	for name, at := range map[string]string{"missing": none, "garbage": garbage} {
		t.Run(name, func(t *testing.T) {
			path := file(t, dir, name+".yaml", fmt.Sprintf("data: %s/data-%s\nlisten: [{proto: tls, addr: \"127.0.0.1:%d\"}]\nhttp: {addr: \"\"}\ntls: {certificate: %s, key: %s}\n", dir, name, harness.FreePort(t), at, at))
			told(harness.Command(t, 2*harness.Patience, harness.Tandem(t), "serve", "-c", path), t, 1, "tls.certificate and tls.key must be readable PEM files")
		})
	}
	path := file(t, dir, "ca.yaml", fmt.Sprintf("data: %s/data-ca\nlisten: [{proto: tls, addr: \"127.0.0.1:%d\", client_ca: %s}]\nhttp: {addr: \"\"}\n", dir, harness.FreePort(t), garbage))
	told(harness.Command(t, 2*harness.Patience, harness.Tandem(t), "serve", "-c", path), t, 1, "client_ca", "PEM")
}

// A file where the folder should be cannot be written to, not even by root.
func TestUnwritableData(t *testing.T) {
	dir := t.TempDir()
	blocked := file(t, dir, "blocked", "a file")
	for name, data := range map[string]string{"a file in place of the folder": blocked, "a folder below a file": blocked + "/data", "a kernel's folder": "/proc/tandem"} {
		t.Run(name, func(t *testing.T) {
			path := file(t, dir, "tandem.yaml", fmt.Sprintf("data: %s\nlisten: [{proto: udp, addr: \"127.0.0.1:%d\"}]\nhttp: {addr: \"\"}\n", data, harness.FreePort(t)))
			told(harness.Command(t, 2*harness.Patience, harness.Tandem(t), "serve", "-c", path), t, 1, "data")
			told(harness.Command(t, 2*harness.Patience, harness.Tandem(t), "users", "add", "alice", "-c", path), t, 1, blockedName(data), "; data must be")
		})
	}
	dir = t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "data"), 0o700); err != nil {
		t.Fatal(err)
	}
	file(t, dir, "data/tandem.db", "this is not a database, but a text that somebody put here; it must be left as it is")
	path := file(t, dir, "tandem.yaml", fmt.Sprintf("data: %s/data\nlisten: [{proto: udp, addr: \"127.0.0.1:%d\"}]\nhttp: {addr: \"\"}\n", dir, harness.FreePort(t)))
	told(harness.Command(t, 2*harness.Patience, harness.Tandem(t), "serve", "-c", path), t, 1, "tandem.db")
	if b, err := os.ReadFile(filepath.Join(dir, "data", "tandem.db")); err != nil || !strings.HasPrefix(string(b), "this is not a database") {
		t.Errorf("the file was changed: %q %v", b, err)
	}
}

// blockedName is the part of a path a message must name.
func blockedName(path string) string { return filepath.Base(path) }

func TestUsersWronglyNamed(t *testing.T) {
	for _, running := range []bool{false, true} {
		t.Run(fmt.Sprintf("server running %v", running), func(t *testing.T) {
			p := harness.Configure(t, t.TempDir(), "")
			if running {
				p.Start()
			}
			if out := p.Tandem("users", "add", "alice"); out.Code != 0 || !strings.Contains(out.Stdout, "alice") {
				t.Fatalf("%+v", out)
			}
			told(p.Tandem("users", "add", "alice"), t, 1, "alice", "choose another name")
			told(p.Tandem("users", "delete", "bob"), t, 1, "bob", "list of users")
			told(p.Tandem("users", "passwd", "bob"), t, 1, "bob")
			told(p.Tandem("users", "disable", "bob"), t, 1, "bob")
			told(p.Tandem("devices", "add", "bob", "desk"), t, 1, "bob")
			told(p.Tandem("devices", "revoke", "alice", "desk"), t, 1, "desk")
			told(p.Tandem("users", "add", "al ice"), t, 1, "al ice")
			told(p.Tandem("users", "add", "carol@elsewhere.test"), t, 1, "elsewhere.test")
			told(p.Tandem("users", "add"), t, 2, "usage: tandem users add USER")
			told(p.Tandem("users", "ad", "x"), t, 2, "did you mean: tandem users add")
			told(p.Tandem("users", "list", "--color"), t, 2, "--help")
			told(p.Tandem("users", "import", "/nowhere.csv"), t, 1, "/nowhere.csv")
			csv := file(t, filepath.Dir(p.Config), "users.csv", "dora\nalice\nthis is wrong\n")
			if out := p.Tandem("users", "import", csv); out.Code != 1 || !strings.Contains(out.Stderr, "line 2") || !strings.Contains(out.Stderr, "line 3") {
				t.Errorf("import: %+v", out)
			}
			if out := p.Tandem("users", "list"); !strings.Contains(out.Stdout, "alice") || strings.Contains(out.Stdout, "dora") {
				t.Errorf("after it all there are:\n%s", out.Stdout)
			}
		})
	}
}

// When the disk is full nothing is promised that cannot be kept, everything else
// goes on, and when there is room again so does the rest.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	p := harness.Configure(t, dir, "registrar: {max_bindings: 60}\n")
	data := filepath.Join(dir, "data")
	if err := os.Mkdir(data, 0o700); err != nil {
		t.Fatal(err)
	}
	own := []string{"-m"}
	if os.Geteuid() != 0 {
		own = []string{"-rm"}
	}
	script := fmt.Sprintf("mount -t tmpfs -o size=3m none %[1]s && %[2]s users import %[3]s -c %[4]s && exec %[2]s serve -c %[4]s", data, harness.Tandem(t), writeUsers(t, dir), p.Config)
	if err := exec.Command("unshare", append(own, "true")...).Run(); err != nil {
		t.Fatalf("a disk of a small size needs the right to mount (unshare %s): %v", own[0], err)
	}
	p.Launch("unshare", append(own, "sh", "-c", script)...)
	p.Ready()
	c := newClerk(t, p.Trusted)
	refused := c.fill(t)
	if refused == 0 {
		t.Fatal("the disk does not fill up")
	}
	t.Logf("full after %d registrations", len(c.known)-refused)
	if code, body := p.Get("/readyz"); code != http.StatusServiceUnavailable || !strings.Contains(body, "store") {
		t.Errorf("readyz on a full disk: %d %s", code, body)
	}
	harness.DialUDP(t, netip.MustParseAddrPort(p.Sip)).Alive()
	c.call(t, 20)
	remount := exec.Command("nsenter", "-t", fmt.Sprint(p.Cmd.Process.Pid), "-m", "-U", "--preserve-credentials", "mount", "-o", "remount,size=30m", data)
	if os.Geteuid() == 0 {
		remount = exec.Command("nsenter", "-t", fmt.Sprint(p.Cmd.Process.Pid), "-m", "mount", "-o", "remount,size=30m", data)
	}
	if out, err := remount.CombinedOutput(); err != nil {
		t.Fatalf("making room: %v %s", err, out)
	}
	c.recover(t, p)
	c.call(t, harness.Clients)
}

func writeUsers(t *testing.T, dir string) string {
	var csv strings.Builder
	for i := range harness.Clients {
		fmt.Fprintf(&csv, "u%d,,%s\n", i, harness.Password)
	}
	return file(t, dir, "users.csv", csv.String())
}

// fill registers until the server refuses 20 in a row, and counts the refused.
func (c *clerk) fill(t *testing.T) (refused int) {
	t.Helper()
	for i := 0; i < 40000 && refused < 20; i++ {
		contact := fmt.Sprintf("sip:u%d@%s;n=%d;pad=%s", i%harness.Clients, c.Local, i, strings.Repeat("x", 300))
		code := c.one(contact)
		if code == 200 && refused > 0 {
			refused = 0
		}
		if code != 200 {
			refused++
			if code < 500 {
				t.Fatalf("refused with %d", code)
			}
		}
	}
	return refused
}

// one registers one contact and waits for the answer.
func (c *clerk) one(contact string) int {
	c.put(contact, false)
	m, err := c.Next(harness.Patience, func(m *sip.Message) bool { // the only one asked for
		return !m.IsRequest() && m.StatusCode() >= 200 && c.asked[string(m.CallID())] != change{}
	})
	if err != nil {
		c.T.Fatalf("REGISTER is not answered: %v", err)
	}
	delete(c.asked, string(m.CallID()))
	c.known[contact] = "gone"
	if m.StatusCode() == 200 {
		c.known[contact] = "bound"
	}
	return m.StatusCode()
}

// recover wants REGISTERs to be taken again before long.
func (c *clerk) recover(t *testing.T, p *harness.Process) {
	t.Helper()
	deadline := time.Now().Add(2 * harness.Patience)
	for i := 0; ; i++ {
		// The parameter is the one of fill: URIs that differ in one that only one of
		// them has are the same binding (RFC 3261 §19.1.4).
		code := c.one(fmt.Sprintf("sip:u1@%s;n=again%d", c.Local, i))
		ready, body := p.Get("/readyz")
		if code == 200 && ready == http.StatusOK {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("with room again REGISTER is answered %d, readyz %d %s", code, ready, body)
		}
		time.Sleep(100 * time.Millisecond)
	}
}
