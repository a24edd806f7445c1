package test

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

// tandem is the path of the binary built from this checkout.
func tandem(t testing.TB) string {
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

// process is a running server of its own.
type process struct {
	t       testing.TB
	cmd     *exec.Cmd
	sip     string // host:port of UDP and TCP
	trusted string // of UDP whose senders on loopback are believed
	http    string
	config  string
	log     *logBuffer
	done    chan struct{}
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

// freePort finds a port of 127.0.0.1 that is free for UDP and TCP. It is none
// that the kernel gives to clients, and so still free when a server starts again.
func freePort(t testing.TB) int {
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

// configure writes the configuration of a server below dir; more is further YAML.
func configure(t testing.TB, dir, more string) *process {
	t.Helper()
	p := &process{t: t, config: filepath.Join(dir, "tandem.yaml")}
	p.sip = fmt.Sprintf("127.0.0.1:%d", freePort(t))
	p.trusted = fmt.Sprintf("127.0.0.1:%d", freePort(t))
	p.http = fmt.Sprintf("127.0.0.1:%d", freePort(t))
	text := fmt.Sprintf("domains: [%s]\ndata: %s\nlisten:\n  - {proto: udp, addr: %q}\n  - {proto: tcp, addr: %q}\n  - {proto: udp, addr: %q, trusted: [127.0.0.0/8]}\nhttp: {addr: %q}\n%s",
		domain, filepath.Join(dir, "data"), p.sip, p.sip, p.trusted, p.http, more)
	if err := os.WriteFile(p.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return p
}

// start runs the server and waits until it is ready.
func (p *process) start() {
	p.t.Helper()
	p.launch(tandem(p.t), "serve", "-c", p.config)
	p.ready()
}

// ready waits until it is.
func (p *process) ready() {
	p.t.Helper()
	deadline := time.Now().Add(2 * patience)
	for time.Now().Before(deadline) {
		if code, _ := p.get("/readyz"); code == http.StatusOK {
			return
		}
		select {
		case <-p.done:
			p.t.Fatalf("the server ended:\n%s", p.log)
		case <-time.After(20 * time.Millisecond):
		}
	}
	p.t.Fatalf("the server does not get ready:\n%s", p.log)
}

func (p *process) launch(name string, args ...string) {
	p.t.Helper()
	cmd := exec.Command(name, args...)
	log, done := new(logBuffer), make(chan struct{})
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	p.cmd, p.log, p.done = cmd, log, done
	go func() {
		_ = cmd.Wait() // the exit code tells
		close(done)
	}()
	p.t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		<-done
	})
}

// signal sends a signal; wait waits for the end and returns the exit code.
func (p *process) signal(s os.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

func (p *process) wait(limit time.Duration) int {
	p.t.Helper()
	select {
	case <-p.done:
	case <-time.After(limit):
		p.t.Fatalf("the server did not end within %s:\n%s", limit, p.log)
	}
	return p.cmd.ProcessState.ExitCode()
}

// get asks the HTTP interface; code 0 when it cannot be reached.
func (p *process) get(path string) (code int, body string) {
	client := http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get("http://" + p.http + path)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	var b bytes.Buffer
	_, _ = b.ReadFrom(resp.Body)
	return resp.StatusCode, b.String()
}

// cli runs a command line to its end.
type outcome struct {
	stdout, stderr string
	code           int
}

func command(t testing.TB, limit time.Duration, name string, args ...string) outcome {
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
	return outcome{out.String(), errs.String(), cmd.ProcessState.ExitCode()}
}

// tandem runs a command of the command line on the server's configuration.
func (p *process) tandem(args ...string) outcome {
	p.t.Helper()
	return command(p.t, 60*time.Second, tandem(p.t), append(args, "-c", p.config)...)
}
