package relay

import "errors"

// ErrKernel says that a flow cannot be forwarded in the kernel.
var ErrKernel = errors.New("not forwarded in the kernel")

// Kernel says whether plain RTP can be forwarded in the kernel, and why not.
func (p *Plane) Kernel() (ok bool, why string) { return false, "not probed" }

// Offload has the kernel forward a flow from now on.
func (p *Plane) Offload(Flow) (*Offloaded, error) { return nil, ErrKernel }

// Offloaded is a flow in the kernel.
type Offloaded struct{}

// Counters reads what was forwarded.
func (o *Offloaded) Counters() FlowCounters { return FlowCounters{} }

// Close gives the flow back to the sockets and returns the last counters.
func (o *Offloaded) Close() FlowCounters { return FlowCounters{} }
