package main

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// crowd is a scenario from several sockets at once: the kernel spreads peers,
// not datagrams, over the server's loops.
type crowd struct {
	all   []scenario
	socks []wire
}

func (c *crowd) begin(slot int) { c.all[slot%len(c.all)].begin(slot / len(c.all)) }

func (c *crowd) poll(done func(slot int, ok bool)) int {
	n := 0
	for i, s := range c.all {
		n += s.poll(func(slot int, ok bool) { done(slot*len(c.all)+i, ok) })
	}
	return n
}

func (c *crowd) wait() { wait(c.socks...) }

func (c *crowd) close() {
	for _, s := range c.all {
		s.close()
	}
}

// registerCrowd shares the users among four phones' sockets.
func registerCrowd(s *server) (scenario, error) {
	c := &crowd{}
	for i := range 4 {
		r, err := newRegister("UDP", s.port, window/4, users, false)
		if err != nil {
			return nil, err
		}
		r.users, r.from = users/4, i*users/4
		c.all, c.socks = append(c.all, r), append(c.socks, r.s)
	}
	return c, nil
}

// messageCrowd has two callers and two callees.
func messageCrowd(s *server) (scenario, error) {
	c := &crowd{}
	for i := range 2 {
		r, err := newRelay(s.trusted, window/2, users, false)
		if err != nil {
			return nil, err
		}
		r.users, r.from = users/2, i*users/2
		if err := registerCallees(s, r); err != nil {
			return nil, err
		}
		c.all, c.socks = append(c.all, r), append(c.socks, r.uac, r.uas)
	}
	return c, nil
}

// cores measures what an operation costs with the server on both cores against
// one. On a machine of two cores the load has to share them, so wall-clock
// rates say nothing; two cores do twice the work of one as far as an operation
// costs the same there.
func (o options) cores(w func(format string, a ...any)) error {
	if runtime.NumCPU() < 2 {
		w("two cores: this machine has one\n")
		return nil
	}
	w("\nTandem on two cores, which the load shares: CPU of an operation on one and on two, capacity = 2 × one / two\n\n| scenario | one | two | capacity | bar |\n|---|---|---|---|---|\n")
	for _, c := range []struct {
		name  string
		total int
		make  func(*server) (scenario, error)
	}{{"REGISTER, digest, UDP", 150000, registerCrowd}, {"MESSAGE, proxied, UDP", 150000, messageCrowd}} {
		one, err := o.onCores("0", c.total, c.make)
		if err != nil {
			return err
		}
		two, err := o.onCores("0,1", c.total, c.make)
		if err != nil {
			return err
		}
		w("| %s | %.1f | %.1f | %.2f | 1.70 |\n", c.name, one.perOp(), two.perOp(), 2*one.perOp()/two.perOp())
	}
	return nil
}

// onCores is a run on a fresh server; the load is on core 1 beside a server on
// core 0, and on both beside a server on both.
func (o options) onCores(cores string, total int, make func(*server) (scenario, error)) (result, error) {
	s, err := o.startOn("tandem", cores, users)
	if err != nil {
		return result{}, err
	}
	defer s.stop()
	if cores != "0" {
		if err := unpin(); err != nil {
			return result{}, err
		}
		defer pin(1)
	}
	sc, err := make(s)
	if err != nil {
		return result{}, err
	}
	defer sc.close()
	drive(sc, window, total/10, 0)
	cpu := cpuTime(s.pid())
	r := drive(sc, window, int(float64(total)*o.scale), 0)
	r.CPU = cpuTime(s.pid()) - cpu
	return r, nil
}

func unpin() error {
	var set unix.CPUSet
	for i := range runtime.NumCPU() {
		set.Set(i)
	}
	return unix.SchedSetaffinity(0, &set)
}
