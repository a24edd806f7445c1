package main

import "runtime"

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

// peers is how many sockets a crowd has on each side: the kernel may give one
// loop a few more than the other, but hardly all.
const peers = 8

// registerCrowd shares the users among the phones' sockets.
func registerCrowd(s *server) (scenario, error) {
	c := &crowd{}
	for i := range peers {
		r, err := newRegister("UDP", s.port, window/peers, users, first)
		if err != nil {
			return nil, err
		}
		r.users, r.from = users/peers, i*users/peers
		c.all, c.socks = append(c.all, r), append(c.socks, r.s)
	}
	return c, nil
}

// messageCrowd has as many callers as callees.
func messageCrowd(s *server) (scenario, error) {
	c := &crowd{}
	for i := range peers {
		r, err := newRelay(s.trusted, window/peers, users, "MESSAGE")
		if err != nil {
			return nil, err
		}
		r.users, r.from = users/peers, i*users/peers
		if err := registerCallees(s, r); err != nil {
			return nil, err
		}
		c.all, c.socks = append(c.all, r), append(c.socks, r.uac, r.uas)
	}
	return c, nil
}

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
		make func(*server) (scenario, error)
	}{{"REGISTER, digest, UDP", registerCrowd}, {"MESSAGE, UDP", messageCrowd}} {
		var best [2]float64
		for range o.rounds {
			for i, cores := range []string{"0", "0,1"} {
				r, err := o.onCores(cores, c.make)
				if err != nil {
					return err
				}
				if best[i] == 0 || r.perOp() < best[i] {
					best[i] = r.perOp()
				}
			}
		}
		w("| %s | %.1f | %.1f | %.2f | 1.70 |\n", c.name, best[0], best[1], 2*best[0]/best[1])
	}
	return nil
}

// onCores is a run on a fresh server, the load on its cores.
func (o options) onCores(cores string, make func(*server) (scenario, error)) (result, error) {
	s, err := o.startOn("tandem", cores, users, proxying)
	if err != nil {
		return result{}, err
	}
	defer s.stop()
	if err := pin(cores); err != nil {
		return result{}, err
	}
	defer pin("1")
	sc, err := make(s)
	if err != nil {
		return result{}, err
	}
	defer sc.close()
	const total = 300000
	drive(sc, window, total/10, 0)
	cpu := cpuTime(s.pid())
	r := drive(sc, window, int(total*o.scale), 0)
	r.CPU = cpuTime(s.pid()) - cpu
	return r, nil
}
