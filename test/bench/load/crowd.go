package load

// crowd is a scenario from several sockets at once: the kernel spreads peers,
// not datagrams, over the server's loops.
type crowd struct {
	all   []Scenario
	socks []wire
}

func (c *crowd) Begin(slot int) { c.all[slot%len(c.all)].Begin(slot / len(c.all)) }

func (c *crowd) Poll(done func(slot int, ok bool)) int {
	n := 0
	for i, s := range c.all {
		n += s.Poll(func(slot int, ok bool) { done(slot*len(c.all)+i, ok) })
	}
	return n
}

func (c *crowd) wait() { wait(c.socks...) }

func (c *crowd) Close() {
	for _, s := range c.all {
		s.Close()
	}
}

// peers is how many sockets a crowd has on each side: the kernel may give one
// loop a few more than the other, but hardly all.
const peers = 8

// NewRegisterCrowd shares users among the phones' sockets.
func NewRegisterCrowd(port, window, users int, kind Kind) (Scenario, error) {
	c := &crowd{}
	for i := range peers {
		r, err := NewRegister("UDP", port, window/peers, users, kind)
		if err != nil {
			return nil, err
		}
		r.Only(i*users/peers, users/peers)
		c.all, c.socks = append(c.all, r), append(c.socks, r.s)
	}
	return c, nil
}

// NewRelayCrowd has as many callers as callees, who are registered at another port.
func NewRelayCrowd(port, registrar, window, users int, method string) (Scenario, error) {
	c := &crowd{}
	for i := range peers {
		r, err := NewRelay(port, window/peers, users, method)
		if err != nil {
			return nil, err
		}
		r.users, r.from = users/peers, i*users/peers
		if err := r.RegisterCallees(registrar, users); err != nil {
			return nil, err
		}
		c.all, c.socks = append(c.all, r), append(c.socks, r.uac, r.uas)
	}
	return c, nil
}
