package peers

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
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

// command is how a program is started.
type command struct {
	path  string
	args  []string
	dir   string
	env   []string // added to ours
	apart bool     // give it a log of its own as /dev/fd/3
}

// patience is how long a program gets to end when asked to.
const patience = 3 * time.Second

func start(c command) (*Program, error) {
	p := &Program{Name: filepath.Base(c.path), cmd: exec.Command(c.path, c.args...), done: make(chan struct{})}
	p.cmd.Dir = c.dir
	p.cmd.Env = append(os.Environ(), c.env...)
	p.cmd.SysProcAttr = mortal()
	p.cmd.Stdout, p.cmd.Stderr = &p.Out, &p.Out
	// A grandchild that keeps our pipe open must not keep us waiting.
	p.cmd.WaitDelay = patience
	var err error
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", p.Name, err)
	}
	var far *os.File
	if c.apart {
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
		p.Out.end()
		p.Log.end()
		p.err = err
		close(p.done)
	}()
	return p, nil
}

// say writes a line to its standard input.
func (p *Program) say(line string) error {
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
	case <-time.After(patience):
		p.Kill()
	}
	return nil
}

// run runs a program to its end.
func run(ctx context.Context, c command) (*Program, error) {
	p, err := start(c)
	if err != nil {
		return nil, err
	}
	if err := p.Wait(ctx); err != nil {
		p.Kill()
		return p, fmt.Errorf("%s %s: %w\n%s", p.Name, strings.Join(c.args, " "), err, p.Out.Tail(20))
	}
	return p, nil
}
