package media

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Options of a run.
type Options struct {
	Tandem   string // binary
	Dir      string // for logs, thrown away afterwards
	Quick    bool   // one short window each
	Match    string // only measures whose name contains this
	Profiles string // folder for perf profiles of our relay; "" for none
	Out      io.Writer
}

// bench is a run under way.
type bench struct {
	Options
	settle, length time.Duration
	repeats        int
}

// Run measures and prints the tables.
func Run(ctx context.Context, o Options) error {
	if runtime.NumCPU() < 2 {
		fmt.Fprintln(o.Out, "\nmedia: this needs two cores")
		return nil
	}
	b := &bench{Options: o, settle: 700 * time.Millisecond, length: 3 * time.Second, repeats: 3}
	if o.Quick {
		b.length, b.repeats = 1500*time.Millisecond, 1
	}
	if err := descriptors(); err != nil {
		return err
	}
	defer debug.SetGCPercent(debug.SetGCPercent(400))
	t := &table{}
	for _, part := range []struct {
		name string
		run  func(context.Context, *table) error
	}{
		{plain.name, b.relayed},
		{"in the kernel", b.kernel},
		{protected.name, b.protected},
		{transcoded.name, b.converted},
	} {
		if !strings.Contains(part.name, o.Match) {
			continue
		}
		if err := part.run(ctx, t); err != nil {
			return fmt.Errorf("media, %s: %w", part.name, err)
		}
	}
	t.print(o.Out)
	return nil
}

// descriptors takes as many as the system lets us have; relays inherit it, and
// need four a call.
func descriptors() error {
	var l unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &l); err != nil {
		return err
	}
	l.Cur = l.Max
	return unix.Setrlimit(unix.RLIMIT_NOFILE, &l)
}

func (b *bench) say(format string, a ...any) { fmt.Fprintf(os.Stderr, "  "+format+"\n", a...) }

// lane is calls of one size through one relay, or through none.
type lane struct {
	name   string
	relay  *relay
	phones *phones
	all    []figures
}

func (l *lane) close() {
	if l.phones != nil {
		l.phones.close()
	}
	if l.relay != nil {
		l.relay.stop()
	}
}

// inGo is our relay without libopus between it and what phones say.
const inGo = "tandem, Opus in Go"

// lane starts a relay ("" for none) with calls of a kind.
func (b *bench) lane(ctx context.Context, name string, k kind, calls int, s *speech) (l *lane, err error) {
	l = &lane{name: name}
	switch name {
	case "rtpengine":
		l.relay, err = startRTPengine(ctx, b.Dir)
	case "tandem":
		l.relay, err = startTandem(ctx, b.Dir, b.Tandem, "off", false)
	case inGo:
		l.relay, err = startTandem(ctx, b.Dir, b.Tandem, "off", false, "--opus-in-go")
	case "tandem in the kernel":
		l.relay, err = startTandem(ctx, b.Dir, b.Tandem, "on", true)
	}
	if err == nil {
		l.phones, err = newPhones()
	}
	switch {
	case err != nil:
	case l.relay == nil:
		l.phones.direct(calls)
	default:
		err = l.phones.call(ctx, k, l.relay, calls, s)
	}
	if err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

// measure runs one window and keeps its figures.
func (b *bench) measure(ctx context.Context, l *lane, settle, length time.Duration) error {
	if l.relay != nil && l.relay.dead() {
		return fmt.Errorf("%s has ended; its log ends: %s", l.name, l.relay.tail())
	}
	stop := b.profile(l)
	w, err := l.phones.run(ctx, l.relay.used, settle, length)
	stop()
	if err != nil {
		return err
	}
	f := w.figures()
	l.all = append(l.all, f)
	b.say("%-20s %5d calls %s", l.name, w.calls, f)
	return nil
}

// alternate measures lanes in turn.
func (b *bench) alternate(ctx context.Context, k kind, calls int, names ...string) (map[string]figures, error) {
	b.say("%s, %d calls", k.name, calls)
	var lanes []*lane
	for _, name := range names {
		l, err := b.lane(ctx, name, k, calls, nil)
		if err != nil {
			return nil, err
		}
		defer l.close()
		lanes = append(lanes, l)
	}
	out := map[string]figures{}
	for range b.repeats {
		for _, l := range lanes {
			if err := b.measure(ctx, l, b.settle, b.length); err != nil {
				return nil, err
			}
		}
	}
	for _, l := range lanes {
		out[l.name] = middle(l.all)
	}
	return out, nil
}

// profile records our relay with perf while a window lasts.
func (b *bench) profile(l *lane) (stop func()) {
	if b.Profiles == "" || l.relay == nil || l.relay.name != "tandem" {
		return func() {}
	}
	file := filepath.Join(b.Profiles, fmt.Sprintf("media-%s-%d.perf", strings.ReplaceAll(l.name, " ", "-"), l.phones.calls))
	c := exec.Command("perf", "record", "-q", "-g", "-F", "997", "-o", file, "-p", fmt.Sprint(l.relay.cmd.Process.Pid))
	if err := c.Start(); err != nil {
		b.say("no profile: %v", err)
		return func() {}
	}
	return func() {
		_ = c.Process.Signal(os.Interrupt)
		_ = c.Wait()
	}
}
