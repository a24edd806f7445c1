package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"tandem/test/bench/load"
	"tandem/test/bench/media"
	"tandem/test/bench/messages"
	"tandem/test/bench/presence"
	"tandem/test/bench/proc"
	"tandem/test/bench/server"
)

// options of one run.
type options struct {
	dir, tandem string
	rounds      int
	scale       float64
	only        string
	match       string
	profiles    string
	quick       bool
	people      int
	watchers    int
	storms      int
}

// test is one row of the table: a scenario with its size, and how much of
// Kamailio's CPU Tandem may use.
type test struct {
	name  string
	bar   float64
	total int
	make  func(s *server.Server) (load.Scenario, error)
	setup server.Setup
	// users there are in all: each is registered once, without a warm-up; 0: as many as
	// in other tests, who take turns.
	users int
	// settle is how long the server is left alone before memory is read again.
	settle time.Duration
}

const (
	bindings = "first REGISTER, 100,000 new bindings, UDP"
	// The same against a peer that writes each binding to SQLite before its answer.
	durable = "first REGISTER, both to disk, UDP"
	// A request as long as a MESSAGE, of a method that only the proxy knows, and the
	// MESSAGE itself, which the room of messages delivers.
	plain     = "like MESSAGE but proxied, UDP"
	delivered = "MESSAGE, UDP"
	// roomBar is what a MESSAGE may cost of the request that is only proxied.
	roomBar = 1.3

	window = 64
	users  = 2000
	held   = 100000
	disk   = 10000 // bindings, which cost a peer that writes them one by one nearly 1 ms each
)

// registering makes a test's phones.
func registering(proto string, users int, kind load.Kind) func(*server.Server) (load.Scenario, error) {
	return func(s *server.Server) (load.Scenario, error) {
		return load.NewRegister(proto, s.Port, window, users, kind)
	}
}

// relaying makes a test's callers and callees.
func relaying(method string) func(*server.Server) (load.Scenario, error) {
	return func(s *server.Server) (load.Scenario, error) { return load.NewRelay(s.Trusted, window, users, method) }
}

var tests = []test{
	{name: "REGISTER, fresh challenge, UDP", bar: 1, total: 150000, make: registering("UDP", users, load.First)},
	{name: "REGISTER, fresh challenge, TCP", bar: 1, total: 100000, make: registering("TCP", users, load.First)},
	{name: "refresh, same Call-ID, UDP", bar: 0.6, total: 200000, make: registering("UDP", users, load.Refresh)},
	{name: "refresh, new Call-ID, UDP", bar: 0.75, total: 200000, make: registering("UDP", users, load.Known)},
	{name: "refresh, new Call-ID and instance, UDP", bar: 1, total: 200000, make: registering("UDP", users, load.Instance)},
	{name: "refresh, new Call-ID and temporary GRUU, UDP", bar: 1, total: 200000, make: registering("UDP", users, load.GRUU)},
	{name: plain, bar: 0.5, total: 200000, make: relaying("NOTHING")},
	{name: delivered, bar: 0.4, total: 200000, make: relaying("MESSAGE")},
	{name: "call INVITE to BYE, UDP", bar: 0.6, total: 60000, make: relaying("INVITE")},
	{name: "led call, INVITE to BYE, UDP", bar: 0.6, total: 20000, make: relaying("INVITE"), setup: server.Leading, settle: 40 * time.Second},
	{name: durable, bar: 0.1, total: disk, make: registering("UDP", disk, load.First), setup: server.Writing, users: disk},
	{name: bindings, bar: 1, total: held, make: registering("UDP", held, load.First), users: held, settle: 8 * time.Second},
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == "strangers" {
		if err := strangers(os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
		return
	}
	var o options
	flag.StringVar(&o.tandem, "tandem", "", "tandem binary (default: built from this checkout)")
	flag.BoolVar(&o.quick, "quick", false, "one short round, closed loop only")
	flag.IntVar(&o.rounds, "rounds", 3, "rounds; the median of each server counts")
	flag.Float64Var(&o.scale, "scale", 1, "multiplies the operations of a run")
	flag.StringVar(&o.only, "only", "", "one part alone: calls; export; media; pint; presence; messages; sip; or SIP with one server alone: tandem or kamailio")
	flag.StringVar(&o.match, "match", "", "only scenarios whose name contains this")
	flag.StringVar(&o.profiles, "profiles", "", "folder for CPU profiles of tandem, one a scenario (of media with perf)")
	flag.IntVar(&o.people, "presentities", 1000, "of the part presence")
	flag.IntVar(&o.watchers, "watchers", 20, "of each presentity")
	flag.IntVar(&o.storms, "storms", 3, "publications of each presentity")
	flag.Parse()
	if o.quick {
		o.rounds, o.scale = 1, o.scale/4
	}
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// buildAsDelivered builds Tandem as its Debian package and its image have it, optimised
// for the profile they come with.
func buildAsDelivered(file string) error {
	root, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return fmt.Errorf("finding the module: %w", err)
	}
	build := exec.Command("go", "build", "-pgo=cmd/packaging/tandem.pgo", "-o", file, "tandem/cmd/tandem")
	build.Dir = strings.TrimSpace(string(root))
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("building tandem: %w: %s", err, out)
	}
	return nil
}

