package memnet

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"tandem/media/relay"
)

var loopback = netip.MustParseAddr("127.0.0.1")

func listen(t *testing.T, n *Net) *Conn {
	t.Helper()
	c, err := n.Listen(netip.AddrPortFrom(loopback, 0))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func read(t *testing.T, c *Conn) (string, netip.AddrPort) {
	t.Helper()
	b := make([]byte, 100)
	n, from, err := c.ReadFromUDPAddrPort(b)
	if err != nil {
		t.Fatal(err)
	}
	return string(b[:n]), from
}

func TestPorts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New()
		a, b, c := listen(t, n), listen(t, n), listen(t, n)
		if _, err := n.Listen(a.Local()); !errors.Is(err, syscall.EADDRINUSE) {
			t.Errorf("a port bound twice: %v", err)
		}
		for _, s := range []string{"one", "two"} {
			if _, err := a.WriteToUDPAddrPort([]byte(s), b.Local()); err != nil {
				t.Fatal(err)
			}
		}
		for _, want := range []string{"one", "two"} {
			if got, from := read(t, b); got != want || from != a.Local() {
				t.Errorf("%q from %v, want %q from %v", got, from, want, a.Local())
			}
		}
		b.Connect(a.Local())
		_, _ = c.WriteTo([]byte("stranger"), b.LocalAddr())
		_, _ = a.WriteTo([]byte("friend"), b.LocalAddr())
		if got, _ := read(t, b); got != "friend" {
			t.Errorf("connected, it heard %q", got)
		}
		b.Connect(netip.AddrPort{})
		_, _ = c.WriteTo([]byte("stranger"), b.LocalAddr())
		if got, _ := read(t, b); got != "stranger" {
			t.Errorf("open again, it heard %q", got)
		}
		for range capacity + 3 {
			_, _ = a.WriteToUDPAddrPort([]byte("flood"), c.Local())
		}
		if d := c.Drops(); d != 3 {
			t.Errorf("%d datagrams were dropped, want 3", d)
		}
	})
}

func TestDeadlineAndClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := listen(t, New())
		begun := time.Now()
		_ = c.SetReadDeadline(begun.Add(time.Minute))
		if _, _, err := c.ReadFrom(make([]byte, 10)); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(begun) != time.Minute {
			t.Errorf("%v after %v", err, time.Since(begun))
		}
		_ = c.SetReadDeadline(time.Time{})
		for _, end := range []func(){func() { _ = c.SetReadDeadline(time.Now()) }, func() { _ = c.SetReadDeadline(time.Time{}); c.Close() }} {
			ended := make(chan error)
			go func() {
				_, _, err := c.ReadFromUDPAddrPort(make([]byte, 10))
				ended <- err
			}()
			synctest.Wait()
			end()
			if err := <-ended; !errors.Is(err, os.ErrDeadlineExceeded) && !errors.Is(err, net.ErrClosed) {
				t.Errorf("a read that waited ended with %v", err)
			}
		}
		if _, err := c.WriteToUDPAddrPort([]byte("x"), c.Local()); !errors.Is(err, net.ErrClosed) {
			t.Errorf("writing to a closed port: %v", err)
		}
	})
}

// receiver is a relay.Receiver.
type receiver func(s *relay.Socket, b []byte, from netip.AddrPort, at time.Time)

func (r receiver) Receive(s *relay.Socket, b []byte, from netip.AddrPort, at time.Time) {
	r(s, b, from, at)
}

// A plane serves the ports of a network as it serves the kernel's: pairs,
// connecting, closing, and times of the virtual clock.
func TestPlane(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New()
		plane, err := relay.Open(relay.Config{Interfaces: []relay.Interface{{Name: "x", Bind: loopback}}, Network: n})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- plane.Run(ctx) }()
		a, b := listen(t, n), listen(t, n)
		var times []time.Duration
		begun := time.Now()
		echo := receiver(func(s *relay.Socket, b []byte, from netip.AddrPort, at time.Time) {
			times = append(times, at.Sub(begun))
			if err := s.Send(append(b, '!'), from); err != nil {
				t.Error(err)
			}
		})
		rtp, rtcp, err := plane.Pair("", nil, echo)
		if err != nil {
			t.Fatal(err)
		}
		if rtp.Local().Port()&1 != 0 || rtcp.Local().Port() != rtp.Local().Port()+1 {
			t.Errorf("pair %v %v", rtp.Local(), rtcp.Local())
		}
		for _, s := range []*relay.Socket{rtp, rtcp} {
			time.Sleep(time.Hour)
			_, _ = a.WriteToUDPAddrPort([]byte("hello"), s.Local())
			if got, from := read(t, a); got != "hello!" || from != s.Local() {
				t.Errorf("%q from %v", got, from)
			}
		}
		if want := []time.Duration{time.Hour, 2 * time.Hour}; !slices.Equal(times, want) {
			t.Errorf("received at %v, want %v", times, want)
		}
		if err := rtp.Connect(a.Local()); err != nil {
			t.Fatal(err)
		}
		_, _ = b.WriteToUDPAddrPort([]byte("stranger"), rtp.Local())
		_, _ = a.WriteToUDPAddrPort([]byte("friend"), rtp.Local())
		synctest.Wait()
		if got := rtp.Counters(); got.PacketsIn != 2 || got.PacketsOut != 2 || got.OctetsOut != 13 {
			t.Errorf("counters %+v", got)
		}
		rtcp.Close()
		if again, err := n.Listen(rtcp.Local()); err != nil {
			t.Errorf("a closed port is not free: %v", err)
		} else {
			again.Close()
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if again, err := n.Listen(rtp.Local()); err != nil {
			t.Errorf("a port is not free after the plane has ended: %v", err)
		} else {
			again.Close()
		}
	})
}
