package relay

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cilium/ebpf"
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
// Rewrite.Apply is used on one, call Rewrite.Resume with what the kernel has sent. A
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
	if err := o.describe(&o.value); err != nil {
		return nil, err
	}
	o.flows, o.key = k.four, flowKey(f)
	if f.From.Addr().Is6() {
		o.flows = k.six
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.ended || f.In.closed.Load() || f.Out.closed.Load() {
		return nil, ErrClosed
	}
	if err := o.flows.Update(o.key, &o.value, ebpf.UpdateNoExist); err != nil {
		if errors.Is(err, ebpf.ErrKeyExist) {
			return nil, fmt.Errorf("%w: %s from %s is forwarded already", errKernel, f.In.local, f.From)
		}
		return nil, fmt.Errorf("%w: adding the flow: %w", errKernel, err)
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
	flows  *ebpf.Map
	key    []byte
	flow   Flow

	mu     sync.Mutex
	routed time.Time
	way    route
	last   FlowCounters
	value  flowValue // as last read
	closed bool
}

// flowKey is the key by which the program finds the flow: source, destination, ports.
func flowKey(f Flow) []byte {
	k := append(f.From.Addr().AsSlice(), f.In.local.Addr().AsSlice()...)
	k = binary.BigEndian.AppendUint16(k, f.From.Port())
	return binary.BigEndian.AppendUint16(k, f.In.local.Port())
}

// describe fills in what the program is to do.
func (o *Offloaded) describe(v *flowValue) error {
	f, s := o.flow, o.flow.Offsets
	way, most, err := wayOut(f)
	if err != nil {
		return err
	}
	o.way, o.routed = way, time.Now()
	if !way.local {
		v.Interface = uint32(way.index)
	}
	v.Arrive, v.Most = uint32(o.kernel.indexOf(f.In.local.Addr())), most
	copy(v.Source[:], f.Out.local.Addr().AsSlice())
	copy(v.Destination[:], f.To.Addr().AsSlice())
	old := append(f.From.Addr().AsSlice(), f.In.local.Addr().AsSlice()...)
	v.AddressDiff = checksumDiff(old, append(f.Out.local.Addr().AsSlice(), f.To.Addr().AsSlice()...))
	before := flowKey(f)[len(old):]
	after := binary.BigEndian.AppendUint16(nil, f.Out.local.Port())
	after = binary.BigEndian.AppendUint16(after, f.To.Port())
	v.Ports = binary.NativeEndian.Uint32(after)
	before = binary.BigEndian.AppendUint32(before, s.In)
	after = binary.BigEndian.AppendUint32(after, s.Out)
	v.PortDiff = checksumDiff(before, after)
	v.SSRCIn, v.SSRCOut = binary.NativeEndian.Uint32(before[4:]), binary.NativeEndian.Uint32(after[4:])
	v.SequenceBy, v.TimestampBy, v.Clock = uint32(s.Sequence), s.Timestamp, f.Clock
	tos := uint32(f.In.plane.c.DSCP) << 2
	v.Class = tos
	if f.In.v6 {
		v.Class = binary.NativeEndian.Uint32(binary.BigEndian.AppendUint32(nil, 6<<28|tos<<20))
	}
	v.Types = f.Types
	for i := 64; i < 96; i++ {
		v.Types[i] = DropType
	}
	return nil
}

// wayOut returns the route of the flow and the largest payload that fits it.
func wayOut(f Flow) (route, uint32, error) {
	way, err := findRoute(f.Out.local.Addr(), f.To.Addr())
	if err != nil {
		return route{}, 0, fmt.Errorf("%w: %w", errKernel, err)
	}
	in, err := net.InterfaceByIndex(way.index)
	if err != nil {
		return route{}, 0, fmt.Errorf("%w: the interface it leaves by: %w", errKernel, err)
	}
	headers := 20 + udpHeader
	if f.In.v6 {
		headers = 40 + udpHeader
	}
	return way, uint32(max(in.MTU-headers, 0)), nil
}

// checksumDiff returns the change of a checksum over old when it becomes new (RFC
// 1624), in the machine's byte order.
func checksumDiff(old, new []byte) uint32 {
	var sum uint64
	for i := 0; i < len(old); i += 4 {
		sum += uint64(^binary.NativeEndian.Uint32(old[i:]))
		sum += uint64(binary.NativeEndian.Uint32(new[i:]))
	}
	for sum>>32 != 0 {
		sum = sum&0xffffffff + sum>>32
	}
	return uint32(sum)
}

// Counters reads what was forwarded. Call it every second or so: it also ends the flow
// when its route has changed.
func (o *Offloaded) Counters() FlowCounters {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return o.last
	}
	if o.flows.Lookup(o.key, &o.value) == nil {
		o.last = counted(&o.value, o.kernel.epoch)
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
	way, err := o.kernel.routes.find(o.flow.Out.local.Addr(), o.flow.To.Addr(), time.Now())
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
// Rewrite.Resume.
func (o *Offloaded) Close() FlowCounters {
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
	if o.flows.LookupAndDelete(o.key, &o.value) == nil {
		o.last = counted(&o.value, o.kernel.epoch)
	}
}

// counted converts the program's figures.
func counted(v *flowValue, epoch time.Time) FlowCounters {
	c := FlowCounters{
		Packets: v.Packets, Octets: v.Octets, Passed: v.Passed, Late: uint64(v.Late),
		Sequence: uint16(v.High), Timestamp: v.Timestamp, Jitter: v.Jitter >> 4,
	}
	var ssrc [4]byte
	binary.NativeEndian.PutUint32(ssrc[:], v.SSRCIn)
	c.SSRC = binary.BigEndian.Uint32(ssrc[:])
	if v.Base != 0 {
		if expected := uint64(v.High-v.Base) + 1; expected > v.Packets+v.Passed {
			c.Lost = expected - v.Packets - v.Passed
		}
		c.LastPacket = epoch.Add(time.Duration(v.Last))
	}
	return c
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
