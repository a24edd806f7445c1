package media

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"tandem/media/ng"
	"tandem/test/bench/proc"
)

// The relays' ports lie outside the range the system chooses from.
const (
	firstPort = 18000
	portsEach = 6500
	phonePort = 17000
)

// relay is a media relay under test, on core 0.
type relay struct {
	name string
	cmd  *exec.Cmd
	ng   *ng.Client
	log  string
	done chan struct{}
}

func startRTPengine(ctx context.Context, dir string) (*relay, error) {
	bin, err := exec.LookPath("rtpengine")
	if err != nil {
		bin = "/usr/sbin/rtpengine"
	}
	if _, err := os.Stat(bin); err != nil {
		return nil, errors.New("rtpengine is not installed; install it with: apt-get install rtpengine-daemon")
	}
	control := freePort()
	return start(ctx, dir, "rtpengine", control, bin, "--config-file=none",
		"--interface=127.0.0.1", "--listen-ng=127.0.0.1:"+control, "--table=-1", "--foreground",
		"--log-stderr", "--log-level=3", "--num-threads=1",
		"--port-min="+strconv.Itoa(firstPort+portsEach), "--port-max="+strconv.Itoa(firstPort+2*portsEach-1))
}

// startTandem starts ours, with all ports to itself when it is alone.
func startTandem(ctx context.Context, dir, bin, kernel string, alone bool, more ...string) (*relay, error) {
	control, last := freePort(), firstPort+portsEach-1
	if alone {
		last = firstPort + 2*portsEach - 1
	}
	args := append([]string{"media", "serve", "--ng", "127.0.0.1:" + control,
		"--interface", "127.0.0.1", "--ports", fmt.Sprintf("%d-%d", firstPort, last),
		"--workers", "1", "--converters", "1", "--kernel", kernel, "--log", "warn"}, more...)
	return start(ctx, dir, "tandem", control, bin, args...)
}

// start runs a relay on core 0, ahead of other work on this machine where that
// is allowed, and waits until it answers.
func start(ctx context.Context, dir, name, control, bin string, args ...string) (*relay, error) {
	r := &relay{name: name, log: filepath.Join(dir, name+"-"+control+".log"), done: make(chan struct{})}
	f, err := os.Create(r.log)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r.cmd = exec.Command("taskset", append([]string{"-c", "0", bin}, args...)...)
	r.cmd.Stdout, r.cmd.Stderr = f, f
	r.cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
	// Ctrl-C is for this program, which then stops the relay; should it die, the
	// relay dies too.
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	if err := r.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = r.cmd.Wait()
		close(r.done)
	}()
	Prefer(r.cmd.Process.Pid)
	if r.ng, err = ng.Dial("127.0.0.1:" + control); err != nil {
		r.stop()
		return nil, err
	}
	ping, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for {
		try, stop := context.WithTimeout(ping, 200*time.Millisecond)
		_, err = r.ng.Do(try, ng.Dict{"command": "ping"})
		stop()
		switch {
		case err == nil:
			Prefer(r.cmd.Process.Pid) // threads made since
			return r, nil
		case ping.Err() != nil || r.dead():
			r.stop()
			return nil, fmt.Errorf("%s does not answer; its log ends: %s", name, r.tail())
		}
	}
}

func (r *relay) dead() bool {
	select {
	case <-r.done:
		return true
	default:
		return false
	}
}

func (r *relay) tail() string {
	b, _ := os.ReadFile(r.log)
	return strings.TrimSpace(string(b[max(0, len(b)-1000):]))
}

func (r *relay) stop() {
	if r.ng != nil {
		r.ng.Close()
	}
	_ = r.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-r.done:
	case <-time.After(3 * time.Second):
		_ = r.cmd.Process.Kill()
		<-r.done
	}
}

// Prefer puts all threads of a process before others' work: measures are of the
// relay, not of what else runs. Without the right to it, it changes nothing.
func Prefer(pid int) {
	tasks, _ := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	for _, t := range tasks {
		if id, err := strconv.Atoi(t.Name()); err == nil {
			_ = unix.Setpriority(unix.PRIO_PROCESS, id, first)
		}
	}
}

// first is the nice value of who runs first. Not a real-time policy: with one,
// Linux 6.18 now and then keeps the other core from its thread for 57 ms.
const first = -20

// used is the time the relay's threads have been on a processor; nothing for
// none.
func (r *relay) used() time.Duration {
	if r == nil {
		return 0
	}
	return proc.CPU(r.cmd.Process.Pid)
}
