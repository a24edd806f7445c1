package relay

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

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
			begun := time.Now()
			p := start(t, Config{Interfaces: []Interface{{Name: "x", Bind: addr, Advertise: netip.MustParseAddr("192.0.2.7")}}})
			rtp, rtcp, err := p.Pair("x", nil, receive(func(s *Socket, b []byte, from netip.AddrPort, at time.Time) {
				if cap(b)-len(b) < spare || at.Before(begun.Add(-time.Second)) || time.Since(at) < -time.Second {
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
				for range 30_000 { // the last one sent is counted after it arrives
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
		for end := time.Now().Add(30 * time.Second); seen.Load() == 0 && time.Now().Before(end); {
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
	left := func() int {
		p.mu.Lock()
		defer p.mu.Unlock()
		return len(p.sockets)
	}
	for end := time.Now().Add(30 * time.Second); left() != 0 && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	if calls, left := calls.Load(), left(); calls != 1 || left != 0 {
		t.Errorf("%d calls of Receive, want 1; %d sockets are left", calls, left)
	}
}

// A flood on one port leaves the others their turn.
func TestFloodDoesNotStarve(t *testing.T) {
	p := start(t, Config{Workers: 1})
	all := make(chan struct{}) // has been sent, and waits in the queues
	var served atomic.Int64
	flooded, err := p.Single("", nil, receive(func(*Socket, []byte, netip.AddrPort, time.Time) {
		<-all
		served.Add(1)
	}))
	if err != nil {
		t.Fatal(err)
	}
	heard := make(chan int64, 1)
	quiet, err := p.Single("", nil, receive(func(*Socket, []byte, netip.AddrPort, time.Time) { heard <- served.Load() }))
	if err != nil {
		t.Fatal(err)
	}
	c := dial(t, loopback)
	for range 150 {
		_, _ = c.WriteToUDPAddrPort([]byte("flood"), flooded.Local())
	}
	_, _ = c.WriteToUDPAddrPort([]byte("quiet"), quiet.Local())
	close(all)
	if n := <-heard; n > 3*burst {
		t.Errorf("%d flood packets came first", n)
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
