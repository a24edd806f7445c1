package main

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// machine is tandem as a process of its own, on loopback, that trusts everybody.
type machine struct {
	t            *testing.T
	config, data string
	sip, http    string
	cmd          *exec.Cmd
	log          bytes.Buffer
}

func newMachine(t *testing.T) *machine {
	t.Helper()
	dir := t.TempDir()
	p := &machine{t: t, config: filepath.Join(dir, "tandem.yaml"), data: filepath.Join(dir, "var"), sip: freeAddr(t), http: freeAddr(t)}
	text := fmt.Sprintf("domains: [example.com]\ndata: %s\nlisten: [{proto: udp, addr: %q, trusted: [127.0.0.1]}]\nhttp: {addr: %q}\n", p.data, p.sip, p.http)
	if err := os.WriteFile(p.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *machine) start() {
	p.t.Helper()
	p.cmd = exec.Command(os.Args[0])
	p.cmd.Env = append(os.Environ(), "TANDEM_TEST_COMMAND=serve -c "+p.config)
	p.cmd.Stderr = &p.log
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { p.end(syscall.SIGKILL) })
	await(p.t, "ready", func() bool { return ready(p.http) == "ok" })
}

func (p *machine) end(how syscall.Signal) {
	if p.cmd != nil {
		_ = p.cmd.Process.Signal(how)
		_ = p.cmd.Wait()
		p.cmd = nil
	}
}

// tandem runs a command on the process's configuration, in this process.
func (p *machine) tandem(args ...string) (string, error) {
	k := &cli{t: p.t, config: p.config, data: p.data}
	out, _, err := k.run(args...)
	return out, err
}

func (p *machine) must(args ...string) string {
	p.t.Helper()
	out, err := p.tandem(args...)
	if err != nil {
		p.t.Fatalf("tandem %s: %v", strings.Join(args, " "), err)
	}
	return out
}

// fails wants a command to fail and to say so.
func (p *machine) fails(says string, args ...string) {
	p.t.Helper()
	if out, err := p.tandem(args...); err == nil || !strings.Contains(err.Error(), says) {
		p.t.Errorf("tandem %s: %v instead of %q\n%s", strings.Join(args, " "), err, says, out)
	}
}

// phones register users one after the other and note who got a 200.
type phones struct {
	mu    sync.Mutex
	acked []string
}

func (p *phones) list() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.acked...)
}

// register goes through the users, again and again, until done is closed.
func (p *phones) register(t *testing.T, sip string, first, step, users int, done chan struct{}) {
	c, err := net.Dial("udp", sip)
	if err != nil {
		t.Error(err)
		return
	}
	defer c.Close()
	b := make([]byte, 4096)
	for i := first; ; i += step {
		n, seq := i%users, 1+i/users
		select {
		case <-done:
			return
		default:
		}
		fmt.Fprintf(c, "REGISTER sip:example.com SIP/2.0\r\nVia: SIP/2.0/UDP %[1]s;branch=z9hG4bK%[2]d-%[3]d;rport\r\nMax-Forwards: 70\r\n"+
			"From: <sip:u%[2]d@example.com>;tag=1\r\nTo: <sip:u%[2]d@example.com>\r\nCall-ID: %[2]d\r\nCSeq: %[3]d REGISTER\r\n"+
			"Contact: <sip:u%[2]d@%[1]s>\r\nExpires: 3600\r\nContent-Length: 0\r\n\r\n", c.LocalAddr(), n, seq)
		c.SetReadDeadline(time.Now().Add(patience))
		k, err := c.Read(b)
		if err != nil {
			t.Error(err)
			return
		}
		if bytes.HasPrefix(b[:k], []byte("SIP/2.0 200")) {
			p.mu.Lock()
			p.acked = append(p.acked, fmt.Sprintf("sip:u%d@example.com", n))
			p.mu.Unlock()
		}
	}
}

// A backup is taken while phones register, and restored elsewhere: everything
// acknowledged before it began is there, and calls signed by the key go on.
func TestBackupDuringRegistrations(t *testing.T) {
	const users = 6000
	here := newMachine(t)
	var csv strings.Builder
	for n := range users {
		fmt.Fprintf(&csv, "u%d,,longenough\n", n)
	}
	list := filepath.Join(t.TempDir(), "users.csv")
	if err := os.WriteFile(list, []byte(csv.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	here.must("users", "import", list)
	here.start()
	var load phones
	var registering sync.WaitGroup
	done := make(chan struct{})
	stop := sync.OnceFunc(func() { close(done); registering.Wait() })
	defer stop()
	for i := range 4 {
		registering.Go(func() { load.register(t, here.sip, i, 4, users, done) })
	}
	await(t, "registrations", func() bool { return len(load.list()) > 300 })
	file := filepath.Join(t.TempDir(), "b.tar.gz")
	before := load.list()
	out := here.must("backup", file)
	during := len(load.list()) - len(before)
	stop()
	if during == 0 {
		t.Error("nobody registered during the backup: it proves nothing")
	}
	t.Logf("%d registered before the backup, %d during it: %s", len(before), during, out)
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if left, _ := filepath.Glob(filepath.Join(here.data, "snapshot-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	here.fails("already exists", "backup", file)
	here.fails("a server is running", "restore", file)

	there := newMachine(t)
	out = there.must("restore", file)
	if !strings.Contains(out, "tandem serve") {
		t.Errorf("it does not say what to do next: %s", out)
	}
	key, err := os.ReadFile(filepath.Join(here.data, "key"))
	if restored, err2 := os.ReadFile(filepath.Join(there.data, "key")); err != nil || err2 != nil || !bytes.Equal(key, restored) {
		t.Errorf("the key is another: %v %v", err, err2)
	}
	there.start()
	have := there.must("registrations", "list")
	for _, aor := range before {
		if !strings.Contains(have, aor+" ") {
			t.Fatalf("%s was acknowledged before the backup and is not in it", aor)
		}
	}
	there.end(syscall.SIGTERM)
	there.fails("--force", "restore", file)
	there.must("restore", file, "--force")
	there.must("backup", file+".2") // without a server
	there.must("restore", file+".2", "--force")
	there.start()
	if left, _ := filepath.Glob(filepath.Join(there.data, "*restore*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// A backup that is no whole one changes nothing.
func TestRestoreOfADamagedBackup(t *testing.T) {
	p := newMachine(t)
	p.must("users", "add", "alice")
	file := filepath.Join(t.TempDir(), "b.tar.gz")
	p.must("backup", file)
	b, err := os.ReadFile(file)
	if err == nil {
		err = os.WriteFile(file+".half", b[:len(b)/2], 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	p.must("users", "add", "bob")
	p.fails("not a complete backup", "restore", file+".half", "--force")
	p.fails("no such file", "restore", file+".none", "--force")
	if list := p.must("users", "list"); !strings.Contains(list, "alice") || !strings.Contains(list, "bob") {
		t.Errorf("after failures there are\n%s", list)
	}
	p.must("restore", file, "--force")
	if list := p.must("users", "list"); !strings.Contains(list, "alice") || strings.Contains(list, "bob") {
		t.Errorf("after the restore there are\n%s", list)
	}
}