func run(o options) error {
	runtime.GOMAXPROCS(1)
	if runtime.NumCPU() > 1 {
		if err := pin("1"); err != nil {
			return err
		}
	}
	dir, err := os.MkdirTemp("", "tandem-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	o.dir = dir
	if o.tandem == "" {
		o.tandem = filepath.Join(dir, "tandem-bin")
		if err := buildAsDelivered(o.tandem); err != nil {
			return err
		}
	}
	if o.only == "presence" || o.only == "" && o.match == "" {
		if err := o.presence(); err != nil {
			return err
		}
	}
	if o.only == "messages" || o.only == "" && o.match == "" {
		if err := o.messages(); err != nil {
			return err
		}
	}
	if o.only == "calls" || o.only == "" && o.match == "" {
		if err := o.calls(os.Stdout); err != nil {
			return err
		}
	}
	if o.only == "pint" || o.only == "" && o.match == "" {
		if err := o.pint(os.Stdout); err != nil {
			return err
		}
	}
	if o.only == "export" || o.only == "" && o.match == "" {
		if err := o.export(os.Stdout); err != nil {
			return err
		}
	}
	if !slices.Contains([]string{"media", "pint", "presence", "messages", "calls", "export"}, o.only) {
		if err := o.signalling(); err != nil {
			return err
		}
	}
	if o.only == "media" || o.only == "" && o.match == "" {
		return o.media()
	}
	return nil
}

// media compares media relays. Ctrl-C ends what was started for it.
func (o options) media() error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return media.Run(ctx, media.Options{Tandem: o.tandem, Dir: o.dir, Quick: o.quick, Match: o.match, Profiles: o.profiles, Out: os.Stdout})
}

// presence compares notifiers.
func (o options) presence() error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return presence.Run(ctx, presence.Options{Tandem: o.tandem, Dir: o.dir, Presentities: o.people, Watchers: o.watchers, Storms: o.storms, Only: o.match, Profiles: o.profiles, Out: os.Stdout})
}

// messages measures what is kept of messages and contacts.
func (o options) messages() error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return messages.Run(ctx, messages.Options{Tandem: o.tandem, Dir: o.dir, Out: os.Stdout, CPU: proc.CPU})
}

// signalling compares SIP servers.
func (o options) signalling() error {
	t := newTable()
	for round := range o.rounds {
		for _, name := range []string{"kamailio", "tandem"} {
			if o.only != "" && o.only != "sip" && o.only != name {
				continue
			}
			if err := o.round(t, round, name); err != nil {
				return err
			}
		}
	}
	t.print(os.Stdout)
	t.against(os.Stdout, delivered, plain, roomBar)
	if o.match == "" || strings.Contains("latency", o.match) {
		for _, rate := range []float64{50, 100} {
			if err := o.timed(os.Stdout, rate); err != nil {
				return err
			}
		}
	}
	if o.match == "overload" {
		return o.overload(os.Stdout)
	}
	if o.quick || o.only != "" && o.only != "sip" || o.match != "" {
		return nil
	}
	if err := o.bothSipp(); err != nil {
		return err
	}
	if err := o.cores(func(format string, a ...any) { fmt.Printf(format, a...) }); err != nil {
		return err
	}
	if err := parts(os.Stdout); err != nil {
		return err
	}
	return o.overload(os.Stdout)
}

// bothSipp prints the paced runs.
func (o options) bothSipp() error {
	fmt.Printf("\nSIPp, paced for %d s, rate a second\n\n| scenario | server | rate | good | failed | retransmissions |\n|---|---|---|---|---|---|\n", pacedTime)
	for _, name := range []string{"kamailio", "tandem"} {
		if err := o.sipp(name); err != nil {
			return err
		}
	}
	return nil
}

// pin keeps this program on cores, written "0" or "0,1". Each thread has an affinity of its
// own, which the threads that it starts inherit: those that the runtime has started already
// must be told one by one, until there are no others.
func pin(cores string) error {
	var set unix.CPUSet
	for c := range strings.SplitSeq(cores, ",") {
		n, err := strconv.Atoi(c)
		if err != nil {
			return fmt.Errorf("pinning to cores %q: %w", cores, err)
		}
		set.Set(n)
	}
	for told := map[string]bool{}; ; {
		threads, err := os.ReadDir("/proc/self/task")
		if err != nil {
			return fmt.Errorf("pinning to cores %q: %w", cores, err)
		}
		before := len(told)
		for _, t := range threads {
			if told[t.Name()] {
				continue
			}
			told[t.Name()] = true
			id, err := strconv.Atoi(t.Name())
			if err == nil {
				err = unix.SchedSetaffinity(id, &set)
			}
			if err != nil && !errors.Is(err, unix.ESRCH) {
				return fmt.Errorf("pinning to cores %q: %w", cores, err)
			}
		}
		if len(told) == before {
			return nil
		}
	}
}

