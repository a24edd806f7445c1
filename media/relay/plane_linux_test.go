package relay

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
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
	_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
	n, from, err := c.ReadFromUDPAddrPort(b)
	if err != nil {
		t.Fatal(err)
	}
	return string(b[:n]), netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
}

func TestEcho(t *testing.T) {
	for _, addr := range []netip.Addr{loopback, netip.IPv6Loopback()} {
		t.Run(addr.String(), func(t *testing.T) {
			if addr.Is6() {
				if c, err := net.ListenUDP("udp6", &net.UDPAddr{IP: net.IPv6loopback}); err != nil {
					t.Skipf("this machine has no IPv6: %v", err)
				} else {
					c.Close()
				}
			}
			p := start(t, Config{Interfaces: []Interface{{Name: "x", Bind: addr, Advertise: netip.MustParseAddr("192.0.2.7")}}})
			rtp, rtcp, err := p.Pair("x", nil, receive(func(s *Socket, b []byte, from netip.AddrPort, at time.Time) {
				if cap(b)-len(b) < spare || time.Since(at) > time.Second {
					t.Errorf("spare %d, at %v", cap(b)-len(b), at)
				}
				if err := s.Send(append(b, '!'), from); err != nil {
					t.Error(err)
				}
			}))
			if err != nil {
				t.Fatal(err)
			}
			if rtp.Local().Port()%2 != 0 || rtcp.Local().Port() != rtp.Local().Port()+1 || rtp.worker != rtcp.worker {
				t.Errorf("pair %v %v", rtp.Local(), rtcp.Local())
			}
			if want := netip.AddrPortFrom(netip.MustParseAddr("192.0.2.7"), rtp.Local().Port()); rtp.Advertised() != want {
				t.Errorf("advertised %v, want %v", rtp.Advertised(), want)
			}
			c := dial(t, addr)
			for _, s := range []*Socket{rtp, rtcp} {
				for range 2 { // open, then connected
					_, _ = c.WriteToUDPAddrPort([]byte("hello"), s.Local())
					if got, from := read(t, c); got != "hello!" || from != s.Local() {
						t.Errorf("got %q from %v", got, from)
					}
					if err := s.Connect(where(c)); err != nil {
						t.Fatal(err)
					}
				}
				want := Counters{PacketsIn: 2, OctetsIn: 10, PacketsOut: 2, OctetsOut: 12}
				got := s.Counters()
				for range 100 { // the last one sent is counted after it arrives
					if got == want {
						break
					}
					time.Sleep(time.Millisecond)
					got = s.Counters()
				}
				if got != want {
					t.Errorf("counters %+v, want %+v", got, want)
				}
			}
		})
	}
}

func TestConnectShutsStrangersOut(t *testing.T) {
	p := start(t, Config{})
	got := make(chan string, 8)
	s, err := p.Single("", nil, receive(func(_ *Socket, b []byte, _ netip.AddrPort, _ time.Time) { got <- string(b) }))
	if err != nil {
		t.Fatal(err)
	}
	friend, stranger := dial(t, loopback), dial(t, loopback)
	if err := s.Connect(where(friend)); err != nil {
		t.Fatal(err)
	}
	_, _ = stranger.WriteToUDPAddrPort([]byte("stranger"), s.Local())
	_, _ = friend.WriteToUDPAddrPort([]byte("friend"), s.Local())
	if g := <-got; g != "friend" {
		t.Errorf("heard %q", g)
	}
	local := s.Local()
	if err := s.Connect(netip.AddrPort{}); err != nil {
		t.Fatal(err)
	}
	_, _ = stranger.WriteToUDPAddrPort([]byte("stranger"), local)
	if g := <-got; g != "stranger" {
		t.Errorf("heard %q", g)
	}
	if err := s.Send([]byte("x"), netip.AddrPort{}); !errors.Is(err, ErrPeer) {
		t.Errorf("sending nowhere: %v", err)
	}
	if err := s.Send([]byte("x"), netip.MustParseAddrPort("[::1]:9")); !errors.Is(err, ErrPeer) {
		t.Errorf("sending to IPv6: %v", err)
	}
}

