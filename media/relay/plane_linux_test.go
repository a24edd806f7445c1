package relay

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tandem/media/relay/ports"
)

var loopback = netip.MustParseAddr("127.0.0.1")

// receive makes a Receiver of a function.
type receive func(s *Socket, b []byte, from netip.AddrPort, at time.Time)

func (f receive) Receive(s *Socket, b []byte, from netip.AddrPort, at time.Time) { f(s, b, from, at) }

// start opens a plane and runs it until the test ends.
func start(t testing.TB, c Config) *Plane {
	t.Helper()
	if c.Interfaces == nil {
		c.Interfaces = []Interface{{Name: "lo", Bind: loopback}}
	}
	if c.Kernel == "" {
		c.Kernel = kernelOff
	}
	p, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
		if n := len(p.sockets); n != 0 {
			t.Errorf("%d sockets are left after Run", n)
		}
	})
	return p
}

func dial(t testing.TB, addr netip.Addr) *net.UDPConn {
	t.Helper()
	c, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(addr, 0)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func where(c *net.UDPConn) netip.AddrPort { return c.LocalAddr().(*net.UDPAddr).AddrPort() }

func read(t testing.TB, c *net.UDPConn) (string, netip.AddrPort) {
	t.Helper()
	b := make([]byte, 2000)
	_ = c.SetReadDeadline(time.Now().Add(30 * time.Second))
	n, from, err := c.ReadFromUDPAddrPort(b)
	if err != nil {
		t.Fatal(err)
	}
	return string(b[:n]), netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
}

// freeRange is the first of n ports in a row that nobody has, below those that other
// programs of the tests and the kernel give out.
func freeRange(t *testing.T, n int) int {
	t.Helper()
	for range 100 {
		low, free := 2000+2*rand.IntN(3000), 0
		for port := low; port < low+n; port++ {
			c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
			if err != nil {
				break
			}
			c.Close()
			free++
		}
		if free == n {
			return low
		}
	}
	t.Fatalf("no %d free ports in a row", n)
	return 0
}

func TestRangeUsedUp(t *testing.T) {
	low := freeRange(t, 4)
	p := start(t, Config{PortMin: low, PortMax: low + 3})
	nobody := receive(func(*Socket, []byte, netip.AddrPort, time.Time) {})
	var pairs []*Socket
	for range 2 {
		a, b, err := p.Pair("", nil, nobody)
		if err != nil {
			t.Fatal(err)
		}
		pairs = append(pairs, a, b)
	}
	for _, open := range []func() error{
		func() error { _, _, err := p.Pair("", nil, nobody); return err },
		func() error { _, err := p.Single("", nil, nobody); return err },
	} {
		if err := open(); !errors.Is(err, ports.ErrNone) || !strings.Contains(err.Error(), fmt.Sprintf("%d-%d", low, low+3)) || !strings.Contains(err.Error(), "widen") {
			t.Errorf("the error is %v", err)
		}
	}
	for _, s := range pairs {
		s.Close()
	}
	if _, _, err := p.Pair("", nil, nobody); err != nil {
		t.Errorf("a short range reuses what is in quarantine: %v", err)
	}
}

func TestPortsOfOthersAreSkipped(t *testing.T) {
	var held []*net.UDPConn
	low := freeRange(t, 10)
	for port := low; port < low+10; port += 2 {
		c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port + 1})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		held = append(held, c)
	}
	p := start(t, Config{PortMin: low, PortMax: low + 9})
	nobody := receive(func(*Socket, []byte, netip.AddrPort, time.Time) {})
	before, _ := os.ReadDir("/proc/self/fd")
	if _, _, err := p.Pair("", nil, nobody); !errors.Is(err, ports.ErrNone) {
		t.Errorf("all odd ports are held: %v", err)
	}
	if after, _ := os.ReadDir("/proc/self/fd"); len(after) != len(before) {
		t.Errorf("%d files open before, %d after binding failed", len(before), len(after))
	}
	held[3].Close()
	a, _, err := p.Pair("", nil, nobody)
	if err != nil || int(a.Local().Port()) != low+6 {
		t.Errorf("%v, %v", a, err)
	}
}