func (o options) start(name string, n int, setup server.Setup) (*server.Server, error) {
	return o.startOn(name, "0", n, setup)
}

func (o options) startOn(name, cores string, n int, setup server.Setup) (*server.Server, error) {
	dir, err := os.MkdirTemp(o.dir, name)
	if err != nil {
		return nil, err
	}
	if name == "kamailio" {
		return server.StartKamailio(dir, cores, n, setup)
	}
	return server.StartTandem(dir, o.tandem, cores, n, setup)
}

// round runs every test, each on a fresh server: what one leaves behind,
// bindings above all, is not the next one's load.
func (o options) round(t *table, round int, name string) error {
	fmt.Fprintf(os.Stderr, "round %d of %d: %s\n", round+1, o.rounds, name)
	for _, test := range tests {
		if !strings.Contains(test.name, o.match) {
			continue
		}
		r, err := o.once(name, test)
		if err != nil {
			return err
		}
		t.add(test.name, name, test.bar, r)
	}
	return nil
}

func (o options) once(name string, test test) (load.Result, error) {
	s, err := o.start(name, max(users, test.users), test.setup)
	if err != nil {
		return load.Result{}, err
	}
	defer s.Stop()
	s.Prefer()
	if err := verifies(s); err != nil {
		return load.Result{}, err
	}
	return o.measure(s, test)
}

// verifies makes sure that a server looks at passwords at all.
func verifies(s *server.Server) error {
	r, err := load.NewRegister("UDP", s.Port, 1, 1, load.First)
	if err != nil {
		return err
	}
	defer r.Close()
	r.Spoil()
	if got := load.Drive(r, 1, 1, 0); got.Failed != 1 {
		return fmt.Errorf("%s takes a wrong password", s.Name)
	}
	return nil
}

// measure runs a scenario: a tenth of it to warm up (callees registered where
// it needs some), then counted.
func (o options) measure(s *server.Server, test test) (load.Result, error) {
	sc, err := test.make(s)
	if err != nil {
		return load.Result{}, err
	}
	defer sc.Close()
	if rl, ok := sc.(*load.Relay); ok {
		if err := rl.RegisterCallees(s.Port, users); err != nil {
			return load.Result{}, err
		}
	}
	before := s.Leftovers()
	total := int(float64(test.total) * o.scale)
	if test.users == 0 {
		load.Drive(sc, window, max(users, total/10), 0)
	}
	drops, cpu := server.SocketDrops(s.Port), s.CPU()
	wait := func() {}
	if o.profiles != "" && s.HTTP != 0 {
		file := filepath.Join(o.profiles, strings.ReplaceAll(test.name, " ", "_"))
		cpu := s.Profile(file+".pprof", 2*time.Second)
		wait = func() {
			cpu()
			s.Fetch("/debug/pprof/heap?gc=1", file+".heap.pprof")
			s.Fetch("/metrics", file+".metrics")
		}
	}
	r := load.Drive(sc, window, total, 0)
	wait()
	r.CPU, r.Drops = s.CPU()-cpu, server.SocketDrops(s.Port)-drops
	r.Memory = s.Memory().All
	if test.users == 0 && !o.quick {
		o.pace(sc, s, &r)
	}
	if test.settle > 0 {
		time.Sleep(test.settle)
		m := s.Memory()
		r.Settled, r.Anonymous = m.All, m.Anonymous
		if s.HTTP != 0 && test.setup == server.Leading {
			fmt.Fprintf(os.Stderr, "  before:     %s\n  after %s: %s\n", before, test.settle, s.Leftovers())
		}
	}
	fmt.Fprintf(os.Stderr, "  %-28s %s\n", test.name, r)
	if r.Ops == 0 {
		return r, fmt.Errorf("%s answered nothing in %q", s.Name, test.name)
	}
	time.Sleep(200 * time.Millisecond)
	return r, nil
}

// pace runs the scenario once more at 0.9 of the rate just reached, where
// nothing may be lost.
func (o options) pace(sc load.Scenario, s *server.Server, r *load.Result) {
	const length = 1.5 // seconds
	drops := server.SocketDrops(s.Port) + server.SocketDrops(s.Trusted)
	rate := 0.9 * float64(r.Ops) / r.Wall.Seconds()
	p := load.Drive(sc, window, int(rate*length), rate)
	r.Paced, r.PacedLost = p.Ops, p.Lost+p.Failed
	r.PacedDrops = server.SocketDrops(s.Port) + server.SocketDrops(s.Trusted) - drops
}
