package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"tandem/test/bench/load"
	"tandem/test/bench/server"
)

// The overload run: known phones refresh their registrations at a steady rate
// while strangers in a network namespace of their own send ten times what the
// server can answer on its core.
const (
	overloadTimes = 10
	overloadFor   = 8 * time.Second
	knownRate     = 2000 // refreshes a second
	knownSlots    = 4096
	knownPatience = time.Second // an operation that takes longer has failed

	overloadGoodput = 0.9
	overloadP95     = 100 * time.Millisecond
)

// knownPhones are phones that a server knows: all are registered.
func knownPhones(s *server.Server) (*load.Register, error) {
	phones, err := load.NewRegister("UDP", s.Port, knownSlots, users, load.Refresh)
	if err != nil {
		return nil, err
	}
	if r := load.Drive(phones, window, users, 0); r.Failed+r.Lost > 0 {
		phones.Close()
		return nil, fmt.Errorf("registering: %d failed, %d lost", r.Failed, r.Lost)
	}
	return phones, nil
}

// overload prints what known users get alone and under the flood.
func (o options) overload(w io.Writer) error {
	s, err := o.startOpen()
	if err != nil {
		return err
	}
	defer s.Stop()
	ns, err := newNamespace()
	if err != nil {
		return err
	}
	defer ns.remove()
	s.Prefer()
	phones, err := knownPhones(s)
	if err != nil {
		return err
	}
	defer phones.Close()
	capacity, err := ns.capacity(s)
	if err != nil {
		return err
	}
	alone := steady(phones, overloadFor)
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	flood, err := ns.flood(ctx, s, overloadTimes*capacity, overloadFor+2*time.Second)
	if err != nil {
		return err
	}
	time.Sleep(time.Second)
	under := steady(phones, overloadFor)
	sent, err := flood()
	if err != nil {
		return err
	}
	times := sent / capacity
	fmt.Fprintf(w, "\nOverload: the server answers %.0f requests of strangers a second on its core and gets %.0f (%.1f times).\n"+
		"Known users alone:      %.0f of %d refreshes a second, %s\nknown users under flood: %.0f a second, %s\n",
		capacity, sent, times, alone.goodput, knownRate, alone.latency, under.goodput, under.latency)
	if share, p95 := under.goodput/alone.goodput, under.latency.At(0.95); share < overloadGoodput || p95 > overloadP95 {
		return fmt.Errorf("overload: known users get %.2f of what they get alone (bar %.2f), p95 %s (bar %s)", share, overloadGoodput, p95, overloadP95)
	}
	return nil
}

// startOpen starts Tandem on all addresses of this machine: phones and strangers
// share its socket.
func (o options) startOpen() (*server.Server, error) {
	dir, err := os.MkdirTemp(o.dir, "overload")
	if err != nil {
		return nil, err
	}
	return server.StartTandemAt(dir, o.tandem, "0", users, "0.0.0.0", server.Proxying)
}

// outcome is what known users got.
type outcome struct {
	goodput float64 // operations a second that ended well within knownPatience
	latency load.Latency
}

// steady begins refreshes at knownRate and counts.
func steady(phones *load.Register, length time.Duration) outcome {
	free := make([]int, knownSlots)
	for i := range free {
		free[i] = i
	}
	type op struct{ begun time.Time }
	var under [knownSlots]op
	var took load.Latency
	done := func(slot int, ok bool) {
		if d := time.Since(under[slot].begun); ok && d <= knownPatience {
			took = append(took, d)
		}
		under[slot] = op{}
		free = append(free, slot)
	}
	start := time.Now()
	for begun := 0; time.Since(start) < length; {
		for float64(begun) < knownRate*time.Since(start).Seconds() && len(free) > 0 {
			slot := free[0]
			free = free[1:]
			under[slot].begun = time.Now()
			phones.Begin(slot)
			begun++
		}
		if phones.Poll(done) == 0 {
			time.Sleep(200 * time.Microsecond)
		}
		for slot := range under { // what was lost frees its place
			if b := under[slot].begun; !b.IsZero() && time.Since(b) > knownPatience {
				phones.Abandon(slot)
				done(slot, false)
			}
		}
	}
	for end := time.Now().Add(knownPatience); len(free) < knownSlots && time.Now().Before(end); {
		if phones.Poll(done) == 0 {
			time.Sleep(time.Millisecond)
		}
	}
	for slot := range under {
		if !under[slot].begun.IsZero() {
			phones.Abandon(slot)
		}
	}
	return outcome{float64(len(took)) / length.Seconds(), took}
}

// namespace is a network of its own, joined to this machine by a cable.
type namespace struct{ name string }

const (
	ourEnd   = "10.213.77.1"
	theirEnd = "10.213.77.2"
)

// newNamespace needs to be root.
func newNamespace() (*namespace, error) {
	n := &namespace{fmt.Sprintf("tandem%d", os.Getpid())}
	cable := "tb" + strconv.Itoa(os.Getpid())
	for _, line := range []string{
		"netns add " + n.name,
		"link add " + cable + " type veth peer name strangers netns " + n.name,
		"addr add " + ourEnd + "/30 dev " + cable,
		"link set " + cable + " up",
		"-n " + n.name + " addr add " + theirEnd + "/30 dev strangers",
		"-n " + n.name + " link set strangers up",
	} {
		if out, err := exec.Command("ip", strings.Fields(line)...).CombinedOutput(); err != nil {
			n.remove()
			return nil, fmt.Errorf("ip %s: %w: %s; the overload run makes a network namespace, for which it must be root", line, err, out)
		}
	}
	return n, nil
}

func (n *namespace) remove() {
	exec.Command("ip", "netns", "del", n.name).Run() // takes the cable with it
}

// capacity is how many requests of strangers the server answers a second with all
// of its core, by what a few cost.
func (n *namespace) capacity(s *server.Server) (float64, error) {
	cpu := s.CPU()
	flood, err := n.flood(context.Background(), s, 5000, 2*time.Second)
	if err != nil {
		return 0, err
	}
	sent, err := flood()
	if err != nil {
		return 0, err
	}
	used := (s.CPU() - cpu).Seconds()
	if used <= 0 {
		return 0, errors.New("the server used no time to answer strangers")
	}
	return sent * 2 / used, nil
}

// flood starts to send from the namespace, rate a second; the function waits for
// the end and returns how many a second left.
func (n *namespace) flood(ctx context.Context, s *server.Server, rate float64, length time.Duration) (func() (float64, error), error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	self, err = filepath.EvalSymlinks(self)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, "ip", "netns", "exec", n.name, self, "strangers",
		"-to", ourEnd+":"+strconv.Itoa(s.Port), "-rate", strconv.FormatFloat(rate, 'f', 0, 64), "-for", length.String())
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return func() (float64, error) {
		if err := cmd.Wait(); err != nil {
			return 0, fmt.Errorf("strangers: %w: %s", err, errs.String())
		}
		return strconv.ParseFloat(strings.TrimSpace(out.String()), 64)
	}, nil
}

// strangers is this program inside the namespace: it sends what nobody the server knows
// would, and prints how many requests left a second.
func strangers(args []string) error {
	f := flag.NewFlagSet("strangers", flag.ContinueOnError)
	to := f.String("to", "", "address of the server")
	rate := f.Float64("rate", 0, "requests a second")
	length := f.Duration("for", 0, "how long")
	if err := f.Parse(args); err != nil {
		return err
	}
	sent, err := load.SendStrangers(theirEnd, *to, users, *rate, *length)
	if err != nil {
		return err
	}
	fmt.Println(sent)
	return nil
}