// A peer that is gone answers with ICMP, which must not end anything.
func TestRefused(t *testing.T) {
	p := start(t, Config{})
	got := make(chan string, 8)
	s, err := p.Single("", nil, receive(func(_ *Socket, b []byte, _ netip.AddrPort, _ time.Time) { got <- string(b) }))
	if err != nil {
		t.Fatal(err)
	}
	c := dial(t, loopback)
	peer := where(c)
	if err := s.Connect(peer); err != nil {
		t.Fatal(err)
	}
	c.Close()
	for range 20 {
		if err := s.Send([]byte("anybody"), netip.AddrPort{}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Millisecond)
	}
	if n := s.Counters().Refused; n == 0 {
		t.Error("no refusal was counted")
	}
	back, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(peer))
	if err != nil {
		t.Skipf("the port was taken by somebody else: %v", err)
	}
	defer back.Close()
	_, _ = back.WriteToUDPAddrPort([]byte("here"), s.Local())
	if g := <-got; g != "here" {
		t.Errorf("heard %q", g)
	}
}

// Many goroutines send to sockets that are being closed: nothing is received
// after Close, no descriptor is lost, and nothing crosses to another socket.
func TestCloseWhileReceiving(t *testing.T) {
	p := start(t, Config{Workers: 2})
	c := dial(t, loopback)
	var stop atomic.Bool
	var target atomic.Uint32
	var wait sync.WaitGroup
	wait.Go(func() {
		for !stop.Load() {
			if port := target.Load(); port != 0 {
				_, _ = c.WriteToUDPAddrPort([]byte("flood"), netip.AddrPortFrom(loopback, uint16(port)))
			}
		}
	})
	defer func() { stop.Store(true); wait.Wait() }()
	for range 200 {
		var closed atomic.Bool
		var seen atomic.Int64
		s, err := p.Single("", nil, receive(func(s *Socket, b []byte, from netip.AddrPort, _ time.Time) {
			if closed.Load() {
				t.Error("Receive after Close returned")
			}
			seen.Add(1)
			_ = s.Send(b, from)
		}))
		if err != nil {
			t.Fatal(err)
		}
		target.Store(uint32(s.Local().Port()))
		for range 1000 {
			if seen.Load() > 0 {
				break
			}
			time.Sleep(100 * time.Microsecond)
		}
		if seen.Load() == 0 {
			t.Fatal("nothing arrived")
		}
		var both sync.WaitGroup
		for range 2 {
			both.Go(s.Close)
		}
		both.Wait()
		closed.Store(true)
		if err := s.Send([]byte("x"), where(c)); !errors.Is(err, ErrClosed) {
			t.Errorf("Send after Close: %v", err)
		}
		if err := s.Connect(where(c)); !errors.Is(err, ErrClosed) {
			t.Errorf("Connect after Close: %v", err)
		}
	}
}

func TestCloseFromReceive(t *testing.T) {
	p := start(t, Config{Workers: 1})
	other, err := p.Single("", nil, receive(func(*Socket, []byte, netip.AddrPort, time.Time) { t.Error("the other was closed") }))
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan bool, 4)
	var calls atomic.Int64
	s, err := p.Single("", other, receive(func(s *Socket, b []byte, _ netip.AddrPort, _ time.Time) {
		calls.Add(1)
		s.Close()
		other.Close()
		done <- true
	}))
	if err != nil {
		t.Fatal(err)
	}
	c := dial(t, loopback)
	for range 10 {
		_, _ = c.WriteToUDPAddrPort([]byte("x"), s.Local())
	}
	<-done
	_, _ = c.WriteToUDPAddrPort([]byte("x"), other.Local())
	time.Sleep(20 * time.Millisecond)
	if n := calls.Load(); n != 1 {
		t.Errorf("%d calls of Receive, want 1", n)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.sockets) != 0 {
		t.Errorf("%d sockets are left", len(p.sockets))
	}
}

