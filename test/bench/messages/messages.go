// Package messages measures what Tandem promises of messages and contact lists and
// what no other server is compared in: how many messages for absent users it puts
// on disk, how soon they are delivered in order when a user is back, and how long
// an XCAP client waits for a list of 1,000 contacts.
//
// The server runs as shipped on core 0, the load on core 1. It talks to 127.0.0.1
// only and ends what it started.
package messages

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// Options of a run.
type Options struct {
	Tandem string // program
	Dir    string // for what is written
	Kept   int    // messages for absent users, default 50,000
	Out    io.Writer
	CPU    func(pid int) time.Duration // that a process has used
}

const (
	users    = 2000
	inbox    = 1000 // messages for one user
	contacts = 1000
)

// Run prints a table.
func Run(ctx context.Context, o Options) error {
	if o.Kept == 0 {
		o.Kept = 50_000
	}
	s, err := start(ctx, o)
	if err != nil {
		return err
	}
	defer s.stop()
	fmt.Fprintf(o.Out, "\nMessages and contacts, Tandem alone; µs are CPU of the server\n\n| | measured | bar |\n|---|---|---|\n")
	if err := s.storm(o); err != nil {
		return err
	}
	if err := s.returns(o); err != nil {
		return err
	}
	return s.lists(ctx, o)
}

// server is the one under test.
type server struct {
	args      []string // of the program
	cmd       *exec.Cmd
	port, api int
	data      string
}

const config = `domains: [bench.test]
data: %q
listen:
  - {proto: udp, addr: "127.0.0.1:%d", trusted: ["127.0.0.0/8"]}
messages: {rate: 0}
api: {addr: "127.0.0.1:%d"}
http: {addr: ""}
`

func start(ctx context.Context, o Options) (*server, error) {
	s := &server{data: filepath.Join(o.Dir, "messages-data"), port: free("udp"), api: free("tcp")}
	file := filepath.Join(o.Dir, "tandem-messages.yaml")
	if err := os.WriteFile(file, fmt.Appendf(nil, config, s.data, s.port, s.api), 0o644); err != nil {
		return nil, err
	}
	s.args = []string{"-c", file}
	var csv bytes.Buffer
	for i := range users {
		fmt.Fprintf(&csv, "u%d,,a password of theirs\n", i)
	}
	if _, err := s.tandem(ctx, o, &csv, "users", "import", "-"); err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(o.Dir, "messages.log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	s.cmd = exec.CommandContext(ctx, "taskset", "-c", "0", o.Tandem, "serve", "-c", file)
	s.cmd.Stdout, s.cmd.Stderr = log, log
	s.cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	for range 300 {
		if c, err := net.Dial("tcp", "127.0.0.1:"+strconv.Itoa(s.api)); err == nil {
			_ = c.Close()
			return s, nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	s.stop()
	return nil, fmt.Errorf("it does not answer after 30 s; see %s", log.Name())
}

// tandem runs a verb and returns what it prints.
func (s *server) tandem(ctx context.Context, o Options, in io.Reader, args ...string) ([]byte, error) {
	c := exec.CommandContext(ctx, o.Tandem, append(args, s.args...)...)
	c.Stdin = in
	var errs bytes.Buffer
	c.Stderr = &errs
	out, err := c.Output()
	if err != nil {
		return nil, fmt.Errorf("tandem %s: %w: %s", args[0], err, errs.Bytes())
	}
	return out, nil
}

func (s *server) stop() {
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	_ = s.cmd.Wait() // it was told to end
}

func free(network string) int {
	if network == "tcp" {
		l, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			return 0
		}
		defer l.Close()
		return l.Addr().(*net.TCPAddr).Port
	}
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return 0
	}
	defer c.Close()
	return c.LocalAddr().(*net.UDPAddr).Port
}

func (o *Options) row(what, measured, bar string) {
	fmt.Fprintf(o.Out, "| %s | %s | %s |\n", what, measured, bar)
}
