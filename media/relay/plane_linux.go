package relay

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"tandem/media/host"
	"tandem/media/relay/ports"
)

// Plane owns the sockets and workers of one process.
type Plane struct {
	c       Config
	workers []*worker
	nets    []network

	kernel    *kernel // nil = none
	kernelWhy string  // the reason

	mu      sync.Mutex
	sockets map[*Socket]struct{}
	closed  bool
	running bool
}

// network is an interface and its ports.
type network struct {
	Interface
	ports *ports.Ports
}

// Open makes a plane; ports are bound only when sockets are opened, and served once Run
// runs. Unless Config.Kernel is off, the kernel path is loaded and attached here;
// Kernel returns the result.
func Open(c Config) (*Plane, error) {
	if err := c.fill(); err != nil {
		return nil, err
	}
	if c.Workers <= 0 {
		c.Workers = runtime.GOMAXPROCS(0)
	}
	p := &Plane{c: c, sockets: map[*Socket]struct{}{}}
	byAddr := map[netip.Addr]*ports.Ports{}
	for _, in := range c.Interfaces {
		if !in.Advertise.IsValid() {
			in.Advertise = in.Bind
		}
		if in.Advertise.IsUnspecified() {
			in.Advertise, _ = host.Address(in.Bind.Is6())
		}
		if byAddr[in.Bind] == nil { // two names for one address share its ports
			byAddr[in.Bind] = ports.New(c.PortMin, c.PortMax)
		}
		p.nets = append(p.nets, network{Interface: in, ports: byAddr[in.Bind]})
	}
	for range c.Workers {
		w, err := newWorker(c.Network)
		if err != nil {
			p.Close()
			return nil, err
		}
		p.workers = append(p.workers, w)
	}
	if err := p.probe(); err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

// probe tries to set up forwarding in the kernel; a failure is an error only if it was
// required.
func (p *Plane) probe() error {
	switch {
	case p.c.Kernel == kernelOff:
		p.kernelWhy = "turned off"
		return nil
	case p.c.Network != nil:
		p.kernelWhy = "the ports are not the kernel's"
		return nil
	}
	k, err := loadKernel(p.nets, p.c.PortMin, p.c.PortMax)
	if err == nil {
		p.kernel = k
		return nil
	}
	if p.c.Kernel == kernelOn {
		return fmt.Errorf("forwarding media in the kernel: %w", err)
	}
	p.kernelWhy = err.Error()
	p.c.Logger.Info("media is forwarded in user space", "err", err)
	return nil
}

// Run serves until ctx ends, then closes all sockets and the plane.
func (p *Plane) Run(ctx context.Context) error {
	p.mu.Lock()
	if p.closed || p.running {
		p.mu.Unlock()
		return ErrClosed
	}
	p.running = true
	p.mu.Unlock()
	inner, stop := context.WithCancel(ctx)
	defer stop()
	failed := make(chan error, len(p.workers))
	for _, w := range p.workers {
		go func() { failed <- w.run(inner) }()
	}
	// A worker returns when ctx ends, or earlier with an error; either ends all.
	undo := context.AfterFunc(inner, func() {
		for _, w := range p.workers {
			w.nudge()
		}
	})
	defer undo()
	var err error
	for range p.workers {
		err = errors.Join(err, <-failed)
		stop()
	}
	p.mu.Lock()
	p.running = false
	p.mu.Unlock()
	p.Close()
	return err
}

// Close closes all sockets of a plane that is not running. To close one that is, end
// the context of Run.
func (p *Plane) Close() {
	p.mu.Lock()
	if p.closed || p.running {
		p.mu.Unlock()
		return
	}
	p.closed = true
	open := make([]*Socket, 0, len(p.sockets))
	for s := range p.sockets {
		open = append(open, s)
	}
	p.mu.Unlock()
	for _, s := range open {
		s.Close()
	}
	for _, w := range p.workers {
		w.release()
	}
	if p.kernel != nil {
		p.kernel.close()
	}
}

// Pair opens an even port and the odd one above it, both on one worker (RFC 3550 §11).
// Sockets of one call should share a worker: near is a socket of that worker, or nil. r
// may be called before Pair returns. ports.ErrNone: the range is used up.
func (p *Plane) Pair(iface string, near *Socket, r Receiver) (rtp, rtcp *Socket, err error) {
	n, err := p.network(iface)
	if err != nil {
		return nil, nil, err
	}
	w := p.worker(near)
	for range (p.c.PortMax - p.c.PortMin + 1) / 2 {
		port, err := n.ports.Pair(time.Now())
		if err != nil {
			return nil, nil, err
		}
		rtp, err = p.bind(n, port, n.ports, w, r)
		if err == nil {
			rtcp, err = p.bind(n, port+1, n.ports, w, r)
			if err == nil {
				return rtp, rtcp, nil
			}
			rtp.Close()
			n.ports.Give(port+1, time.Now())
		} else {
			n.ports.Give(port, time.Now())
			n.ports.Give(port+1, time.Now())
		}
		if !errors.Is(err, unix.EADDRINUSE) {
			return nil, nil, err
		}
	}
	return nil, nil, p.taken()
}

// Single opens one port (rtcp-mux, T.38, ICE).
func (p *Plane) Single(iface string, near *Socket, r Receiver) (*Socket, error) {
	n, err := p.network(iface)
	if err != nil {
		return nil, err
	}
	w := p.worker(near)
	for range p.c.PortMax - p.c.PortMin + 1 {
		port, err := n.ports.Single(time.Now())
		if err != nil {
			return nil, err
		}
		s, err := p.bind(n, port, n.ports, w, r)
		if err == nil {
			return s, nil
		}
		n.ports.Give(port, time.Now())
		if !errors.Is(err, unix.EADDRINUSE) {
			return nil, err
		}
	}
	return nil, p.taken()
}

// Load returns the share of ports in use, 0 to 1, of the address with the fewest free
// ones.
func (p *Plane) Load() (load float64) {
	for i := range p.nets {
		inUse, of := p.nets[i].ports.Taken()
		load = max(load, float64(inUse)/float64(of))
	}
	return load
}

// Fixed opens a port of the caller's choice outside the range (one port for all sides
// with ICE). Port 0 lets the kernel choose.
func (p *Plane) Fixed(iface string, port int, r Receiver) (*Socket, error) {
	n, err := p.network(iface)
	if err != nil {
		return nil, err
	}
	return p.bind(n, port, nil, p.worker(nil), r)
}

func (p *Plane) taken() error {
	return fmt.Errorf("%w: other programs hold all of %d-%d; choose another range", ports.ErrNone, p.c.PortMin, p.c.PortMax)
}

// network returns an interface by name; "" is the first one.
func (p *Plane) network(name string) (*network, error) {
	for i := range p.nets {
		if name == "" || p.nets[i].Name == name {
			return &p.nets[i], nil
		}
	}
	return nil, fmt.Errorf("no media interface is called %q", name)
}

func (p *Plane) worker(near *Socket) *worker {
	if near != nil && near.plane == p {
		return near.worker
	}
	least := p.workers[0]
	for _, w := range p.workers[1:] {
		if w.count.Load() < least.count.Load() {
			least = w
		}
	}
	return least
}

// bind opens a port and has a worker serve it.
func (p *Plane) bind(n *network, port int, from *ports.Ports, w *worker, r Receiver) (*Socket, error) {
	s := &Socket{
		plane: p, worker: w, receiver: r, ports: from,
		local: netip.AddrPortFrom(n.Bind, uint16(port)), v6: n.Bind.Is6(),
	}
	if err := s.bind(&p.c); err != nil {
		return nil, err
	}
	s.shown = netip.AddrPortFrom(n.Advertise, s.local.Port())
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		s.shut()
		return nil, ErrClosed
	}
	if err := w.add(s); err != nil {
		s.shut()
		return nil, err
	}
	p.sockets[s] = struct{}{}
	return s, nil
}

func boundTo(fd int) (netip.AddrPort, error) {
	name, err := unix.Getsockname(fd)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("asking for the bound port: %w", err)
	}
	switch at := name.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(at.Addr), uint16(at.Port)), nil
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(at.Addr), uint16(at.Port)), nil
	}
	return netip.AddrPort{}, errors.New("the bound port has an address of an unknown kind")
}

// forget is called for each released socket.
func (p *Plane) forget(s *Socket) {
	p.mu.Lock()
	delete(p.sockets, s)
	p.mu.Unlock()
	if s.ports != nil {
		s.ports.Give(int(s.local.Port()), time.Now())
	}
}

// onWorker reports whether the caller is a Receive of this plane: workers have
// threads of their own, on which nothing else runs.
func (p *Plane) onWorker() bool {
	thread := int64(unix.Gettid())
	for _, w := range p.workers {
		if w.thread.Load() == thread {
			return true
		}
	}
	return false
}
