package main

import (
	"bufio"
	"bytes"
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
)

// server is a SIP server under test, running on the cores it was pinned to.
type server struct {
	name    string
	cmd     *exec.Cmd
	port    int // UDP and TCP, REGISTER needs digest
	trusted int // UDP, no credentials asked (the same port where one port does both)
	http    int // Tandem's metrics and profiles
	log     string
	relay   *exec.Cmd // of media, beside Kamailio; nil: none, or within
}

// pids are the processes whose CPU counts.
func (s *server) pids() []int {
	list := []int{s.pid()}
	if s.relay != nil {
		list = append(list, s.relay.Process.Pid)
	}
	return list
}

// cpu is the time that the server has used since its start.
func (s *server) cpu() (total time.Duration) {
	for _, pid := range s.pids() {
		total += cpuTime(pid)
	}
	return total
}

// memory is that of the server, in MiB.
func (s *server) memory() (total float64) {
	for _, pid := range s.pids() {
		total += memory(pid)
	}
	return total
}

func (s *server) pid() int { return s.cmd.Process.Pid }

func (s *server) stop() {
	stop(s.cmd)
	if s.relay != nil {
		stop(s.relay)
	}
}

func stop(cmd *exec.Cmd) {
	cmd.Process.Signal(syscall.SIGTERM)
	done := make(chan struct{})
	go func() { cmd.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(5 * time.Second):
		cmd.Process.Kill()
		<-done
	}
}

// setup is what a server is made ready for.
type setup uint8

const (
	proxying setup = iota // calls pass through
	leading               // calls and their sound are led through
	writing               // each binding is on disk before it is acknowledged, which Tandem's always are
)

//go:embed kamailio.cfg
var kamailioConfig string

// startKamailio starts Kamailio, with rtpengine beside it for the sound of led
// calls.
func startKamailio(dir, cores string, users int, setup setup) (*server, error) {
	bin, err := exec.LookPath("kamailio")
	if err != nil {
		bin = "/usr/sbin/kamailio"
	}
	if _, err := os.Stat(bin); err != nil {
		return nil, errors.New("kamailio is not installed; install it with: apt-get install kamailio")
	}
	modules, err := filepath.Glob("/usr/lib/*/kamailio/modules")
	if err != nil || len(modules) == 0 {
		return nil, errors.New("no kamailio modules under /usr/lib; install Debian's package kamailio")
	}
	s := &server{name: "kamailio", port: freePort(), log: filepath.Join(dir, "kamailio.log")}
	s.trusted = s.port
	ng := freePort()
	database := filepath.Join(dir, "kamailio.db")
	cfg := strings.NewReplacer("@DB@", database, "@NG@", strconv.Itoa(ng), "@PORT@", strconv.Itoa(s.port), "@MODULES@", modules[0], "@USERS@", strconv.Itoa(users)).Replace(kamailioConfig)
	file := filepath.Join(dir, "kamailio.cfg")
	if err := os.WriteFile(file, []byte(cfg), 0o644); err != nil {
		return nil, err
	}
	args := []string{"-f", file, "-DD", "-E", "-m", "4096", "-M", "64", "-x", "fm", "-X", "fm", "-Y", dir, "-P", filepath.Join(dir, "kamailio.pid")}
	switch setup {
	case leading:
		if s.relay, err = startRTPEngine(dir, cores, ng); err != nil {
			return nil, err
		}
		args = append(args, "-A", "WITH_RTP")
	case writing:
		if err := makeTables(database); err != nil {
			return nil, err
		}
		args = append(args, "-A", "WITH_DB")
	}
	return s, s.start(cores, bin, args...)
}

// makeTables makes the database of Kamailio's bindings, as kamdbctl does.
func makeTables(file string) error {
	for _, name := range []string{"standard", "usrloc"} {
		text, err := os.Open("/usr/share/kamailio/db_sqlite/" + name + "-create.sql")
		if err != nil {
			return fmt.Errorf("%w; install it with: apt-get install kamailio-sqlite-modules", err)
		}
		fill := exec.Command("sqlite3", file)
		fill.Stdin = text
		out, err := fill.CombinedOutput()
		text.Close()
		if err != nil {
			return fmt.Errorf("making the tables of %s: %w: %s; sqlite3 is in the package of that name", name, err, out)
		}
	}
	return nil
}

