package relay

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"tandem/media/relay/forwarder"
	"tandem/media/relay/rtnetlink"
)

// routeAge is how old the route of a flow may be before it is checked again.
const routeAge = 5 * time.Second

// Kernel reports whether plain RTP can be forwarded in the kernel: by what, or why
// not.
func (p *Plane) Kernel() (ok bool, why string) {
	if p.kernel == nil {
		return false, p.kernelWhy
	}
	return true, "eBPF on " + strings.Join(p.kernel.names, ", ")
}

// Offload makes the kernel forward a flow from now on, with counters starting at zero.
// Packets that the kernel does not recognize still come to the socket; before
// rewrite.Stream.Apply is used on one, call rewrite.Stream.Resume with what the kernel has sent. A
// flow ends with Close, or when one of its sockets closes. Forwarded packets do not
// pass the rules of the firewall.
func (p *Plane) Offload(f Flow) (*Offloaded, error) {
	k := p.kernel
	if k == nil {
		return nil, fmt.Errorf("%w: %s", errKernel, p.kernelWhy)
	}
	if err := p.offloadable(f); err != nil {
		return nil, err
	}
	o := &Offloaded{kernel: k, flow: f}
	described, err := o.describe()
	if err != nil {
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.ended || f.In.closed.Load() || f.Out.closed.Load() {
		return nil, ErrClosed
	}
	if o.entry, err = k.forwarder.Add(described); err != nil {
		return nil, fmt.Errorf("%w: %s from %s: %w", errKernel, f.In.local, f.From, err)
	}
	f.In.flows = append(f.In.flows, o)
	if f.Out != f.In {
		f.Out.flows = append(f.Out.flows, o)
	}
	return o, nil
}

// offloadable returns why the program cannot forward a flow.
func (p *Plane) offloadable(f Flow) error {
	port := int(f.In.local.Port())
	switch {
	case f.In.plane != p || f.Out.plane != p:
		return fmt.Errorf("%w: a socket of another plane", errKernel)
	case port < p.c.PortMin || port > p.c.PortMax:
		return fmt.Errorf("%w: port %d is not of the range", errKernel, port)
	case f.In.local.Addr().IsUnspecified() || f.Out.local.Addr().IsUnspecified():
		return fmt.Errorf("%w: the interface is bound to no address of its own", errKernel)
	case f.In.v6 != f.Out.v6 || f.From.Addr().Is6() != f.In.v6 || f.To.Addr().Is6() != f.In.v6:
		return fmt.Errorf("%w: it crosses between IPv4 and IPv6", errKernel)
	case f.From.Port() == 0 || f.To.Port() == 0 || f.To.Addr().IsUnspecified() || f.To.Addr().IsMulticast():
		return fmt.Errorf("%w: %w", errKernel, ErrPeer)
	}
	return nil
}

// Offloaded is a flow in the kernel.
type Offloaded struct {
	kernel *kernel
	flow   Flow

	mu     sync.Mutex
	entry  *forwarder.Entry
	routed time.Time
	way    rtnetlink.Route
	last   forwarder.Counters
	closed bool
}

// describe is the flow as the program is told it, by the route that it has now.
func (o *Offloaded) describe() (forwarder.Flow, error) {
	f := o.flow
	way, err := rtnetlink.Find(f.Out.local.Addr(), f.To.Addr())
	if err != nil {
		return forwarder.Flow{}, fmt.Errorf("%w: %w", errKernel, err)
	}
	in, err := net.InterfaceByIndex(way.Index)
	if err != nil {
		return forwarder.Flow{}, fmt.Errorf("%w: the interface it leaves by: %w", errKernel, err)
	}
	o.way, o.routed = way, time.Now()
	d := forwarder.Flow{From: f.From, In: f.In.local, Out: f.Out.local, To: f.To, Types: f.Types, Offsets: f.Offsets, Clock: f.Clock,
		DSCP: f.In.plane.c.DSCP, Arrive: o.kernel.indexOf(f.In.local.Addr()), Leave: way.Index, MTU: in.MTU}
	if way.Local {
		d.Leave = 0
	}
	return d, nil
}

// Counters reads what was forwarded. Call it every second or so: it also ends the flow
// when its route has changed.
func (o *Offloaded) Counters() forwarder.Counters {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return o.last
	}
	if c, ok := o.entry.Counters(); ok {
		o.last = c
		o.follow()
	}
	return o.last
}

// follow ends the flow when its route has changed; the sockets continue it until it is
// offloaded again.
func (o *Offloaded) follow() {
	if time.Since(o.routed) < routeAge {
		return
	}
	way, err := o.kernel.routes.Find(o.flow.Out.local.Addr(), o.flow.To.Addr(), time.Now())
	o.routed = time.Now()
	if err != nil || way != o.way {
		o.end()
	}
}

// Ended reports whether the flow is no longer forwarded: it or a socket was closed, or
// its route changed.
func (o *Offloaded) Ended() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.closed
}

// Close returns the flow to the sockets. It returns the last counters, for
// rewrite.Stream.Resume.
func (o *Offloaded) Close() forwarder.Counters {
	o.kernel.mu.Lock()
	for _, s := range []*Socket{o.flow.In, o.flow.Out} {
		s.flows = slices.DeleteFunc(s.flows, func(other *Offloaded) bool { return other == o })
	}
	o.kernel.mu.Unlock()
	o.mu.Lock()
	defer o.mu.Unlock()
	o.end()
	return o.last
}

func (o *Offloaded) end() {
	if o.closed {
		return
	}
	o.closed = true
	if c, ok := o.entry.Remove(); ok {
		o.last = c
	}
}

// endFlows ends the flows of a socket that is closing.
func (k *kernel) endFlows(s *Socket) {
	k.mu.Lock()
	flows := slices.Clone(s.flows)
	k.mu.Unlock()
	for _, o := range flows {
		o.Close()
	}
}
