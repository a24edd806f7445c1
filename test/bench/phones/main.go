// Command phones measures how the server fares when all desk phones of a site
// boot at once, as after a power cut: each fetches its files over HTTPS on a
// connection of its own, registers, and subscribes to its messages and to five
// lamps. It reports the time, and the server's CPU time and peak memory.
//
//	go run ./test/bench/phones -phones 5000
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

func main() {
	n := flag.Int("phones", 5000, "how many phones boot")
	atOnce := flag.Int("at-once", 250, "how many are at it at a time")
	lamps := flag.Int("lamps", 5, "lamps of each")
	flag.Parse()
	if err := run(context.Background(), *n, *atOnce, *lamps); err != nil {
		fmt.Fprintln(os.Stderr, "phones:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, n, atOnce, lamps int) error {
	dir, err := os.MkdirTemp("", "phones")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	s, err := startServer(ctx, dir, n)
	if err != nil {
		return err
	}
	defer s.stop()
	before, err := s.cpu()
	if err != nil {
		return err
	}
	fmt.Printf("%d phones, %d at a time, %d lamps each\n", n, atOnce, lamps)
	t := boot(ctx, s, n, atOnce, lamps)
	after, err := s.cpu()
	if err != nil {
		return err
	}
	t.report(n, after-before, s.peak())
	return t.failure()
}

// totals of a run.
type totals struct {
	began            time.Time
	took             time.Duration
	files, registers atomic.Int64
	subscribes       atomic.Int64
	notifies         atomic.Int64
	again            atomic.Int64 // what was tried again: files that did not come, requests answered 503
	mu               sync.Mutex
	each             []time.Duration // from the first request to the last answer of a phone
	errs             map[string]int
}

func (t *totals) fail(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.errs[err.Error()]++
}

func (t *totals) report(n int, cpu time.Duration, peak int64) {
	slices.Sort(t.each)
	fmt.Printf("took %s: %d files, %d registrations, %d subscriptions, %d NOTIFYs, %d tried again\n", t.took.Round(10*time.Millisecond),
		t.files.Load(), t.registers.Load(), t.subscribes.Load(), t.notifies.Load(), t.again.Load())
	if len(t.each) > 0 {
		fmt.Printf("a phone: median %s, 99 %% %s\n", t.each[len(t.each)/2].Round(time.Millisecond), t.each[len(t.each)*99/100].Round(time.Millisecond))
	}
	fmt.Printf("server: %s CPU (%s a phone), peak memory %d MB\n", cpu.Round(10*time.Millisecond), (cpu / time.Duration(n)).Round(time.Microsecond), peak>>20)
}

func (t *totals) failure() error {
	var errs []error
	for text, n := range t.errs {
		errs = append(errs, fmt.Errorf("%d times: %s", n, text))
	}
	return errors.Join(errs...)
}

func mac(i int) string  { return fmt.Sprintf("001565%06x", i+1) }
func name(i int) string { return fmt.Sprintf("user%05d", i) }

// boot has all phones boot.
func boot(ctx context.Context, s *server, n, atOnce, lamps int) *totals {
	t := &totals{began: time.Now(), errs: make(map[string]int)}
	slots := make(chan struct{}, atOnce)
	var wg sync.WaitGroup
	for i := range n {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			begun := time.Now()
			if err := bootOne(ctx, s, t, i, n, lamps); err != nil {
				t.fail(err)
				return
			}
			t.mu.Lock()
			t.each = append(t.each, time.Since(begun))
			t.mu.Unlock()
		})
	}
	wg.Wait()
	t.took = time.Since(t.began)
	return t
}

// server is the program under test.
type server struct {
	cmd              *exec.Cmd
	sip, https       int
	tls              *tls.Config
	dir, bin, config string
}

func startServer(ctx context.Context, dir string, n int) (*server, error) {
	s := &server{dir: dir, bin: filepath.Join(dir, "tandem"), config: filepath.Join(dir, "tandem.yaml"), sip: 25060, https: 25061}
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", s.bin, "./cmd/tandem").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("building: %w: %s", err, out)
	}
	config := fmt.Sprintf("domains: [example.com]\ndata: %s/data\nlisten:\n  - {proto: udp, addr: \"127.0.0.1:%d\"}\nhttp: {addr: \"\"}\n"+
		"phones: {https: \"127.0.0.1:%d\", transport: udp}\nlog: {level: warn}\n", dir, s.sip, s.https)
	if err := os.WriteFile(s.config, []byte(config), 0o600); err != nil {
		return nil, err
	}
	var users, phones strings.Builder
	users.WriteString("user,password\n")
	phones.WriteString("mac,family,lines,keys\n")
	for i := range n {
		fmt.Fprintf(&users, "%s,not-used-here\n", name(i))
		fmt.Fprintf(&phones, "%s,yealink,%s,lamp:%s:Next\n", mac(i), name(i), name((i+1)%n))
	}
	for verb, csv := range map[string]string{"users": users.String(), "phones": phones.String()} {
		if err := os.WriteFile(filepath.Join(dir, verb+".csv"), []byte(csv), 0o600); err != nil {
			return nil, err
		}
	}
	for _, verb := range []string{"users", "phones"} {
		begun := time.Now()
		if out, err := exec.CommandContext(ctx, s.bin, "-c", s.config, verb, "import", filepath.Join(dir, verb+".csv")).CombinedOutput(); err != nil {
			return nil, fmt.Errorf("%s import: %w: %.500s", verb, err, out)
		}
		fmt.Printf("%s imported in %s\n", verb, time.Since(begun).Round(10*time.Millisecond))
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return nil, err
	}
	s.cmd = exec.CommandContext(ctx, s.bin, "serve", "-c", s.config)
	s.cmd.Stdout, s.cmd.Stderr = log, log
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	for range 600 {
		if _, err := os.Stat(filepath.Join(dir, "data", "tandem.sock")); err == nil {
			return s, s.trust()
		}
		time.Sleep(50 * time.Millisecond)
	}
	s.stop()
	return nil, errors.New("the server does not start")
}

func (s *server) trust() error {
	pem, err := os.ReadFile(filepath.Join(s.dir, "data", "ca.pem"))
	if err != nil {
		return err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	s.tls = &tls.Config{RootCAs: pool, ServerName: "example.com"}
	return nil
}

func (s *server) stop() {
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	_ = s.cmd.Wait()
	if b, err := os.ReadFile(filepath.Join(s.dir, "log")); err == nil {
		lines := strings.Split(strings.TrimSpace(string(b)), "\n")
		fmt.Println(strings.Join(lines[max(0, len(lines)-5):], "\n"))
	}
}

// cpu is the time the server has used.
func (s *server) cpu() (time.Duration, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	var user, system int64
	if _, err := fmt.Sscan(fields[11]+" "+fields[12], &user, &system); err != nil {
		return 0, err
	}
	return time.Duration(user+system) * 10 * time.Millisecond, nil // in ticks of 1/100 s
}

// peak is the most memory it has held, in octets.
func (s *server) peak() int64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(b), "VmHWM:")
	var kb int64
	_, _ = fmt.Sscan(rest, &kb)
	return kb << 10
}
