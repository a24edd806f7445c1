package peers

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"strconv"
)

// SIPP is a run of sipp's built-in scenarios.
type SIPP struct {
	Port    int
	program *Program
}

// Counts are the calls of a finished run.
type Counts struct{ Successful, Failed int }

// StartUAS starts sipp as a callee that answers everything.
func StartUAS(_ context.Context, dir string) (*SIPP, error) {
	path, err := Find("sipp")
	if err != nil {
		return nil, err
	}
	port, err := Port()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	p, err := start(command{path: path, dir: dir, env: []string{"TERM=dumb"}, args: []string{
		"-sn", "uas", "-i", "127.0.0.1", "-p", strconv.Itoa(port), "-nostdin"}})
	return &SIPP{Port: port, program: p}, err
}

// Close ends it.
func (s *SIPP) Close() error { return s.program.Close() }

// RunUAC makes calls to number through a server's UDP port, rate a second, and
// returns their outcome. The error tells of failed calls.
func RunUAC(ctx context.Context, dir, number string, server, calls, rate int) (Counts, error) {
	path, err := Find("sipp")
	if err != nil {
		return Counts{}, err
	}
	port, err := Port()
	if err != nil {
		return Counts{}, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return Counts{}, err
	}
	p, err := run(ctx, command{path: path, dir: dir, env: []string{"TERM=dumb"}, args: []string{
		"-sn", "uac", "-s", number, "-i", "127.0.0.1", "-p", strconv.Itoa(port), "-nostdin", "-d", "200",
		"-m", strconv.Itoa(calls), "-r", strconv.Itoa(rate), "-timeout", "30s", "-timeout_error", "-trace_err", loopback(server)}})
	if p == nil {
		return Counts{}, err
	}
	c := Counts{Successful: p.last(`Successful call\s*\|\s*\d+\s*\|\s*(\d+)`), Failed: p.last(`Failed call\s*\|\s*\d+\s*\|\s*(\d+)`)}
	if err == nil && c.Successful != calls {
		err = fmt.Errorf("sipp finished %d of %d calls\n%s", c.Successful, calls, p.Out.Tail(60))
	}
	return c, err
}

// last is the number in the last line that matches, -1 when none does.
func (p *Program) last(re string) int {
	at, n := 0, -1
	for {
		m, next, err := p.Out.Wait(context.Background(), at, regexp.MustCompile(re)) // it has ended
		if err != nil {
			return n
		}
		n, _ = strconv.Atoi(m[1])
		at = next
	}
}

// Addr is where a callee listens.
func (s *SIPP) Addr() string { return loopback(s.Port) }