// A flood on one port leaves the others their turn.
func TestFloodDoesNotStarve(t *testing.T) {
	p := start(t, Config{Workers: 1})
	flooded, err := p.Single("", nil, receive(func(*Socket, []byte, netip.AddrPort, time.Time) {
		time.Sleep(200 * time.Microsecond) // so that the queue never empties
	}))
	if err != nil {
		t.Fatal(err)
	}
	heard := make(chan time.Time, 1)
	quiet, err := p.Single("", nil, receive(func(*Socket, []byte, netip.AddrPort, time.Time) { heard <- time.Now() }))
	if err != nil {
		t.Fatal(err)
	}
	c := dial(t, loopback)
	for range 150 {
		_, _ = c.WriteToUDPAddrPort([]byte("flood"), flooded.Local())
	}
	sent := time.Now()
	before := flooded.Counters().PacketsIn
	_, _ = c.WriteToUDPAddrPort([]byte("quiet"), quiet.Local())
	at := <-heard
	served := flooded.Counters().PacketsIn - before
	if served > 3*burst {
		t.Errorf("%d flood packets came first (%v)", served, at.Sub(sent))
	}
}

func TestQueueDropsAreCounted(t *testing.T) {
	p := start(t, Config{Workers: 1})
	hold := make(chan bool)
	var first sync.Once
	s, err := p.Single("", nil, receive(func(*Socket, []byte, netip.AddrPort, time.Time) { first.Do(func() { <-hold }) }))
	if err != nil {
		t.Fatal(err)
	}
	c := dial(t, loopback)
	for range 2000 {
		_, _ = c.WriteToUDPAddrPort(make([]byte, 172), s.Local())
	}
	if got := s.Counters().DropsIn; got == 0 || got >= 2000 {
		t.Errorf("%d of 2000 counted as dropped", got)
	}
	close(hold)
}

func TestSocketOptions(t *testing.T) {
	p := start(t, Config{DSCP: 34})
	s, err := p.Single("", nil, receive(func(*Socket, []byte, netip.AddrPort, time.Time) {}))
	if err != nil {
		t.Fatal(err)
	}
	if tos, err := unix.GetsockoptInt(s.fd, unix.IPPROTO_IP, unix.IP_TOS); err != nil || tos != 34<<2 {
		t.Errorf("tos %d, %v", tos, err)
	}
	if n, err := unix.GetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_RCVBUF); err != nil || n < 64<<10 {
		t.Errorf("receive buffer %d, %v", n, err)
	}
}

func TestRangeUsedUp(t *testing.T) {
	p := start(t, Config{PortMin: 41870, PortMax: 41873})
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
		if err := open(); !errors.Is(err, ErrPorts) || !strings.Contains(err.Error(), "41870-41873") || !strings.Contains(err.Error(), "widen") {
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
	for port := 41880; port < 41890; port += 2 {
		c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port + 1})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		held = append(held, c)
	}
	p := start(t, Config{PortMin: 41880, PortMax: 41889})
	nobody := receive(func(*Socket, []byte, netip.AddrPort, time.Time) {})
	if _, _, err := p.Pair("", nil, nobody); !errors.Is(err, ErrPorts) {
		t.Errorf("all odd ports are held: %v", err)
	}
	held[3].Close()
	a, _, err := p.Pair("", nil, nobody)
	if err != nil || a.Local().Port() != 41886 {
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
	goroutines, files := runtime.NumGoroutine(), openFiles(t)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	cycle(10_000)
	runtime.GC()
	runtime.ReadMemStats(&after)
	if n := runtime.NumGoroutine(); n > goroutines {
		t.Errorf("%d goroutines, %d before", n, goroutines)
	}
	if n := openFiles(t); n > files {
		t.Errorf("%d descriptors, %d before", n, files)
	}
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 1<<20 {
		t.Errorf("the heap grew by %d octets", grown)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.sockets) != 0 || p.nets[0].ports.inUse != 0 || p.workers[0].count.Load() != 0 {
		t.Errorf("%d sockets, %d ports, %d watched are left", len(p.sockets), p.nets[0].ports.inUse, p.workers[0].count.Load())
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
		if n := p.nets[0].ports.inUse; n != len(p.sockets) {
			t.Errorf("%d ports are taken by %d sockets", n, len(p.sockets))
		}
		return
	}
	t.Error("20 pairs within 5 descriptors")
}
