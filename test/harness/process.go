package harness

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// built is the binary under test, made once.
var built binary

type binary struct {
	once sync.Once
	dir  string
	err  error
}

func (b *binary) remove() {
	if b.dir != "" {
		_ = os.RemoveAll(b.dir)
	}
}

// Tandem is the path of the binary built from this checkout.
func Tandem(t testing.TB) string {
	t.Helper()
	built.once.Do(func() {
		if built.dir, built.err = os.MkdirTemp("", "tandem-test-"); built.err != nil {
			return
		}
		out, err := exec.Command("go", "build", "-o", filepath.Join(built.dir, "tandem"), "tandem/cmd/tandem").CombinedOutput()
		if err != nil {
			built.err = fmt.Errorf("go build: %w\n%s", err, out)
		}
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	return filepath.Join(built.dir, "tandem")
}

// Process is a running server of its own.
type Process struct {
	T       testing.TB
	Cmd     *exec.Cmd
	Sip     string // host:port of UDP and TCP
	Trusted string // of UDP whose senders on loopback are believed
	HTTP    string
	Config  string
	Log     *logBuffer
	Done    chan struct{}
}

// logBuffer keeps what a process writes.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// given are the ports that freePort has found: none is found twice.
var given sync.Map

// FreePort finds a port of 127.0.0.1 that is free for UDP and TCP. It is none
// that the kernel gives to clients, and so still free when a server starts again.
func FreePort(t testing.TB) int {
	t.Helper()
	for range 50 {
		port := 10000 + rand.IntN(5000)
		if _, taken := given.LoadOrStore(port, true); taken {
			continue
		}
		addr := fmt.Sprintf("127.0.0.1:%d", port)
		l, err := net.Listen("tcp", addr)
		if err != nil {
			continue
		}
		u, err := net.ListenPacket("udp", addr)
		_ = l.Close()
		if err == nil {
			_ = u.Close()
			return port
		}
	}
	t.Fatal("no port is free for UDP and TCP")
	return 0
}

// Configure writes the configuration of a server below dir; more is further YAML.
func Configure(t testing.TB, dir, more string) *Process {
	t.Helper()
	p := &Process{T: t, Config: filepath.Join(dir, "tandem.yaml")}
	p.Sip = fmt.Sprintf("127.0.0.1:%d", FreePort(t))
	p.Trusted = fmt.Sprintf("127.0.0.1:%d", FreePort(t))
	p.HTTP = fmt.Sprintf("127.0.0.1:%d", FreePort(t))
	text := fmt.Sprintf("domains: [%s]\ndata: %s\nlisten:\n  - {proto: udp, addr: %q}\n  - {proto: tcp, addr: %q}\n  - {proto: udp, addr: %q, trusted: [127.0.0.0/8]}\nhttp: {addr: %q}\n%s",
		Domain, filepath.Join(dir, "data"), p.Sip, p.Sip, p.Trusted, p.HTTP, more)
	if err := os.WriteFile(p.Config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return p
}

// Start runs the server and waits until it is ready.
func (p *Process) Start() {
	p.T.Helper()
	p.Launch(Tandem(p.T), "serve", "-c", p.Config)
	p.Ready()
}

// Ready waits until it is.
func (p *Process) Ready() {
	p.T.Helper()
	deadline := time.Now().Add(2 * Patience)
	for time.Now().Before(deadline) {
		if code, _ := p.Get("/readyz"); code == http.StatusOK {
			return
		}
		select {
		case <-p.Done:
			p.T.Fatalf("the server ended:\n%s", p.Log)
		case <-time.After(20 * time.Millisecond):
		}
	}
	p.T.Fatalf("the server does not get ready:\n%s", p.Log)
}

func (p *Process) Launch(name string, args ...string) {
	p.T.Helper()
	cmd := exec.Command(name, args...)
	log, done := new(logBuffer), make(chan struct{})
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		p.T.Fatal(err)
	}
	p.Cmd, p.Log, p.Done = cmd, log, done
	go func() {
		_ = cmd.Wait() // the exit code tells
		close(done)
	}()
	p.T.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		<-done
	})
}

// Signal sends a signal; wait waits for the end and returns the exit code.
func (p *Process) Signal(s os.Signal) {
	p.T.Helper()
	if err := p.Cmd.Process.Signal(s); err != nil {
		p.T.Fatal(err)
	}
}

func (p *Process) Wait(limit time.Duration) int {
	p.T.Helper()
	select {
	case <-p.Done:
	case <-time.After(limit):
		p.T.Fatalf("the server did not end within %s:\n%s", limit, p.Log)
	}
	return p.Cmd.ProcessState.ExitCode()
}

// Get asks the HTTP interface; code 0 when it cannot be reached.
func (p *Process) Get(path string) (code int, body string) {
	client := http.Client{Timeout: Patience, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get("http://" + p.HTTP + path)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	var b bytes.Buffer
	_, _ = b.ReadFrom(resp.Body)
	return resp.StatusCode, b.String()
}

// cli runs a command line to its end.
type Outcome struct {
	Stdout, Stderr string
	Code           int
}

func Command(t testing.TB, limit time.Duration, name string, args ...string) Outcome {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%s %s: %v", name, strings.Join(args, " "), err)
	}
	return Outcome{out.String(), errs.String(), cmd.ProcessState.ExitCode()}
}

// Tandem runs a command of the command line on the server's configuration.
func (p *Process) Tandem(args ...string) Outcome {
	p.T.Helper()
	return Command(p.T, 60*time.Second, Tandem(p.T), append(args, "-c", p.Config)...)
}

// Run calls the command line with the configuration of the process.
func (p *Process) Run(args ...string) string {
	p.T.Helper()
	o := p.Tandem(args...)
	if o.Code != 0 {
		p.T.Fatalf("tandem %s: exit code %d\n%s%s", strings.Join(args, " "), o.Code, o.Stdout, o.Stderr)
	}
	return o.Stdout
}

const Clients = 1000

// StartProcess starts the built server in a folder of its own, with settings besides those
// of Configure and the users of ImportUsers.
func StartProcess(t *testing.T, settings string) (p *Process, dir string) {
	t.Helper()
	dir = t.TempDir()
	p = Configure(t, dir, settings)
	importUsers(t, p, dir)
	p.Start()
	return p, dir
}

// importUsers makes u0, u1 … before the server starts.
func importUsers(t *testing.T, p *Process, dir string) {
	t.Helper()
	var csv strings.Builder
	for i := range Clients {
		fmt.Fprintf(&csv, "u%d,,%s\n", i, Password)
	}
	file := filepath.Join(dir, "users.csv")
	if err := os.WriteFile(file, []byte(csv.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	if out := p.Tandem("users", "import", file); out.Code != 0 {
		t.Fatalf("importing users: %s", out.Stderr)
	}
}
