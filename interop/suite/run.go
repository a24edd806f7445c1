package suite

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"tandem/interop/behaviour"
	"tandem/interop/report"
	"tandem/interop/story"
	"tandem/interop/wire"
)

// Options of a run.
type Options struct {
	Done func(report.Result) // told of each row as it ends, one at a time; may be nil
}

// Run tries rows against a target. The error says that the target cannot be
// tried at all; what is wrong with it stands in the results. It ends with ctx:
// rows not reached by then are not run.
func Run(ctx context.Context, t *Target, rows []*behaviour.Behaviour, opt Options) ([]report.Result, error) {
	if err := t.find(); err != nil {
		return nil, err
	}
	if err := t.answers(ctx); err != nil {
		return nil, err
	}
	if err := t.probe(ctx); err != nil {
		return nil, err
	}
	r := &runner{target: t, accounts: pool(t.Accounts), gateways: map[string]chan Gateway{}}
	for _, proto := range []string{"UDP", "TCP", "TLS"} {
		r.gateways[proto] = pool(slices.DeleteFunc(slices.Clone(t.Gateways), func(g Gateway) bool { return g.Endpoint.Proto != proto }))
	}
	results := make([]report.Result, len(rows))
	var wg sync.WaitGroup
	var mu sync.Mutex
	room := make(chan struct{}, r.parallel())
	for i, row := range rows {
		room <- struct{}{}
		wg.Go(func() {
			results[i] = r.row(ctx, row)
			mu.Lock()
			defer mu.Unlock()
			if opt.Done != nil {
				opt.Done(results[i])
			}
			<-room
		})
	}
	wg.Wait()
	return results, nil
}

// runner hands out what a target has.
type runner struct {
	target   *Target
	accounts chan Account
	gateways map[string]chan Gateway // by transport
	pair     sync.Mutex              // one takes several accounts at a time
}

func pool[T any](list []T) chan T {
	c := make(chan T, len(list))
	for _, v := range list {
		c <- v
	}
	return c
}

// aCore is how many rows a core bears at a time: they wait most of the time, but sound
// that comes too late is not heard.
const aCore = 4

// parallel is how many rows are tried at a time.
func (r *runner) parallel() int {
	if r.target.Pause > 0 {
		return 1
	}
	return min(aCore*runtime.NumCPU(), max(1, len(r.target.Accounts)/2))
}

// row tries one row.
func (r *runner) row(ctx context.Context, b *behaviour.Behaviour) report.Result {
	begun := time.Now()
	res := report.Result{ID: b.ID, Family: b.Family.Name, Role: b.Family.Role, Does: b.Does, Server: b.Server, Evidence: b.Evidence, Seen: b.Seen(), Open: b.Open}
	if res.Outcome, res.Why = r.excused(b); res.Outcome != "" {
		return res
	}
	cases := r.cases(b)
	if left := len(b.Run) - len(cases); left > 0 {
		res.Open = strings.TrimSpace(fmt.Sprintf("%s %d of %d cases wait for what this server does not have.", res.Open, left, len(b.Run)))
	}
	res.Outcome = report.Passed
	switch {
	case !b.Seen():
		res.Outcome = report.Unverified
	case res.Open != "":
		res.Outcome = report.Partly
	}
	for _, c := range cases {
		if ctx.Err() != nil {
			res.Outcome, res.Why = report.NotRun, "the run was ended before"
			return res
		}
		done := r.try(ctx, c)
		switch {
		case done.Fault != "":
			res.Outcome = report.Failed
		case done.Why != "" && res.Outcome != report.Failed:
			res.Outcome, res.Why = report.NotRun, done.Why
		}
		res.Cases = append(res.Cases, done)
	}
	res.Took = time.Since(begun)
	return res
}

// excused says why a row is not run at all.
func (r *runner) excused(b *behaviour.Behaviour) (report.Outcome, string) {
	if b.Nothing != "" {
		return report.Nothing, b.Nothing
	}
	if b.WaitsFor != "" {
		if !slices.Contains(r.target.Has, b.WaitsFor) {
			return report.NotRun, "waits for: " + behaviour.Features[b.WaitsFor]
		}
		if b.NotYet != "" {
			return report.NotRun, b.NotYet
		}
	}
	cases, why := r.cases(b), r.target.absent(b)
	if len(cases) == 0 && why == "" {
		why = "waits for: " + behaviour.Features[b.Run[0].WaitsFor]
	}
	for _, c := range cases {
		if why == "" {
			why = r.target.lacks(c)
		}
	}
	if why != "" {
		return report.NotRun, why
	}
	return "", ""
}

