package relay

import (
	"errors"
	"fmt"
	"math"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"
)

// maxFlows limits the flows in the kernel. Only entries in use take memory.
const maxFlows = 65536

// kernel is the loaded program with its flows. The sockets stay open and receive the
// packets that the program does not forward.
type kernel struct {
	four, six *ebpf.Map
	program   *ebpf.Program
	links     []link.Link
	names     []string
	byAddr    map[netip.Addr]int // interface that has a bound address
	routes    routes
	epoch     time.Time // when CLOCK_MONOTONIC was 0

	mu    sync.Mutex // guards the flows lists of sockets
	ended bool
}

// loadKernel loads the program and attaches it to the interfaces of the networks, and to
// loopback for packets between programs of this machine.
func loadKernel(nets []network, low, high int) (_ *kernel, err error) {
	epoch, err := epochOf(unix.CLOCK_MONOTONIC)
	if err != nil {
		return nil, refusal("reading the kernel's clock", err)
	}
	k := &kernel{byAddr: map[netip.Addr]int{}, epoch: epoch}
	found, err := k.interfaces(nets)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			k.close()
		}
	}()
	if k.four, err = newFlowMap("tandem_rtp4", four.keySize()); err != nil {
		return nil, refusal("creating the map of flows", err)
	}
	if k.six, err = newFlowMap("tandem_rtp6", six.keySize()); err != nil {
		return nil, refusal("creating the map of flows", err)
	}
	k.program, err = ebpf.NewProgram(&ebpf.ProgramSpec{
		Name: "tandem_rtp", Type: ebpf.SchedCLS, License: "GPL",
		Instructions: forwarder(k.four.FD(), k.six.FD(), low, high),
	})
	if err != nil {
		return nil, refusal("loading the program", err)
	}
	for _, in := range found {
		l, err := link.AttachTCX(link.TCXOptions{Interface: in.Index, Program: k.program, Attach: ebpf.AttachTCXIngress})
		if errors.Is(err, ebpf.ErrNotSupported) {
			return nil, fmt.Errorf("attaching to %s needs Linux 6.6: %w", in.Name, err)
		}
		if err != nil {
			return nil, refusal("attaching to "+in.Name, err)
		}
		k.links = append(k.links, l)
		k.names = append(k.names, in.Name)
	}
	return k, nil
}

func newFlowMap(name string, key int) (*ebpf.Map, error) {
	return ebpf.NewMap(&ebpf.MapSpec{
		Name: name, Type: ebpf.Hash, KeySize: uint32(key), ValueSize: flowSize,
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

func (k *kernel) close() {
	k.mu.Lock()
	k.ended = true
	k.mu.Unlock()
	for _, l := range k.links {
		l.Close()
	}
	if k.program != nil {
		k.program.Close()
	}
	for _, m := range []*ebpf.Map{k.four, k.six} {
		if m != nil {
			m.Close()
		}
	}
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

// interfaces finds the network interfaces that have the bound addresses, and
// loopback.
func (k *kernel) interfaces(nets []network) ([]net.Interface, error) {
	all, err := net.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("listing network interfaces: %w", err)
	}
	bound := map[netip.Addr]bool{}
	for _, n := range nets {
		if !n.Bind.IsUnspecified() {
			bound[n.Bind] = true
		}
	}
	if len(bound) == 0 {
		return nil, errors.New("no media interface is bound to an address of its own (0.0.0.0 and :: will not do)")
	}
	var found []net.Interface
	for _, in := range all {
		if in.Flags&net.FlagUp == 0 || !framed(in.Name) {
			continue
		}
		if in.Flags&net.FlagLoopback != 0 || k.note(in, bound) {
			found = append(found, in)
		}
	}
	if len(found) == 0 {
		return nil, errors.New("no Ethernet interface or loopback has the addresses media is bound to")
	}
	return found, nil
}

// note stores which of the addresses an interface has, if any.
func (k *kernel) note(in net.Interface, want map[netip.Addr]bool) (any bool) {
	addrs, err := in.Addrs()
	if err != nil {
		return false
	}
	for _, a := range addrs {
		if p, err := netip.ParsePrefix(a.String()); err == nil && want[p.Addr().Unmap()] {
			k.byAddr[p.Addr().Unmap()] = in.Index
			any = true
		}
	}
	return any
}

// indexOf returns the interface that has an address. If none was found it is loopback, on
// which no packet from elsewhere arrives.
func (k *kernel) indexOf(addr netip.Addr) int {
	if index, ok := k.byAddr[addr]; ok {
		return index
	}
	return loopbackIndex
}

// framed reports whether packets of an interface begin with an Ethernet header,
// as those of loopback do and those of most tunnels do not.
func framed(name string) bool {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	request, err := unix.NewIfreq(name)
	if err != nil || unix.IoctlIfreq(fd, unix.SIOCGIFHWADDR, request) != nil {
		return false
	}
	kind := request.Uint16()
	return kind == unix.ARPHRD_ETHER || kind == unix.ARPHRD_LOOPBACK
}
