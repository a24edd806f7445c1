// Package presence measures Tandem's notifier against Kamailio's presence
// modules: the same watchers, presentities and publications on each, in one run,
// over loopback, the server on core 0 and the load on core 1.
//
// Kamailio keeps subscriptions and documents in memory alone, with one worker and
// the fast allocators; it asks nobody who he is, and asks no rules. Tandem runs as
// shipped, with its store on disk, but tells each change at once as Kamailio does.
//
// What counts is the server's time on a processor. It talks to 127.0.0.1 only and
// ends what it started.
package presence

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"
)

// Options of a run.
type Options struct {
	Tandem       string // program
	Dir          string // for what is written
	Only         string // one server alone: tandem or kamailio
	Profiles     string // folder for CPU profiles of Tandem, one a phase; "": none
	Presentities int    // default 1,000
	Watchers     int    // of each, default 20
	Storms       int    // publications of each in the storm, default 3
	Out          io.Writer
}

// figures of one server.
type figures struct {
	name                      string
	subscribe, storm, refresh time.Duration // CPU of one SUBSCRIBE with its NOTIFY, of one NOTIFY, of one refresh with its NOTIFY
	last50, last99            time.Duration // PUBLISH to the last NOTIFY, paced
	blind, waited             time.Duration // meanwhile: the load's longest time without a look; the server's on the run queue
	memory                    float64       // KiB of a subscription
	loaded, loadedCPU         time.Duration // after the kill, until it answers; and its CPU since the start
	restart, restartCPU       time.Duration // the same until all were notified, 0 when they are lost
	stood                     time.Duration // meanwhile on the run queue
	stale, lost               int
	listFirst, listAll        time.Duration // a list of listMembers: until the first state, until all
}

// listMembers is how long the list is that one watcher subscribes to.
const listMembers = 1000

// Run prints a table.
func Run(ctx context.Context, o Options) error {
	if o.Presentities == 0 {
		o.Presentities = 1000
	}
	if o.Watchers == 0 {
		o.Watchers = 20
	}
	if o.Storms == 0 {
		o.Storms = 3
	}
	var all []figures
	for _, name := range []string{"kamailio", "tandem"} {
		if o.Only != "" && o.Only != name {
			continue
		}
		f, err := o.measure(ctx, name)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		all = append(all, f)
	}
	o.print(all)
	return nil
}

func (o Options) print(all []figures) {
	fmt.Fprintf(o.Out, "\nPresence: %d presentities with %d watchers each; µs are CPU of the server\n\n", o.Presentities, o.Watchers)
	fmt.Fprintln(o.Out, "| | SUBSCRIBE and NOTIFY | NOTIFY in a storm | refresh and NOTIFY | PUBLISH to last NOTIFY p50, p99 | KiB a subscription | restart, all notified | stale, lost |\n|---|---|---|---|---|---|---|---|")
	us := func(d time.Duration) float64 { return float64(d) / 1e3 }
	for _, f := range all {
		again := "lost"
		if f.restart > 0 {
			again = fmt.Sprintf("%s (%s of CPU, %s in line for it), answering after %s (%s)", f.restart.Round(10*time.Millisecond), f.restartCPU.Round(10*time.Millisecond),
				f.stood.Round(10*time.Millisecond), f.loaded.Round(10*time.Millisecond), f.loadedCPU.Round(10*time.Millisecond))
		}
		fmt.Fprintf(o.Out, "| %s | %.1f | %.1f | %.1f | %s, %s | %.2f | %s | %d, %d |\n", f.name, us(f.subscribe), us(f.storm), us(f.refresh),
			f.last50.Round(10*time.Microsecond), f.last99.Round(10*time.Microsecond), f.memory, again, f.stale, f.lost)
	}
	for _, f := range all {
		fmt.Fprintf(o.Out, "\n%s, paced: the server waited %s in all for a processor, the load was away for up to %s\n", f.name, f.waited.Round(time.Millisecond), f.blind.Round(100*time.Microsecond))
	}
	for _, f := range all {
		if f.listAll > 0 {
			fmt.Fprintf(o.Out, "\n%s: a list of %d: first state after %s (bar 50 ms), all after %s (bar 300 ms)\n", f.name, listMembers,
				f.listFirst.Round(time.Millisecond), f.listAll.Round(time.Millisecond))
		}
	}
	if len(all) == 2 {
		k, t := all[0], all[1]
		fmt.Fprintf(o.Out, "\nTandem of Kamailio: SUBSCRIBE %.2f (bar 0.50), NOTIFY %.2f (bar 0.33), refresh %.2f, memory %.2f\n",
			us(t.subscribe)/us(k.subscribe), us(t.storm)/us(k.storm), us(t.refresh)/us(k.refresh), t.memory/k.memory)
	}
}

func (o Options) measure(ctx context.Context, name string) (f figures, err error) {
	f.name = name
	s, err := o.start(ctx, name)
	if err != nil {
		return f, err
	}
	defer func() { s.stop() }()
	empty := s.memory()
	c, err := newCrowd(s.port, o.Presentities, o.Watchers)
	if err != nil {
		return f, err
	}
	defer c.close()
	subs := len(c.subs)

	if err := c.documents("first"); err != nil {
		return f, err
	}
	spent := s.spent("subscribe", func() { err = c.subscribeAll(false) })
	if err != nil {
		return f, err
	}
	if n := c.stale("first"); n > 0 {
		return f, fmt.Errorf("%d of %d first NOTIFYs are without the document", n, subs)
	}
	f.subscribe = spent / time.Duration(subs)
	time.Sleep(time.Second)
	f.memory = (s.memory() - empty) / float64(subs)

	before := c.notified
	spent = s.spent("storm", func() {
		for i := range o.Storms {
			if err == nil {
				err = c.publishAll(fmt.Sprint("storm", i))
			}
		}
	})
	if err != nil {
		return f, err
	}
	f.storm = spent / time.Duration(max(1, c.notified-before))
	f.stale = c.stale(fmt.Sprint("storm", o.Storms-1))

	spent = s.spent("refresh", func() { err = c.subscribeAll(true) })
	if err != nil {
		return f, err
	}
	f.refresh = spent / time.Duration(subs)

	f.waited = s.waited()
	took, blind, err := c.paced(200, 20)
	if err != nil {
		return f, err
	}
	f.blind, f.waited = blind, s.waited()-f.waited
	if name == "tandem" && o.Presentities >= listMembers {
		if f.listFirst, f.listAll, err = c.list(listMembers); err != nil {
			return f, err
		}
	}
	slices.Sort(took)
	f.last50, f.last99 = took[len(took)/2], took[len(took)*99/100]
	if name == "tandem" {
		err = o.restart(ctx, s, c, &f)
	}
	return f, err
}

// restart kills the server, starts it again, and waits until all were notified.
func (o Options) restart(ctx context.Context, s *server, c *crowd, f *figures) error {
	begin := time.Now()
	s.kill()
	c.fresh()
	if err := s.again(ctx); err != nil {
		return err
	}
	f.loaded, f.loadedCPU = time.Since(begin), s.cpu()
	s.spent("restart", func() { f.lost = c.awaitAll(2 * time.Minute) })
	if f.lost == 0 {
		f.restart, f.restartCPU = time.Since(begin), s.cpu()
	}
	f.stood = s.waited()
	return nil
}
