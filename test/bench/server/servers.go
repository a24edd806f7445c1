// Package server starts the servers that are measured, Tandem and its peers, ready for
// the same users, and says what they use.
package server

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

	"tandem/test/bench/media"
	"tandem/test/bench/proc"
)

// Server is a SIP server under test, running on the cores it was pinned to.
type Server struct {
	Name    string
	cmd     *exec.Cmd
	Port    int // UDP and TCP, REGISTER needs digest
	Trusted int // UDP, no credentials asked (the same port where one port does both)
	HTTP    int // Tandem's metrics and profiles
	Log     string
	relay   *exec.Cmd // of media, beside Kamailio; nil: none, or within
}

// pids are the processes whose CPU counts.
func (s *Server) pids() []int {
	list := []int{s.pid()}
	if s.relay != nil {
		list = append(list, s.relay.Process.Pid)
	}
	return list
}

// CPU is the time that the server has used since its start.
func (s *Server) CPU() (total time.Duration) {
	for _, pid := range s.pids() {
		total += proc.CPU(pid)
	}
	return total
}

// Memory is that of the server.
func (s *Server) Memory() (m proc.Memory) {
	for _, pid := range s.pids() {
		m.Add(pid)
	}
	return m
}

func (s *Server) pid() int { return s.cmd.Process.Pid }

func (s *Server) Stop() {
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

// Setup is what a server is made ready for.
type Setup uint8

const (
	Proxying Setup = iota // calls pass through
	Leading               // calls and their sound are led through
	Writing               // each binding is on disk before it is acknowledged, which Tandem's always are
)

//go:embed kamailio.cfg
var kamailioConfig string

// StartKamailio starts Kamailio, with rtpengine beside it for the sound of led
// calls.
func StartKamailio(dir, cores string, users int, setup Setup) (*Server, error) {
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
	s := &Server{Name: "kamailio", Port: FreePort(), Log: filepath.Join(dir, "kamailio.log")}
	s.Trusted = s.Port
	ng := FreePort()
	database := filepath.Join(dir, "kamailio.db")
	cfg := strings.NewReplacer("@DB@", database, "@NG@", strconv.Itoa(ng), "@PORT@", strconv.Itoa(s.Port), "@MODULES@", modules[0], "@USERS@", strconv.Itoa(users)).Replace(kamailioConfig)
	file := filepath.Join(dir, "kamailio.cfg")
	if err := os.WriteFile(file, []byte(cfg), 0o644); err != nil {
		return nil, err
	}
	args := []string{"-f", file, "-DD", "-E", "-m", "4096", "-M", "64", "-x", "fm", "-X", "fm", "-Y", dir, "-P", filepath.Join(dir, "kamailio.pid")}
	switch setup {
	case Leading:
		if s.relay, err = startRTPEngine(dir, cores, ng); err != nil {
			return nil, err
		}
		args = append(args, "-A", "WITH_RTP")
	case Writing:
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

// StartTandem starts Tandem as it is shipped, with so many users.
func StartTandem(dir, bin, cores string, users int, setup Setup) (*Server, error) {
	return StartTandemAt(dir, bin, cores, users, "127.0.0.1", setup)
}

// StartTandemAt has it listen by UDP at another address.
func StartTandemAt(dir, bin, cores string, users int, addr string, setup Setup) (*Server, error) {
	s := &Server{Name: "tandem", Port: FreePort(), Trusted: FreePort(), HTTP: FreePort(), Log: filepath.Join(dir, "tandem.log")}
	data := filepath.Join(dir, "tandem")
	if err := os.MkdirAll(data, 0o755); err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "tandem.yaml")
	cfg := fmt.Sprintf(tandemConfig, data, addr, s.Port, s.Port, s.Trusted, s.HTTP)
	if setup == Leading {
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
			fmt.Fprintf(&csv, "%s,,%s\n", UserName(i), Password)
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
func (s *Server) start(cores, bin string, args ...string) error {
	f, err := os.Create(s.Log)
	if err != nil {
		return err
	}
	defer f.Close()
	s.cmd = exec.Command("taskset", append([]string{"-c", cores, bin}, args...)...)
	s.cmd.Stdout, s.cmd.Stderr = f, f
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if n := strings.Count(cores, ",") + 1; s.Name == "tandem" {
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
	s.Stop()
	b, _ := os.ReadFile(s.Log)
	return fmt.Errorf("%s does not answer after 10 s; its log ends: %s", s.Name, b[max(0, len(b)-2000):])
}

// Leftovers are what calls must not leave behind, of Tandem's metrics.
func (s *Server) Leftovers() string {
	if s.HTTP == 0 {
		return ""
	}
	resp, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/metrics", s.HTTP))
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
	return fmt.Sprintf("%s, %s", strings.Join(out, ", "), s.Memory())
}

// Profile takes a CPU profile of what comes next into a file; the returned
// function waits for it.
func (s *Server) Profile(file string, length time.Duration) func() {
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.Fetch(fmt.Sprintf("/debug/pprof/profile?seconds=%.0f", length.Seconds()), file)
	}()
	return func() { <-done }
}

// Fetch keeps what Tandem answers to a GET in a file.
func (s *Server) Fetch(path, file string) {
	resp, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d%s", s.HTTP, path))
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

func (s *Server) answers() bool {
	c, err := net.Dial("udp4", fmt.Sprintf("127.0.0.1:%d", s.Port))
	if err != nil {
		return false
	}
	defer c.Close()
	port := c.LocalAddr().(*net.UDPAddr).Port
	fmt.Fprintf(c, "REGISTER sip:%[1]s SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:%[2]d;rport;branch=z9hG4bKready\r\n"+
		"Max-Forwards: 70\r\nFrom: <sip:%[3]s@%[1]s>;tag=ready\r\nTo: <sip:%[3]s@%[1]s>\r\nCall-ID: ready-%[2]d\r\nCSeq: 1 REGISTER\r\n"+
		"Contact: <sip:%[3]s@127.0.0.1:%[2]d>\r\nContent-Length: 0\r\n\r\n", Domain, port, UserName(0))
	c.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
	var b [2048]byte
	n, err := c.Read(b[:])
	return err == nil && bytes.HasPrefix(b[:n], []byte("SIP/2.0 401 "))
}

// Metric is the sum of a metric of Tandem.
func (s *Server) Metric(name string) (sum int) {
	resp, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/metrics", s.HTTP))
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		key, value, _ := strings.Cut(lines.Text(), " ")
		if key == name || strings.HasPrefix(key, name+"{") {
			n, _ := strconv.Atoi(value)
			sum += n
		}
	}
	return sum
}

// Prefer puts the server, and this program, before other work of the machine, where
// that is allowed.
func (s *Server) Prefer() {
	for _, pid := range append(s.pids(), os.Getpid()) {
		for _, p := range proc.Tree(pid) {
			media.Prefer(p)
		}
	}
}
