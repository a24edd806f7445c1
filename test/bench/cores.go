package main

import (
	"runtime"

	"tandem/test/bench/load"
	"tandem/test/bench/server"
)

// cores measures what an operation costs with the server on both cores against
// one, best of the rounds. On a machine of two cores the load has to share them,
// so wall-clock rates say nothing; two cores do twice the work of one as far as
// an operation costs the same there. The load shares the one core as well: its
// caches are no fuller with one than with two.
func (o options) cores(w func(format string, a ...any)) error {
	if runtime.NumCPU() < 2 {
		w("two cores: this machine has one\n")
		return nil
	}
	w("\nTandem on one core and on two, which the load shares: CPU of an operation, capacity = 2 × one / two\n\n| scenario | one | two | capacity | bar |\n|---|---|---|---|---|\n")
	for _, c := range []struct {
		name string
		make func(*server.Server) (load.Scenario, error)
	}{
		{"REGISTER, digest, UDP", func(s *server.Server) (load.Scenario, error) {
			return load.NewRegisterCrowd(s.Port, window, users, load.First)
		}},
		{"MESSAGE, UDP", func(s *server.Server) (load.Scenario, error) {
			return load.NewRelayCrowd(s.Trusted, s.Port, window, users, "MESSAGE")
		}},
	} {
		var best [2]float64
		for range o.rounds {
			for i, cores := range []string{"0", "0,1"} {
				r, err := o.onCores(cores, c.make)
				if err != nil {
					return err
				}
				if best[i] == 0 || r.PerOp() < best[i] {
					best[i] = r.PerOp()
				}
			}
		}
		w("| %s | %.1f | %.1f | %.2f | 1.70 |\n", c.name, best[0], best[1], 2*best[0]/best[1])
	}
	return nil
}

// onCores is a run on a fresh server, the load on its cores.
func (o options) onCores(cores string, make func(*server.Server) (load.Scenario, error)) (load.Result, error) {
	s, err := o.startOn("tandem", cores, users, server.Proxying)
	if err != nil {
		return load.Result{}, err
	}
	defer s.Stop()
	if err := pin(cores); err != nil {
		return load.Result{}, err
	}
	defer pin("1")
	sc, err := make(s)
	if err != nil {
		return load.Result{}, err
	}
	defer sc.Close()
	const total = 300000
	load.Drive(sc, window, total/10, 0)
	cpu := s.CPU()
	r := load.Drive(sc, window, int(total*o.scale), 0)
	r.CPU = s.CPU() - cpu
	return r, nil
}
