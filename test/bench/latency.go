package main

import (
	"fmt"
	"io"
	"slices"
	"time"
)

// latency is how long operations took.
type latency []time.Duration

func (l latency) String() string {
	if len(l) == 0 {
		return "none"
	}
	return fmt.Sprintf("p50 %s, p95 %s, p99 %s, longest %s of %d", l.at(0.5), l.at(0.95), l.at(0.99), l.at(1), len(l))
}

// at is the time within which a part p of the operations ended.
func (l latency) at(p float64) time.Duration {
	if len(l) == 0 {
		return 0
	}
	slices.Sort(l)
	return l[min(int(p*float64(len(l))), len(l)-1)].Round(10 * time.Microsecond)
}

// How the server is loaded while it is timed.
const (
	timedFor      = 20 * time.Second
	timedRegister = 200 // a second: first ones, with a challenge and a new binding
)

// timed prints how long phones wait for a server that leads calls calls a
// second: from a first REGISTER to its 200, and from an INVITE to its 180 from a
// phone that rings at once.
func (o options) timed(w io.Writer, calls float64) error {
	for _, name := range []string{"kamailio", "tandem"} {
		if o.only != "" && o.only != "sip" && o.only != name {
			continue
		}
		s, err := o.start(name, users, leading)
		if err != nil {
			return err
		}
		rung, registered, lost, err := timedOn(s, calls)
		s.stop()
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "%s, %.0f led calls and %d first REGISTERs a second for %s, %d lost:\n  REGISTER to 200: %s\n  INVITE to 180:   %s\n",
			name, calls, timedRegister, timedFor, lost, registered, rung)
	}
	return nil
}

func timedOn(s *server, rate float64) (rung, registered latency, lost int, err error) {
	calls, err := newRelay(s.trusted, window, users/2, "INVITE")
	if err != nil {
		return nil, nil, 0, err
	}
	defer calls.close()
	if err := registerCallees(s, calls); err != nil {
		return nil, nil, 0, err
	}
	phones, err := newRegister("UDP", s.port, window, users/2, first)
	if err != nil {
		return nil, nil, 0, err
	}
	defer phones.close()
	phones.from = users / 2
	phones.cred = newCredentials(users)
	phones.nonce, phones.nc, phones.cseq = make([][]byte, users), make([]int, users), make([]int, users)
	c, r := newPacer(calls, rate), newPacer(phones, timedRegister)
	calls.ringing = func(slot int) { rung = append(rung, time.Since(c.since[slot])) }
	r.ended = func(slot int) { registered = append(registered, time.Since(r.since[slot])) }
	for start := time.Now(); time.Since(start) < timedFor; {
		c.step(time.Since(start))
		r.step(time.Since(start))
	}
	for end := time.Now().Add(2 * time.Second); len(c.free)+len(r.free) < 2*window && time.Now().Before(end); {
		calls.poll(c.done)
		phones.poll(r.done)
	}
	return rung, registered, 2*window - len(c.free) - len(r.free) + c.failed + r.failed, nil
}

// pacer begins the operations of a scenario at a rate.
type pacer struct {
	scenario
	rate   float64
	begun  int
	failed int
	free   []int
	since  [window]time.Time // when the operation of a slot began
	ended  func(slot int)    // may be nil
}

func newPacer(s scenario, rate float64) *pacer {
	p := &pacer{scenario: s, rate: rate}
	for slot := range window {
		p.free = append(p.free, slot)
	}
	return p
}

// step begins what is due and takes what has come.
func (p *pacer) step(at time.Duration) {
	for float64(p.begun) < p.rate*at.Seconds() && len(p.free) > 0 {
		slot := p.free[len(p.free)-1]
		p.free = p.free[:len(p.free)-1]
		p.since[slot] = time.Now()
		p.begin(slot)
		p.begun++
	}
	p.poll(p.done)
}

func (p *pacer) done(slot int, ok bool) {
	p.free = append(p.free, slot)
	switch {
	case !ok:
		p.failed++
	case p.ended != nil:
		p.ended(slot)
	}
}
