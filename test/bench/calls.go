package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"tandem/test/bench/load"
	"tandem/test/bench/server"

	"tandem/test/bench/media"
)

// The part calls compares led calls, whose sound passes the server, with Kamailio and
// rtpengine together: set up and torn down as fast as one core can, and held with both
// ends speaking.

// callRun is what one server came to.
type callRun struct {
	rate   float64 // calls a second on one core, set up and torn down
	perSet float64 // µs of CPU for one of them
	perSec float64 // ms of CPU for a call-second, held
	loss   float64 // of packets meanwhile
	long   media.Figures
}

const (
	heldCalls = 400 // whose CPU is measured
	longCalls = 500 // that are held for longer
	// tooLate is how far the ends may fall behind before loss is theirs.
	tooLate = 20 * time.Millisecond
)

func (o options) calls(w io.Writer) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	runs := map[string][]callRun{}
	for round := range o.rounds {
		for _, name := range []string{"kamailio", "tandem"} {
			fmt.Fprintf(os.Stderr, "calls, round %d of %d: %s\n", round+1, o.rounds, name)
			r, err := o.callRun(ctx, name)
			if err != nil {
				return fmt.Errorf("calls through %s: %w", name, err)
			}
			runs[name] = append(runs[name], r)
		}
	}
	k, t := runs["kamailio"], runs["tandem"]
	fmt.Fprintf(w, "\nCalls with sound through the server, on one core, medians of %d rounds\n\n| | Kamailio and rtpengine | Tandem | ratio | bar |\n|---|---|---|---|---|\n", o.rounds)
	row := func(name, format, bar string, of func(callRun) float64) {
		a, b := middle(k, of), middle(t, of)
		fmt.Fprintf(w, "| %s | "+format+" | "+format+" | %.2f | %s |\n", name, a, b, b/a, bar)
	}
	row("set up and torn down, µs of CPU", "%.0f", "0.60", func(r callRun) float64 { return r.perSet })
	row("calls a second", "%.0f", "1.70", func(r callRun) float64 { return r.rate })
	row(fmt.Sprintf("%d held, ms of CPU a call-second", heldCalls), "%.2f", "0.60", func(r callRun) float64 { return r.perSec })
	fmt.Fprintln(w)
	for name, list := range runs {
		for _, r := range list {
			fmt.Fprintf(w, "- %s: %d held: loss %.4f %%; %d held for %s: loss %.4f %% of %d packets, p99 %s, %.0f %% of the core (ends late by %s at most)\n", name, heldCalls,
				100*r.loss, longCalls, r.long.Duration, 100*r.long.Loss, r.long.Sent, r.long.P99, 100*r.long.Core, r.long.Late.Round(time.Microsecond))
			if r.long.Late > tooLate {
				fmt.Fprintln(w, "  the machine was too busy for the ends to keep up: this run proves nothing")
			}
		}
	}
	return nil
}

// profileCalls takes profiles of Tandem while it sets calls up and tears them down, where
// they are wanted: of its CPU, and of its heap when what is returned is called.
func (o options) profileCalls(s *server.Server) (end func()) {
	if o.profiles == "" || s.HTTP == 0 {
		return func() {}
	}
	file := filepath.Join(o.profiles, "calls")
	cpu := s.Profile(file+".pprof", 2*time.Second)
	return func() {
		cpu()
		s.Fetch("/debug/pprof/heap?gc=1", file+".heap.pprof")
	}
}

func middle(all []callRun, of func(callRun) float64) float64 {
	var v []float64
	for _, r := range all {
		v = append(v, of(r))
	}
	slices.Sort(v)
	return v[len(v)/2]
}

func (o options) callRun(ctx context.Context, name string) (out callRun, err error) {
	s, err := o.start(name, users, server.Leading)
	if err != nil {
		return out, err
	}
	defer s.Stop()
	s.Prefer()
	rl, err := load.NewRelay(s.Trusted, window, users, "INVITE")
	if err != nil {
		return out, err
	}
	defer rl.Close()
	if err := rl.RegisterCallees(s.Port, users); err != nil {
		return out, err
	}
	total := int(6000 * o.scale)
	load.Drive(rl, window, total/4, 0)
	profiled := o.profileCalls(s)
	cpu := s.CPU()
	r := load.Drive(rl, window, total, 0)
	r.CPU = s.CPU() - cpu
	profiled()
	if r.Lost+r.Failed > 0 {
		return out, fmt.Errorf("%d calls were lost, %d failed", r.Lost, r.Failed)
	}
	out.rate, out.perSet = float64(r.Ops)/r.Wall.Seconds(), r.PerOp()
	length, long := 10*time.Second, time.Minute
	if o.quick {
		length, long = 5*time.Second, 10*time.Second
	}
	f, err := rl.Hold(ctx, s.CPU, heldCalls, length)
	if err != nil {
		return out, err
	}
	out.perSec, out.loss = 1000*f.Core/heldCalls, f.Loss
	out.long, err = rl.Hold(ctx, s.CPU, longCalls, long)
	return out, err
}
