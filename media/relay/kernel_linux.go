package relay

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"

	"golang.org/x/sys/unix"

	"tandem/media/relay/forwarder"
	"tandem/media/relay/rtnetlink"
)

// kernel is the program that forwards RTP, with what decides which flows it is given. The
// sockets stay open and receive the packets that the program does not forward.
type kernel struct {
	forwarder *forwarder.Forwarder
	names     []string           // of the interfaces
	byAddr    map[netip.Addr]int // interface that has a bound address
	routes    rtnetlink.Cache

	mu    sync.Mutex // guards the flows lists of sockets
	ended bool
}

// loadKernel loads the program and attaches it to the interfaces of the networks, and to
// loopback for packets between programs of this machine.
func loadKernel(nets []network, low, high int) (*kernel, error) {
	k := &kernel{byAddr: map[netip.Addr]int{}}
	found, err := k.interfaces(nets)
	if err != nil {
		return nil, err
	}
	if k.forwarder, err = forwarder.Load(low, high); err != nil {
		return nil, err
	}
	for _, in := range found {
		if err := k.forwarder.Attach(in); err != nil {
			k.forwarder.Close()
			return nil, err
		}
		k.names = append(k.names, in.Name)
	}
	return k, nil
}

func (k *kernel) close() {
	k.mu.Lock()
	k.ended = true
	k.mu.Unlock()
	k.forwarder.Close()
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
	return forwarder.Loopback
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