// startRTPEngine starts the relay as its users do where its kernel module is not
// loaded, with one thread for one core.
func startRTPEngine(dir, cores string, ng int) (*exec.Cmd, error) {
	bin, err := exec.LookPath("rtpengine")
	if err != nil {
		return nil, errors.New("rtpengine is not installed; install it with: apt-get install rtpengine-daemon")
	}
	log, err := os.Create(filepath.Join(dir, "rtpengine.log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd := exec.Command("taskset", "-c", cores, bin, "--config-file=none", "--foreground", "--log-stderr", "--log-level=3", "--table=-1",
		"--interface=127.0.0.1", "--listen-ng=127.0.0.1:"+strconv.Itoa(ng), "--port-min=16384", "--port-max=32766", "--num-threads=1",
		"--media-num-threads=1", "--delete-delay=0", "--timeout=120", "--pidfile="+filepath.Join(dir, "rtpengine.pid"))
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	time.Sleep(time.Second) // it answers nothing that could be asked for
	return cmd, nil
}

const tandemConfig = `domains: [bench.test]
data: %q
listen:
  - {proto: udp, addr: "%s:%d"}
  - {proto: tcp, addr: "127.0.0.1:%d"}
  - {proto: udp, addr: "127.0.0.1:%d", trusted: ["127.0.0.0/8"]}
auth: {algorithms: [SHA-256, MD5], md5_agents: [sipp]}
http: {addr: "127.0.0.1:%d"}
`

// proxyConfig has calls pass through, as they do in Kamailio alone.
const proxyConfig = `telephony: {all_calls: false}
`

// ledConfig has calls led, in the program's own relay like rtpengine's.
const ledConfig = `telephony: {all_calls: true}
media: {kernel: "off", interfaces: [{addr: 127.0.0.1}]}
`

func startTandem(dir, bin, cores string, users int, setup setup) (*server, error) {
	return startTandemAt(dir, bin, cores, users, "127.0.0.1", setup)
}

// startTandemAt has it listen by UDP at another address.
func startTandemAt(dir, bin, cores string, users int, addr string, setup setup) (*server, error) {
	s := &server{name: "tandem", port: freePort(), trusted: freePort(), http: freePort(), log: filepath.Join(dir, "tandem.log")}
	data := filepath.Join(dir, "tandem")
	if err := os.MkdirAll(data, 0o755); err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "tandem.yaml")
	cfg := fmt.Sprintf(tandemConfig, data, addr, s.port, s.port, s.trusted, s.http)
	if setup == leading {
		cfg += ledConfig
	} else {
		cfg += proxyConfig
	}
	if err := os.WriteFile(file, []byte(cfg), 0o644); err != nil {
		return nil, err
	}
	const chunk = 20000 // what one import takes
	for from := 0; from < users; from += chunk {
		var csv bytes.Buffer
		for i := from; i < min(users, from+chunk); i++ {
			fmt.Fprintf(&csv, "%s,,%s\n", userName(i), password)
		}
		add := exec.Command(bin, "users", "import", "-", "-c", file)
		add.Stdin = &csv
		if out, err := add.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("importing users: %w: %s", err, out)
		}
	}
	return s, s.start(cores, bin, "serve", "-c", file)
}

// start runs the program pinned to cores and waits until it answers OPTIONS or
// anything else by UDP.
func (s *server) start(cores, bin string, args ...string) error {
	f, err := os.Create(s.log)
	if err != nil {
		return err
	}
	defer f.Close()
	s.cmd = exec.Command("taskset", append([]string{"-c", cores, bin}, args...)...)
	s.cmd.Stdout, s.cmd.Stderr = f, f
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if n := strings.Count(cores, ",") + 1; s.name == "tandem" {
		s.cmd.Env = append(os.Environ(), "GOMAXPROCS="+strconv.Itoa(n))
	}
	if err := s.cmd.Start(); err != nil {
		return err
	}
	for range 100 {
		if s.answers() {
			return nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	s.stop()
	b, _ := os.ReadFile(s.log)
	return fmt.Errorf("%s does not answer after 10 s; its log ends: %s", s.name, b[max(0, len(b)-2000):])
}

// leftovers are what calls must not leave behind, of Tandem's metrics.
func (s *server) leftovers() string {
	if s.http == 0 {
		return ""
	}
	resp, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/metrics", s.http))
	if err != nil {
		return err.Error()
	}
	defer resp.Body.Close()
	var out []string
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		for _, name := range []string{"go_goroutines ", "process_open_fds ", "tandem_calls ", "tandem_dialogs ", "tandem_media_sessions "} {
			if strings.HasPrefix(lines.Text(), name) {
				out = append(out, lines.Text())
			}
		}
	}
	return fmt.Sprintf("%s, %.0f MiB", strings.Join(out, ", "), s.memory())
}

// profile takes a CPU profile of what comes next into a file; the returned
// function waits for it.
func (s *server) profile(file string, length time.Duration) func() {
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.fetch(fmt.Sprintf("/debug/pprof/profile?seconds=%.0f", length.Seconds()), file)
	}()
	return func() { <-done }
}

// fetch keeps what Tandem answers to a GET in a file.
func (s *server) fetch(path, file string) {
	resp, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d%s", s.http, path))
	if err == nil {
		defer resp.Body.Close()
		var b []byte
		if b, err = io.ReadAll(resp.Body); err == nil {
			err = os.WriteFile(file, b, 0o644)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "profile:", err)
	}
}

func (s *server) answers() bool {
	c, err := net.Dial("udp4", fmt.Sprintf("127.0.0.1:%d", s.port))
	if err != nil {
		return false
	}
	defer c.Close()
	port := c.LocalAddr().(*net.UDPAddr).Port
	m := registration{seq: 1, cseq: 1, port: port, proto: "UDP"}
	c.Write(m.append(nil, nil))
	c.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
	var b [maxSize]byte
	n, err := c.Read(b[:])
	return err == nil && code(b[:n]) == 401
}