func TestConfigIsChecked(t *testing.T) {
	lo := []Interface{{Name: "lo", Bind: loopback}}
	for name, c := range map[string]Config{
		"no interface": {},
		"no address":   {Interfaces: []Interface{{Name: "a"}}},
		"twice":        {Interfaces: append(lo, lo...)},
		"low range":    {Interfaces: lo, PortMin: 80, PortMax: 90},
		"upside down":  {Interfaces: lo, PortMin: 40000, PortMax: 30000},
		"odd alone":    {Interfaces: lo, PortMin: 40001, PortMax: 40002},
		"dscp":         {Interfaces: lo, DSCP: 64},
		"kernel":       {Interfaces: lo, Kernel: "maybe"},
		"above all":    {Interfaces: lo, PortMin: 60000, PortMax: 70000},
	} {
		if _, err := Open(c); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestClosedPlane(t *testing.T) {
	p, err := Open(Config{Interfaces: []Interface{{Bind: loopback}}, Kernel: kernelOff})
	if err != nil {
		t.Fatal(err)
	}
	nobody := receive(func(*Socket, []byte, netip.AddrPort, time.Time) {})
	s, err := p.Single("", nil, nobody)
	if err != nil {
		t.Fatal(err)
	}
	p.Close()
	if err := s.Send([]byte("x"), s.Local()); !errors.Is(err, ErrClosed) {
		t.Errorf("Send: %v", err)
	}
	if _, err := p.Single("", nil, nobody); !errors.Is(err, ErrClosed) {
		t.Errorf("Single: %v", err)
	}
	if err := p.Run(t.Context()); !errors.Is(err, ErrClosed) {
		t.Errorf("Run: %v", err)
	}
}

func TestNoAllocationPerPacket(t *testing.T) {
	for _, addr := range []netip.Addr{loopback, netip.IPv6Loopback()} {
		p, err := Open(Config{Interfaces: []Interface{{Bind: addr}}, Kernel: kernelOff, Workers: 1})
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		seen := 0
		echo := receive(func(s *Socket, b []byte, from netip.AddrPort, _ time.Time) {
			seen++
			_ = s.Send(b, from)
		})
		a, err := p.Single("", nil, echo)
		if errors.Is(err, unix.EADDRNOTAVAIL) {
			t.Skip("this machine has no IPv6")
		}
		if err != nil {
			t.Fatal(err)
		}
		b, err := p.Single("", a, echo)
		if err != nil {
			t.Fatal(err)
		}
		// The two sockets throw one datagram back and forth.
		if err := a.Send([]byte("ball"), b.Local()); err != nil {
			t.Fatal(err)
		}
		w := p.workers[0]
		step := func() {
			n, _ := poll(w.epoll, w.events[:])
			for i := range w.events[:n] {
				w.ready(w.events[i].Fd, time.Now())
			}
		}
		if n := testing.AllocsPerRun(200, step); n != 0 {
			t.Errorf("%v: %v allocations a packet", addr, n)
		}
		if seen < 100 {
			t.Errorf("%v: only %d packets moved", addr, seen)
		}
		if err := a.Connect(b.Local()); err != nil {
			t.Fatal(err)
		}
		if n := testing.AllocsPerRun(200, step); n != 0 {
			t.Errorf("%v: %v allocations a packet when connected", addr, n)
		}
	}
}

// Twenty thousand sockets come and go; nothing of them stays.
func TestNothingLeaks(t *testing.T) {
	p := start(t, Config{Workers: 2})
	nobody := receive(func(*Socket, []byte, netip.AddrPort, time.Time) {})
	cycle := func(n int) {
		for range n {
			a, b, err := p.Pair("", nil, nobody)
			if err != nil {
				t.Fatal(err)
			}
			_ = a.Connect(b.Local())
			_ = a.Send([]byte("x"), netip.AddrPort{})
			a.Close()
			b.Close()
		}
	}
	cycle(500)
	goroutines, files := 0, 0
	for same := 0; same < 20; same++ { // the workers may not all have begun yet
		if g, f := runtime.NumGoroutine(), openFiles(t); g != goroutines || f != files {
			goroutines, files, same = g, f, 0
		}
		time.Sleep(10 * time.Millisecond)
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	cycle(10_000)
	left := func() string {
		p.mu.Lock()
		defer p.mu.Unlock()
		inUse, _ := p.nets[0].ports.Taken()
		return fmt.Sprintf("%d sockets, %d ports, %d watched", len(p.sockets), inUse, p.workers[0].count.Load())
	}
	// A worker that was serving a socket when it was closed lets go of it.
	const none = "0 sockets, 0 ports, 0 watched"
	for deadline := time.Now().Add(30 * time.Second); left() != none; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s are left", left())
		}
	}
	for range 10 { // what is dropped may outlive one collection
		runtime.GC()
		if runtime.ReadMemStats(&after); after.HeapAlloc <= before.HeapAlloc+1<<20 {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	if n := runtime.NumGoroutine(); n > goroutines {
		t.Errorf("%d goroutines, %d before", n, goroutines)
	}
	if n := openFiles(t); n > files {
		t.Errorf("%d descriptors, %d before", n, files)
	}
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 1<<20 {
		t.Errorf("the heap grew by %d octets", grown)
	}
}

func openFiles(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

func TestTooManyFiles(t *testing.T) {
	p := start(t, Config{Workers: 1})
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	low := old
	low.Cur = uint64(openFiles(t) + 5)
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &low); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
			t.Error(err)
		}
	}()
	nobody := receive(func(*Socket, []byte, netip.AddrPort, time.Time) {})
	for range 20 {
		_, _, err := p.Pair("", nil, nobody)
		if err == nil {
			continue
		}
		if !errors.Is(err, unix.EMFILE) || !strings.Contains(err.Error(), "ulimit -n") {
			t.Errorf("the error is %v", err)
		}
		if n, _ := p.nets[0].ports.Taken(); n != len(p.sockets) {
			t.Errorf("%d ports are taken by %d sockets", n, len(p.sockets))
		}
		return
	}
	t.Error("20 pairs within 5 descriptors")
}
