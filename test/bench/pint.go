package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"tandem/test/bench/server"

	"golang.org/x/sys/unix"

	"tandem/test/bench/media"
)

// The part pint measures click-to-call, which no other server has: a SIPp asks for calls
// at a steady rate and ends each after 5 s, another SIPp is all telephones. What these say
// to each other passes the server: a loop of ours speaks and hears for them, since SIPp
// cannot for so many. The server has core 0, all else core 1.

const (
	pintRate = 200 // a second
	pintHeld = 5   // seconds, as sipp/pint.xml has it
	pintTime = 30  // seconds in which calls begin
	// Each telephone speaks a little less than its call lasts: when it has ended, the next
	// one may have its port of the relay.
	pintTalk = pintHeld*time.Second - 200*time.Millisecond
)

// pint prints what a PINT call costs, and whether any was lost.
func (o options) pint(w io.Writer) error {
	fmt.Fprintf(w, "\nPINT calls, %d a second, held %d s, both legs relayed, the server on one core\n\n"+
		"| calls | µs of CPU a call | core used %% | client: good / failed / retransmissions | legs: good / failed / retransmissions | came to a conversation | MiB after | legs that heard / did not | packets sent / heard | p99 |\n|---|---|---|---|---|---|---|---|---|---|\n", pintRate, pintHeld)
	for round := range o.rounds {
		fmt.Fprintf(os.Stderr, "pint, round %d of %d\n", round+1, o.rounds)
		if err := o.pintRound(w); err != nil {
			return fmt.Errorf("pint: %w", err)
		}
	}
	return nil
}

func (o options) pintRound(w io.Writer) error {
	s, err := o.start("tandem", 0, server.Leading)
	if err != nil {
		return err
	}
	defer s.Stop()
	s.Prefer() // SIPp inherits it
	dir, err := o.pintFiles(s)
	if err != nil {
		return err
	}
	at := server.FreePort()
	if err := registerAt(s, at); err != nil {
		return err
	}
	if _, _, err := pintCalls(s, dir, at, 0, 2*pintRate); err != nil { // warms up
		return err
	}
	calls, wait := int(pintRate*pintTime*o.scale), func() {}
	if o.profiles != "" {
		wait = s.Profile(filepath.Join(o.profiles, "pint.pprof"), (pintHeld+time.Duration(calls/pintRate))*time.Second)
	}
	before, cpu := s.Metric("tandem_pint_calls_successful_total"), s.CPU()
	r, heard, err := pintCalls(s, dir, at, 2*pintRate, calls)
	if err != nil {
		return err
	}
	used := s.CPU() - cpu
	wait()
	fmt.Fprintf(w, "| %d | %.0f | %.0f | %d / %d / %d | %d / %d / %d | %d | %.0f | %d / %d | %d / %d | %s |\n", calls, float64(used.Microseconds())/float64(calls),
		100*used.Seconds()*pintRate/float64(calls), r[0].ok, r[0].failed, r[0].retransmitted, r[1].ok, r[1].failed, r[1].retransmitted,
		s.Metric("tandem_pint_calls_successful_total")-before, s.Memory().All,
		heard.Legs-heard.Silent, heard.Silent, heard.Sent, heard.Arrived, heard.P99)
	if heard.Late > tooLate {
		fmt.Fprintf(w, "\nThe machine was too busy for the telephones to keep up: they were %s late once.\n", heard.Late.Round(time.Millisecond))
	}
	return nil
}

// pintFiles makes users with a telephone number each, and puts down the scenarios.
func (o options) pintFiles(s *server.Server) (dir string, err error) {
	var csv bytes.Buffer
	for i := range users {
		fmt.Fprintf(&csv, "%s,,%s,+4930%07d\n", server.UserName(i), server.Password, i)
	}
	dir = filepath.Dir(s.Log)
	add := exec.Command(o.tandem, "users", "import", "-", "-c", filepath.Join(dir, "tandem.yaml"))
	add.Stdin = &csv
	if out, err := add.CombinedOutput(); err != nil {
		return "", fmt.Errorf("importing users: %w: %s", err, out)
	}
	for _, name := range []string{"pint.xml", "telephone.xml"} {
		b, _ := scenarios.ReadFile("sipp/" + name)
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o644); err != nil {
			return "", err
		}
	}
	return dir, nil
}

