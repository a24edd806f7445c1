package server

import (
	"context"
	"errors"
	"time"

	"tandem/rtc/resolve"
	"tandem/rtc/sip"
)

// hopsEvery is how often the next hops of static routes are asked by OPTIONS whether
// they are there, so that it is known before a request would wait for one. Trunks
// are asked by the prober of package gateways.
const hopsEvery = 30 * time.Second

var errNoOptions = errors.New("no answer to OPTIONS")

// watchHops asks soon after the start, and again and again.
func (s *Server) watchHops(ctx context.Context) error {
	t := time.NewTimer(time.Second)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
			s.askHops()
			t.Reset(hopsEvery)
		}
	}
}

// askHops asks the next hops of each route that has more than one: where there is no
// other nobody is spared by knowing. One that does not answer stands behind the
// others from then on, and the resolver asks it until it answers.
func (s *Server) askHops() {
	for _, r := range s.proxy.Routes().List() {
		for _, hop := range r.NextHop {
			uri, err := sip.ParseURI([]byte(hop))
			if err != nil {
				continue // the configuration was checked: not reached
			}
			s.resolver.Lookup(uri, func(places []resolve.Candidate, err error) {
				if err != nil || len(places) < 2 && len(r.NextHop) < 2 {
					return
				}
				for _, c := range places {
					s.askHop(c)
				}
			})
		}
	}
}

func (s *Server) askHop(c resolve.Candidate) {
	s.probe(c.Target, func(alive bool) {
		if alive {
			s.resolver.Succeeded(c)
		} else {
			s.resolver.Failed(c, errNoOptions, 0)
		}
	})
}
