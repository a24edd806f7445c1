package main

import (
	"fmt"
	"io"
	"time"

	"tandem/test/bench/load"
	"tandem/test/bench/server"
)

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
		s, err := o.start(name, users, server.Leading)
		if err != nil {
			return err
		}
		rung, registered, lost, err := timedOn(s, calls)
		s.Stop()
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "%s, %.0f led calls and %d first REGISTERs a second for %s, %d lost:\n  REGISTER to 200: %s\n  INVITE to 180:   %s\n",
			name, calls, timedRegister, timedFor, lost, registered, rung)
	}
	return nil
}

func timedOn(s *server.Server, rate float64) (rung, registered load.Latency, lost int, err error) {
	calls, err := load.NewRelay(s.Trusted, window, users/2, "INVITE")
	if err != nil {
		return nil, nil, 0, err
	}
	defer calls.Close()
	if err := calls.RegisterCallees(s.Port, users); err != nil {
		return nil, nil, 0, err
	}
	phones, err := load.NewRegister("UDP", s.Port, window, users, load.First)
	if err != nil {
		return nil, nil, 0, err
	}
	defer phones.Close()
	phones.Only(users/2, users/2)
	c, r := load.NewPacer(calls, window, rate), load.NewPacer(phones, window, timedRegister)
	calls.Ringing = func(slot int) { rung = append(rung, c.Took(slot)) }
	r.Ended = func(slot int) { registered = append(registered, r.Took(slot)) }
	for start := time.Now(); time.Since(start) < timedFor; {
		c.Step(time.Since(start))
		r.Step(time.Since(start))
	}
	for end := time.Now().Add(2 * time.Second); c.UnderWay()+r.UnderWay() > 0 && time.Now().Before(end); {
		c.Step(0)
		r.Step(0)
	}
	return rung, registered, c.Missing() + r.Missing(), nil
}