// pintAsks is what SIPp reads: who asks for a call, with which number, and who is called.
// Users take turns from the first on, and nobody asks for the same twice.
func pintAsks(first, calls int) []byte {
	in := []byte("SEQUENTIAL\n")
	for i := first; i < first+calls; i++ {
		u := i % users
		in = fmt.Appendf(in, "%s;+4930%07d;%s;[authentication username=%[1]s password=%[4]s]\n", server.UserName(u), u, server.UserName((u+1+i/users)%users), server.Password)
	}
	return in
}

// pintCalls has calls made, and returns what the client and the telephones saw, and what
// these heard.
func pintCalls(s *server.Server, dir string, at, first, calls int) (r [2]sippCounts, heard media.Heard, err error) {
	if err := os.WriteFile(filepath.Join(dir, "users.csv"), pintAsks(first, calls), 0o644); err != nil {
		return r, heard, err
	}
	sound, err := media.NewTelephones(2*pintRate*(pintHeld+1), pintTalk)
	if err != nil {
		return r, heard, err
	}
	defer func() { heard = sound.Close() }()
	log, shut, err := speakers(dir, sound)
	if err != nil {
		return r, heard, err
	}
	defer shut()
	files := [2]string{filepath.Join(dir, "pint.csv"), filepath.Join(dir, "legs.csv")}
	common := func(file string, n int) []string {
		return []string{"-i", "127.0.0.1", "-m", strconv.Itoa(n), "-trace_err", "-trace_stat", "-stf", file, "-fd", "1"}
	}
	legs := sippCommand(dir, append(common(files[1], 2*calls), "-sf", "telephone.xml", "-p", strconv.Itoa(at),
		"-key", "media", strconv.Itoa(sound.Port()), "-trace_logs", "-log_file", log)...)
	if err := legs.Start(); err != nil {
		return r, heard, err
	}
	ended := make(chan error, 1)
	go func() { ended <- legs.Wait() }()
	defer func() { _ = legs.Process.Kill() }()
	time.Sleep(300 * time.Millisecond)
	client := sippCommand(dir, append(common(files[0], calls), "127.0.0.1:"+strconv.Itoa(s.Port), "-sf", "pint.xml", "-inf", "users.csv",
		"-p", strconv.Itoa(server.FreePort()), "-r", strconv.Itoa(pintRate), "-l", strconv.Itoa(calls), "-timeout", "150s")...)
	if out, err := client.CombinedOutput(); err != nil && client.ProcessState.ExitCode() != 1 { // 1: some calls failed, which is counted
		return r, heard, fmt.Errorf("%w: %s", err, out[max(0, len(out)-600):])
	}
	select {
	case <-ended:
	case <-time.After(10 * time.Second): // legs that never ended are no good ones
	}
	for i, file := range files {
		if r[i], err = readSipp(file); err != nil {
			return r, heard, err
		}
	}
	return r, heard, nil
}

// speakers has a telephone speak for each line that SIPp writes to the file log, which is a
// pipe.
func speakers(dir string, sound *media.Telephones) (log string, shut func(), err error) {
	log = filepath.Join(dir, "legs.log")
	if err := os.Remove(log); err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", nil, err
	}
	if err := unix.Mkfifo(log, 0o600); err != nil {
		return "", nil, os.NewSyscallError("mkfifo", err)
	}
	pipe, err := os.OpenFile(log, os.O_RDWR, 0) // both, so that neither end waits for the other
	if err != nil {
		return "", nil, err
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for lines := bufio.NewScanner(pipe); lines.Scan(); {
			_, rest, found := strings.Cut(lines.Text(), "media ")
			if port, _ := strconv.Atoi(strings.TrimSpace(rest)); found && port > 0 && port < 1<<16 {
				sound.Speak(port)
			}
		}
	}()
	return log, func() { _ = pipe.Close(); <-ended }, nil
}