// cases are those of a row that wait for nothing the target lacks.
func (r *runner) cases(b *behaviour.Behaviour) (list []*behaviour.Case) {
	for i := range b.Run {
		if c := &b.Run[i]; (c.WaitsFor == "" || slices.Contains(r.target.Has, c.WaitsFor)) && r.target.leads(c) {
			list = append(list, c)
		}
	}
	return list
}

// try tries one case with devices of its own.
func (r *runner) try(ctx context.Context, c *behaviour.Case) (res report.Case) {
	b := newBench(r.target, map[string]Account{})
	b.over = c.Over
	res.Name = c.Name
	defer func() { res.Took = time.Since(b.begun) }()
	back := r.lend(b, c)
	err := errors.Join(b.run(ctx, c), b.joined(ctx))
	if why, ok := story.Excuse(err); ok {
		res.Why, err = why, nil
	}
	if b.missing != "" {
		err = errors.Join(err, fmt.Errorf("{%s} has no value here", b.missing))
	}
	for _, d := range b.order {
		if bad := d.Unread(); err == nil && bad != nil && !starts(bad.Bytes, "SIP/2.0 400 ") { // which may hold what was wrong
			err = fmt.Errorf("%s got a message that cannot be read: %s", d.who, bad.Fault)
		}
	}
	if err != nil {
		res.Fault, res.Wire = err.Error(), b.packets()
	}
	b.leave(context.WithoutCancel(ctx))
	err = b.undone(context.WithoutCancel(ctx))
	b.close()
	if err := errors.Join(err, back(ctx)); err != nil && res.Fault == "" {
		res.Fault = err.Error()
	}
	return res
}

func starts(b []byte, s string) bool { return len(b) >= len(s) && string(b[:len(s)]) == s }

// lend gives a case accounts and a gateway; what it returns takes them back.
func (r *runner) lend(b *bench, c *behaviour.Case) (back func(context.Context) error) {
	need := c.Devices()
	var lent []Account // as they are outside of the case
	r.pair.Lock()
	for _, who := range []string{"phone", "second"} {
		if slices.Contains(need, who) {
			b.accounts[who] = <-r.accounts
			lent = append(lent, b.accounts[who])
		}
	}
	r.pair.Unlock()
	gateways := r.gateways[way(c)]
	if slices.Contains(need, "gateway") && cap(gateways) > 0 {
		g := <-gateways
		b.gateway = &g
	}
	borrowed := b.gateway
	return func(ctx context.Context) error {
		var errs []error
		for _, a := range lent {
			errs = append(errs, r.target.forget(context.WithoutCancel(ctx), a))
			r.accounts <- a
		}
		if borrowed != nil {
			gateways <- *borrowed
		}
		return errors.Join(errs...)
	}
}

// probe finds out whether the server asks for passwords.
func (t *Target) probe(ctx context.Context) error {
	if len(t.Accounts) == 0 {
		return nil
	}
	b := newBench(t, map[string]Account{"phone": t.Accounts[0]})
	defer b.close()
	d, err := b.actor(ctx, "phone")
	if err != nil {
		return err
	}
	query := &behaviour.Request{Method: "REGISTER", URI: "sip:{domain}", Lines: []string{"To: <sip:{user}@{domain}>"}}
	if err := b.send(ctx, d, query, ""); err != nil {
		return err
	}
	m, err := b.final(ctx, d)
	t.open = err == nil && m.Status() == 200
	return err
}

// forget removes all registrations of an account (RFC 3261 §10.2.2).
func (t *Target) forget(ctx context.Context, a Account) error {
	b := newBench(t, map[string]Account{"phone": a})
	defer b.close()
	d, err := b.actor(ctx, "phone")
	if err != nil {
		return err
	}
	m, err := b.challenged(ctx, d, &behaviour.Request{Method: "REGISTER", URI: "sip:{domain}",
		Lines: []string{"To: <sip:{user}@{domain}>", "Contact: *", "Expires: 0"}}, "usual")
	if err == nil && m.Status() != 200 {
		err = fmt.Errorf("got %q", m.Start)
	}
	if err != nil {
		return fmt.Errorf("removing the registrations of %s: %w", a.User, err)
	}
	return nil
}

// packets are all messages of a case in their order.
func (b *bench) packets() (list []report.Packet) {
	for _, d := range b.order {
		for _, r := range d.Records() {
			list = append(list, packet(b.begun, d.who, r))
		}
	}
	slices.SortStableFunc(list, func(x, y report.Packet) int { return cmp.Compare(x.After, y.After) })
	return list
}

func packet(begun time.Time, who string, r wire.Record) report.Packet {
	return report.Packet{After: r.At.Sub(begun), Device: who, Sent: r.Sent, Peer: r.Peer, Proto: r.Proto, Bytes: r.Bytes, Fault: r.Fault}
}
