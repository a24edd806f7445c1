package presence

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"tandem/test/bench/proc"
)

// server is one under test, on core 0.
type server struct {
	name, log string
	args      []string
	cmd       *exec.Cmd
	port      int
	http      int // for profiles, 0 = none
	profiles  string
}

//go:embed kamailio.cfg
var kamailioConfig string

const tandemConfig = `domains: [bench.test]
data: %q
listen:
  - {proto: udp, addr: "127.0.0.1:%d", trusted: ["127.0.0.0/8"]}
events: {per_user: 1000000}
presence: {interval: 0s}
http: {addr: %q}
`

func (o Options) start(ctx context.Context, name string) (*server, error) {
	s := &server{name: name, log: filepath.Join(o.Dir, name+"-presence.log"), port: freePort()}
	var err error
	if name == "kamailio" {
		err = s.kamailio(o)
	} else {
		err = s.tandem(ctx, o)
	}
	if err != nil {
		return nil, err
	}
	return s, s.again(ctx)
}

func (s *server) kamailio(o Options) error {
	modules, err := filepath.Glob("/usr/lib/*/kamailio/modules")
	if err != nil || len(modules) == 0 {
		return errors.New("no kamailio modules under /usr/lib; run: make peers")
	}
	db := filepath.Join(o.Dir, "pres.db")
	for _, t := range []string{"standard", "presence"} {
		schema, err := os.ReadFile("/usr/share/kamailio/db_sqlite/" + t + "-create.sql")
		if err != nil {
			return fmt.Errorf("%w; run: make peers", err)
		}
		c := exec.Command("sqlite3", db)
		c.Stdin = bytes.NewReader(schema)
		if out, err := c.CombinedOutput(); err != nil {
			return fmt.Errorf("making kamailio's tables: %w: %s", err, out)
		}
	}
	file := filepath.Join(o.Dir, "kamailio-presence.cfg")
	cfg := strings.NewReplacer("@PORT@", strconv.Itoa(s.port), "@MODULES@", modules[0], "@DB@", db).Replace(kamailioConfig)
	s.args = []string{"/usr/sbin/kamailio", "-f", file, "-DD", "-E", "-m", "6000", "-M", "64", "-x", "fm", "-X", "fm", "-Y", o.Dir, "-P", filepath.Join(o.Dir, "pid")}
	return os.WriteFile(file, []byte(cfg), 0o644)
}

func (s *server) tandem(ctx context.Context, o Options) error {
	file := filepath.Join(o.Dir, "tandem-presence.yaml")
	addr := ""
	if o.Profiles != "" {
		s.http, s.profiles = freePort(), o.Profiles
		addr = fmt.Sprintf("127.0.0.1:%d", s.http)
	}
	if err := os.WriteFile(file, fmt.Appendf(nil, tandemConfig, filepath.Join(o.Dir, "presence-data"), s.port, addr), 0o644); err != nil {
		return err
	}
	s.args = []string{o.Tandem, "serve", "-c", file}
	const chunk = 20000 // what one import takes
	for from := 0; from < o.Presentities; from += chunk {
		var csv bytes.Buffer
		for i := from; i < min(o.Presentities, from+chunk); i++ {
			fmt.Fprintf(&csv, "u%d,,a password of theirs\n", i)
		}
		c := exec.CommandContext(ctx, o.Tandem, "users", "import", "-", "-c", file)
		c.Stdin = &csv
		if out, err := c.CombinedOutput(); err != nil {
			return fmt.Errorf("importing users: %w: %s", err, out)
		}
	}
	return nil
}

func freePort() int {
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return 0
	}
	defer c.Close()
	return c.LocalAddr().(*net.UDPAddr).Port
}

// again starts the program and waits until it answers.
func (s *server) again(ctx context.Context) error {
	log, err := os.OpenFile(s.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	s.cmd = exec.CommandContext(ctx, "taskset", append([]string{"-c", "0"}, s.args...)...)
	s.cmd.Stdout, s.cmd.Stderr = log, log
	s.cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.cmd.Start(); err != nil {
		return err
	}
	for range 300 {
		if s.answers() {
			return nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	s.stop()
	b, _ := os.ReadFile(s.log)
	return fmt.Errorf("it does not answer after 30 s; its log ends: %s", b[max(0, len(b)-2000):])
}

func (s *server) answers() bool {
	c, err := net.Dial("udp4", fmt.Sprintf("127.0.0.1:%d", s.port))
	if err != nil {
		return false
	}
	defer c.Close()
	fmt.Fprintf(c, "OPTIONS sip:bench.test SIP/2.0\r\nVia: SIP/2.0/UDP %s;rport;branch=z9hG4bKo%d\r\nMax-Forwards: 70\r\nFrom: <sip:o@bench.test>;tag=o\r\nTo: <sip:bench.test>\r\nCall-ID: o%d\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n",
		c.LocalAddr(), time.Now().UnixNano(), time.Now().UnixNano())
	_ = c.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
	var b [2048]byte
	_, err = c.Read(b[:])
	return err == nil
}

func (s *server) stop() { s.end(syscall.SIGTERM) }
func (s *server) kill() {
	for _, p := range proc.Tree(s.cmd.Process.Pid) {
		_ = syscall.Kill(p, syscall.SIGKILL)
	}
	_ = s.cmd.Wait()
}

func (s *server) end(how syscall.Signal) {
	_ = s.cmd.Process.Signal(how)
	done := make(chan struct{})
	go func() { _ = s.cmd.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		_ = s.cmd.Process.Kill()
		<-done
	}
}

// spent is the server's time on a processor while f runs, the phase of a name.
func (s *server) spent(phase string, f func()) time.Duration {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if s.http != 0 {
		go s.profile(ctx, phase)
	}
	before := s.cpu()
	f()
	return s.cpu() - before
}

// profile fetches a profile of the first seconds of a phase.
func (s *server) profile(ctx context.Context, phase string) {
	r, _ := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://127.0.0.1:%d/debug/pprof/profile?seconds=5", s.http), nil)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return // the phase was shorter
	}
	defer resp.Body.Close()
	b, _ := io.ReadAll(resp.Body)
	_ = os.WriteFile(filepath.Join(s.profiles, phase+".pprof"), b, 0o644)
}

// cpu is the server's time on a processor so far.
func (s *server) cpu() time.Duration { return proc.CPU(s.cmd.Process.Pid) }

// waited is how long its threads were ready to run, and did not, for others did.
func (s *server) waited() time.Duration { return proc.Waited(s.cmd.Process.Pid) }

// memory is its proportional set size, in KiB.
func (s *server) memory() float64 {
	var m proc.Memory
	m.Add(s.cmd.Process.Pid)
	return m.All * 1024
}
