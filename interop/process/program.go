package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Find returns the path of a program. The error names the remedy.
func Find(name string) (string, error) {
	if p, err := exec.LookPath(name); err == nil {
		return p, nil
	}
	for _, dir := range []string{"/usr/sbin", "/usr/local/sbin", "/sbin"} { // where daemons are
		if p, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return p, nil
		}
	}
	return "", fmt.Errorf("%s is not installed; run: make peers", name)
}

// Program is a running process and what it said.
type Program struct {
	Name string
	Out  Transcript // standard output and error
	Log  Transcript // its own log where that is apart
	cmd  *exec.Cmd
	in   io.WriteCloser
	said sync.WaitGroup
	done chan struct{}
	err  error // of the process; valid once done is closed
}

// Command is how a program is started.
type Command struct {
	Path  string
	Args  []string
	Dir   string
	Env   []string // added to ours
	Apart bool     // give it a log of its own as /dev/fd/3
}

// Patience is how long a program gets to end when asked to.
const Patience = 10 * time.Second

// Start starts a program.
func Start(c Command) (*Program, error) {
	p := &Program{Name: filepath.Base(c.Path), cmd: exec.Command(c.Path, c.Args...), done: make(chan struct{})}
	p.cmd.Dir = c.Dir
	p.cmd.Env = append(os.Environ(), c.Env...)
	p.cmd.SysProcAttr = mortal()
	p.cmd.Stdout, p.cmd.Stderr = &p.Out, &p.Out
	// A grandchild that keeps our pipe open must not keep us waiting.
	p.cmd.WaitDelay = Patience
	var err error
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", p.Name, err)
	}
	var far *os.File
	if c.Apart {
		near, f, err := os.Pipe()
		if err != nil {
			return nil, fmt.Errorf("starting %s: %w", p.Name, err)
		}
		far = f
		p.cmd.ExtraFiles = []*os.File{far}
		p.said.Go(func() {
			_, _ = io.Copy(&p.Log, near)
			_ = near.Close()
		})
	}
	err = p.cmd.Start()
	if far != nil {
		_ = far.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("starting %s: %w", p.Name, err)
	}
	go func() {
		err := p.cmd.Wait()
		p.said.Wait()
		p.Out.End()
		p.Log.End()
		p.err = err
		close(p.done)
	}()
	return p, nil
}

// Say writes a line to its standard input.
func (p *Program) Say(line string) error {
	if _, err := io.WriteString(p.in, line+"\n"); err != nil {
		return fmt.Errorf("telling %s %q: %w", p.Name, line, err)
	}
	return nil
}

// Wait waits for the end and returns the exit error.
func (p *Program) Wait(ctx context.Context) error {
	select {
	case <-p.done:
		return p.err
	case <-ctx.Done():
		return fmt.Errorf("waiting for %s to end: %w\n%s", p.Name, ctx.Err(), p.Out.Tail(20))
	}
}

// Kill ends it and its children at once, as a crash would.
func (p *Program) Kill() {
	killGroup(p.cmd.Process)
	<-p.done
}

// Close asks it to end, and kills it when it does not.
func (p *Program) Close() error {
	select {
	case <-p.done:
		return nil
	default:
	}
	_ = p.cmd.Process.Signal(os.Interrupt)
	select {
	case <-p.done:
	case <-time.After(Patience):
		p.Kill()
	}
	return nil
}

// Run runs a program to its end.
func Run(ctx context.Context, c Command) (*Program, error) {
	p, err := Start(c)
	if err != nil {
		return nil, err
	}
	if err := p.Wait(ctx); err != nil {
		p.Kill()
		return p, fmt.Errorf("%s %s: %w\n%s", p.Name, strings.Join(c.Args, " "), err, p.Out.Tail(20))
	}
	return p, nil
}

// Done is closed when it has ended.
func (p *Program) Done() <-chan struct{} { return p.done }

// Err is how it ended, once Done is closed.
func (p *Program) Err() error { return p.err }

// Signal sends it a signal.
func (p *Program) Signal(s os.Signal) error { return p.cmd.Process.Signal(s) }

// Listens waits until it has a UDP socket at a port: one that is not free may be a
// stranger's. The error says what it said last, and tells whether it has ended.
func (p *Program) Listens(ctx context.Context, port int) error {
	for !bound(p.cmd.Process.Pid, port) {
		select {
		case <-p.done:
			return fmt.Errorf("%s: %w: %w\n%s", p.Name, ErrEnded, p.err, p.Out.Tail(20))
		case <-ctx.Done():
			return fmt.Errorf("%s does not listen: %w\n%s", p.Name, ctx.Err(), p.Out.Tail(20))
		case <-time.After(10 * time.Millisecond):
		}
	}
	return nil
}

// ErrEnded is of a program that has ended instead of listening.
var ErrEnded = errors.New("has ended")

// Last is the number in the last line it said that matches, -1 when none does. It has
// ended.
func (p *Program) Last(re string) int {
	at, n := 0, -1
	for {
		m, next, err := p.Out.Wait(context.Background(), at, regexp.MustCompile(re))
		if err != nil {
			return n
		}
		n, _ = strconv.Atoi(m[1])
		at = next
	}
}
