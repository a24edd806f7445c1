package forwarder

import (
	"errors"
	"fmt"
	"math"
	"net"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"
)

// maxFlows limits the flows in the kernel. Only entries in use take memory.
const maxFlows = 65536

// Loopback is the index of the loopback interface.
const Loopback = 1

// ErrExists means that a flow with this source and this port is forwarded already.
var ErrExists = errors.New("the flow is forwarded already")

// Forwarder is the program in the kernel, with its flows.
type Forwarder struct {
	four, six *ebpf.Map
	program   *ebpf.Program
	links     []link.Link
	epoch     time.Time // when CLOCK_MONOTONIC was 0
}

// Load loads the program for flows that arrive at the ports from low to high. It sees
// packets of the interfaces to which it is attached. Errors name the capabilities that
// are missing.
func Load(low, high int) (_ *Forwarder, err error) {
	w := &Forwarder{}
	defer func() {
		if err != nil {
			w.Close()
		}
	}()
	if w.epoch, err = epochOf(unix.CLOCK_MONOTONIC); err != nil {
		return nil, refusal("reading the kernel's clock", err)
	}
	if w.four, err = newMap("tandem_rtp4", four.keySize()); err != nil {
		return nil, refusal("creating the map of flows", err)
	}
	if w.six, err = newMap("tandem_rtp6", six.keySize()); err != nil {
		return nil, refusal("creating the map of flows", err)
	}
	w.program, err = ebpf.NewProgram(&ebpf.ProgramSpec{
		Name: "tandem_rtp", Type: ebpf.SchedCLS, License: "GPL",
		Instructions: instructions(w.four.FD(), w.six.FD(), low, high),
	})
	if err != nil {
		return nil, refusal("loading the program", err)
	}
	return w, nil
}

// Attach has the program see the packets that come by an interface, whose packets begin
// with an Ethernet header.
func (w *Forwarder) Attach(in net.Interface) error {
	l, err := link.AttachTCX(link.TCXOptions{Interface: in.Index, Program: w.program, Attach: ebpf.AttachTCXIngress})
	if errors.Is(err, ebpf.ErrNotSupported) {
		return fmt.Errorf("attaching to %s needs Linux 6.6: %w", in.Name, err)
	}
	if err != nil {
		return refusal("attaching to "+in.Name, err)
	}
	w.links = append(w.links, l)
	return nil
}

// Close takes the program out of the kernel.
func (w *Forwarder) Close() {
	for _, l := range w.links {
		l.Close()
	}
	if w.program != nil {
		w.program.Close()
	}
	for _, m := range []*ebpf.Map{w.four, w.six} {
		if m != nil {
			m.Close()
		}
	}
}

// Cost is how often the program ran, and for how long in all; false when the kernel does
// not count it.
func (w *Forwarder) Cost() (runs uint64, took time.Duration, ok bool) {
	stats, err := w.program.Stats()
	if err != nil || stats.RunCount == 0 {
		return 0, 0, false
	}
	return stats.RunCount, stats.Runtime, true
}

func newMap(name string, key int) (*ebpf.Map, error) {
	return ebpf.NewMap(&ebpf.MapSpec{
		Name: name, Type: ebpf.Hash, KeySize: uint32(key), ValueSize: valueSize,
		MaxEntries: maxFlows, Flags: unix.BPF_F_NO_PREALLOC,
	})
}

func refusal(doing string, err error) error {
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) && !isVerifier(err) {
		return fmt.Errorf("%s needs the capabilities CAP_BPF and CAP_NET_ADMIN: %w", doing, err)
	}
	return fmt.Errorf("%s: %w", doing, err)
}

func isVerifier(err error) bool {
	var refused *ebpf.VerifierError
	return errors.As(err, &refused)
}

// epochOf returns when a clock was 0. On a busy machine the thread may lose its processor
// between the two clocks, so the quickest of several readings counts.
func epochOf(clock int32) (epoch time.Time, err error) {
	best := time.Duration(math.MaxInt64)
	for range 5 {
		var ts unix.Timespec
		begun := time.Now()
		if err := unix.ClockGettime(clock, &ts); err != nil {
			return time.Time{}, err
		}
		if took := time.Since(begun); took < best {
			best, epoch = took, begun.Add(-time.Duration(ts.Nano()))
		}
	}
	return epoch, nil
}
