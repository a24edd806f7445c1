//go:build !linux

package relay

import (
	"context"
	"net/netip"

	"tandem/media/relay/forwarder"
)

// Plane would own the sockets and workers of one process. It only works on Linux;
// elsewhere Open returns an error.
type Plane struct{}

// Socket is one UDP port.
type Socket struct{}

// Open returns ErrUnsupported.
func Open(c Config) (*Plane, error) {
	if err := c.fill(); err != nil {
		return nil, err
	}
	return nil, ErrUnsupported
}

// Run returns ErrUnsupported.
func (p *Plane) Run(context.Context) error { return ErrUnsupported }

// Close does nothing.
func (p *Plane) Close() {}

// Pair returns ErrUnsupported.
func (p *Plane) Pair(string, *Socket, Receiver) (rtp, rtcp *Socket, err error) {
	return nil, nil, ErrUnsupported
}

// Single returns ErrUnsupported.
func (p *Plane) Single(string, *Socket, Receiver) (*Socket, error) { return nil, ErrUnsupported }

// Load is 0.
func (p *Plane) Load() float64 { return 0 }

// Fixed returns ErrUnsupported.
func (p *Plane) Fixed(string, int, Receiver) (*Socket, error) { return nil, ErrUnsupported }

// Kernel says that nothing is forwarded in the kernel.
func (p *Plane) Kernel() (ok bool, why string) { return false, ErrUnsupported.Error() }

// Offload returns ErrUnsupported.
func (p *Plane) Offload(Flow) (*Offloaded, error) { return nil, ErrUnsupported }

// Offloaded is a flow in the kernel.
type Offloaded struct{}

// Counters is zero.
func (o *Offloaded) Counters() forwarder.Counters { return forwarder.Counters{} }

// Ended is true.
func (o *Offloaded) Ended() bool { return true }

// Close does nothing.
func (o *Offloaded) Close() forwarder.Counters { return forwarder.Counters{} }

// Local is invalid.
func (s *Socket) Local() netip.AddrPort { return netip.AddrPort{} }

// Advertised is invalid.
func (s *Socket) Advertised() netip.AddrPort { return netip.AddrPort{} }

// Connect returns ErrUnsupported.
func (s *Socket) Connect(netip.AddrPort) error { return ErrUnsupported }

// Send returns ErrUnsupported.
func (s *Socket) Send([]byte, netip.AddrPort) error { return ErrUnsupported }

// Follow does nothing.
func (s *Socket) Follow(Series) {}

// Followed is zero.
func (s *Socket) Followed(bool) Progress { return Progress{} }

// Close does nothing.
func (s *Socket) Close() {}

// Counters is zero.
func (s *Socket) Counters() Counters { return Counters{} }
