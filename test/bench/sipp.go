package main

import (
	"embed"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"tandem/test/bench/load"
	"tandem/test/bench/server"
)

//go:embed sipp/*.xml
var scenarios embed.FS

// paced is one SIPp run at a steady rate: an independent view of whether
// everything arrives.
type paced struct {
	name           string
	server, client string // scenario files; server "" for none
	rate           int
	trusted        bool
}

var pacedRuns = []paced{
	{name: "REGISTER, digest", client: "register.xml", rate: 2000},
	{name: "MESSAGE", client: "message.xml", server: "receiver.xml", rate: 2000, trusted: true},
	{name: "call", client: "call.xml", server: "callee.xml", rate: 500, trusted: true},
}

// sippCounts are the totals of a run.
type sippCounts struct {
	ok, failed, retransmitted int
}

// sipp runs the paced scenarios through a fresh server.
func (o options) sipp(name string) error {
	s, err := o.start(name, users, server.Proxying)
	if err != nil {
		return err
	}
	defer s.Stop()
	dir, err := os.MkdirTemp(o.dir, "sipp")
	if err != nil {
		return err
	}
	list, _ := scenarios.ReadDir("sipp")
	for _, e := range list {
		b, _ := scenarios.ReadFile("sipp/" + e.Name())
		if err := os.WriteFile(filepath.Join(dir, e.Name()), b, 0o644); err != nil {
			return err
		}
	}
	var in strings.Builder
	in.WriteString("SEQUENTIAL\n")
	for i := range users {
		fmt.Fprintf(&in, "%s;[authentication username=%s password=%s]\n", server.UserName(i), server.UserName(i), server.Password)
	}
	if err := os.WriteFile(filepath.Join(dir, "users.csv"), []byte(in.String()), 0o644); err != nil {
		return err
	}
	for _, p := range pacedRuns {
		c, err := p.run(o, s, dir)
		if err != nil {
			return fmt.Errorf("sipp %s through %s: %w", p.name, name, err)
		}
		fmt.Printf("| %s | %s | %d | %d | %d | %d |\n", p.name, name, p.rate, c.ok, c.failed, c.retransmitted)
	}
	return nil
}

// seconds of a paced run.
const pacedTime = 4

func (p paced) run(o options, s *server.Server, dir string) (sippCounts, error) {
	port := s.Port
	if p.trusted {
		port = s.Trusted
	}
	if p.server != "" {
		at := server.FreePort()
		// The callees' addresses are registered by hand: SIPp's own port.
		if err := registerAt(s, at); err != nil {
			return sippCounts{}, err
		}
		far := sippCommand(dir, "-sf", p.server, "-i", "127.0.0.1", "-p", strconv.Itoa(at))
		if err := far.Start(); err != nil {
			return sippCounts{}, err
		}
		defer func() {
			far.Process.Kill()
			far.Wait()
		}()
		time.Sleep(300 * time.Millisecond)
	}
	stats := filepath.Join(dir, p.client+".csv")
	calls := p.rate * pacedTime
	near := sippCommand(dir, "127.0.0.1:"+strconv.Itoa(port), "-sf", p.client, "-inf", "users.csv", "-i", "127.0.0.1",
		"-p", strconv.Itoa(server.FreePort()), "-r", strconv.Itoa(p.rate), "-m", strconv.Itoa(calls), "-l", strconv.Itoa(calls),
		"-trace_stat", "-stf", stats, "-fd", "1", "-timeout", "40s")
	out, err := near.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !(errors.As(err, &exit) && exit.ExitCode() == 1) { // 1: some calls failed, which is counted
		return sippCounts{}, fmt.Errorf("%w: %s", err, out[max(0, len(out)-600):])
	}
	return readSipp(stats)
}

func sippCommand(dir string, args ...string) *exec.Cmd {
	c := exec.Command("sipp", append(args, "-nostdin", "-buff_size", "8388608")...)
	c.Dir = dir
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return c
}

// readSipp takes the totals from the last line of a statistics file.
func readSipp(file string) (c sippCounts, err error) {
	f, err := os.Open(file)
	if err != nil {
		return c, err
	}
	defer f.Close()
	r := csv.NewReader(f)
	r.Comma, r.FieldsPerRecord = ';', -1
	head, err := r.Read()
	if err != nil {
		return c, err
	}
	var last []string
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return c, err
		}
		last = row
	}
	for i, name := range head {
		if i >= len(last) {
			break
		}
		n, _ := strconv.Atoi(last[i])
		switch name {
		case "SuccessfulCall(C)":
			c.ok = n
		case "FailedCall(C)":
			c.failed = n
		case "Retransmissions(C)":
			c.retransmitted = n
		}
	}
	return c, nil
}

// registerAt binds every user to a port of this machine.
func registerAt(s *server.Server, port int) error {
	reg, err := load.NewRegister("UDP", s.Port, window, users, load.First)
	if err != nil {
		return err
	}
	defer reg.Close()
	reg.At(port)
	if r := load.Drive(reg, window, users, 0); r.Failed > 0 || r.Lost > 0 {
		return fmt.Errorf("registering callees at %s: %d failed, %d lost", s.Name, r.Failed, r.Lost)
	}
	return nil
}
