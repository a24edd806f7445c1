package relay

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os/exec"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"tandem/media/internal/rtptest"
	"tandem/media/rewrite"
)

// space is a network namespace, reached through a thread that lives in it.
type space struct {
	work chan func()
	path string
}

// enterSpace puts the test's own thread into a new network namespace with
// loopback up. The thread ends with the test.
func enterSpace(t testing.TB) {
	t.Helper()
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		if errors.Is(err, unix.EPERM) {
			t.Skipf("CANNOT RUN HERE: the kernel path is tested in a network namespace, which needs CAP_SYS_ADMIN: %v", err)
		}
		t.Fatal(err)
	}
	up(t, "lo")
}

func newSpace(t testing.TB) *space {
	s := &space{work: make(chan func())}
	ready := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends here
		ready <- unix.Unshare(unix.CLONE_NEWNET)
		for f := range s.work {
			f()
		}
	}()
	if err := <-ready; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { close(s.work) })
	s.in(func() {
		s.path = fmt.Sprintf("/proc/%d/task/%d/ns/net", unix.Getpid(), unix.Gettid())
		up(t, "lo")
	})
	return s
}

func (s *space) in(f func()) {
	done := make(chan bool)
	s.work <- func() { f(); close(done) }
	<-done
}

func up(t testing.TB, name string) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Error(err)
		return
	}
	defer unix.Close(fd)
	request, err := unix.NewIfreq(name)
	if err == nil {
		request.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
		err = unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, request)
	}
	if err != nil {
		t.Errorf("bringing %s up: %v", name, err)
	}
}

// finishChecksums makes an interface send with whole checksums, as hardware
// does, instead of leaving them to be finished by nobody.
func finishChecksums(t testing.TB, name string) {
	t.Helper()
	const setTxCsum = 0x17
	value := struct{ command, on uint32 }{setTxCsum, 0}
	var request struct {
		name [unix.IFNAMSIZ]byte
		data unsafe.Pointer
		_    [16]byte
	}
	copy(request.name[:], name)
	request.data = unsafe.Pointer(&value)
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Error(err)
		return
	}
	defer unix.Close(fd)
	if _, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&request))); e != 0 {
		t.Errorf("ethtool on %s: %v", name, e)
	}
}

func ip(t testing.TB, args string) {
	t.Helper()
	if out, err := exec.Command("ip", strings.Fields(args)...).CombinedOutput(); err != nil {
		t.Fatalf("ip %s: %v: %s (this test needs iproute2)", args, err, out)
	}
}

// wired joins this namespace to a new one by a virtual cable with whole
// checksums at both ends.
func wired(t testing.TB, name, near4, far4, near6, far6 string) *space {
	t.Helper()
	s := newSpace(t)
	ip(t, fmt.Sprintf("link add %s type veth peer name far netns %s", name, s.path))
	ip(t, fmt.Sprintf("address add %s/24 dev %s", near4, name))
	ip(t, fmt.Sprintf("address add %s/64 dev %s nodad", near6, name))
	ip(t, "link set "+name+" up")
	finishChecksums(t, name)
	s.in(func() {
		ip(t, "address add "+far4+"/24 dev far")
		ip(t, "address add "+far6+"/64 dev far nodad")
		ip(t, "link set far up")
		ip(t, "route add default via "+near4)
		ip(t, "-6 route add default via "+near6)
		finishChecksums(t, "far")
	})
	return s
}

// openKernel opens a plane with the kernel path, in the thread's namespace.
func openKernel(t testing.TB, interfaces ...Interface) *Plane {
	t.Helper()
	p, err := Open(Config{Interfaces: interfaces, Kernel: kernelOn, Workers: 1, PortMin: 40000, PortMax: 40099})
	if errors.Is(err, unix.EPERM) {
		t.Skipf("CANNOT RUN HERE: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

// serve runs a plane's loop until the test ends, on a thread of any namespace.
func serve(t testing.TB, p *Plane) {
	t.Helper()
	ctx := t.Context()
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	t.Cleanup(func() {
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// pairOf sockets of which the first counts what reaches it.
func pairOf(t testing.TB, p *Plane, in, out string, heard *atomic.Int64) (a, b *Socket) {
	t.Helper()
	a, err := p.Single(in, nil, receive(func(*Socket, []byte, netip.AddrPort, time.Time) { heard.Add(1) }))
	if err != nil {
		t.Fatal(err)
	}
	b, err = p.Single(out, a, receive(func(*Socket, []byte, netip.AddrPort, time.Time) {}))
	if err != nil {
		t.Fatal(err)
	}
	return a, b
}

func flowOf(in, out *Socket, from, to netip.AddrPort) Flow {
	f := Flow{In: in, From: from, Out: out, To: to, Types: rewrite.Same(), Clock: 8000,
		Offsets: rewrite.Offsets{In: 0x01020304, Out: 0xa0b0c0d0, Sequence: 0xfff0, Timestamp: 0xffff_ff00}}
	f.Types[8], f.Types[13] = 118, rewrite.Drop
	return f
}

// checkForwarded sends packets of every size through a flow and looks at what
// comes out.
func checkForwarded(t *testing.T, c, peer *net.UDPConn, f Flow, o *Offloaded, heard *atomic.Int64) {
	t.Helper()
	before, begun := o.Counters(), time.Now()
	start := heard.Load()
	var octets uint64
	const n = 40
	for i := range n {
		b := append(rtptest.Packet(f.Offsets.In, uint16(i*1630), uint32(i)*160, 0x80|8), make([]byte, i)...)
		for j := rtpHeader; j < len(b); j++ {
			b[j] = byte(i * j)
		}
		octets += uint64(len(b))
		if _, err := c.WriteToUDPAddrPort(b, f.In.Local()); err != nil {
			t.Fatal(err)
		}
		got, from := read(t, peer)
		if from != f.Out.Local() {
			t.Fatalf("packet %d came from %v, want %v", i, from, f.Out.Local())
		}
		g := []byte(got)
		if len(g) != len(b) || string(g[rtpHeader:]) != string(b[rtpHeader:]) || g[0] != 0x80 || g[1] != 0x80|118 ||
			binary.BigEndian.Uint16(g[2:]) != uint16(i*1630)+0xfff0 ||
			binary.BigEndian.Uint32(g[4:]) != uint32(i)*160+0xffff_ff00 ||
			binary.BigEndian.Uint32(g[8:]) != f.Offsets.Out {
			t.Fatalf("packet %d: % x", i, g[:rtpHeader])
		}
	}
	if n := heard.Load() - start; n != 0 {
		t.Errorf("%d packets came to the socket", n)
	}
	after := o.Counters()
	if after.Packets-before.Packets != n || after.Octets-before.Octets != octets || after.LastPacket.Before(begun.Add(-time.Second)) || time.Since(after.LastPacket) < -time.Millisecond {
		t.Errorf("counters %+v after %+v, want %d packets, %d octets", after, before, n, octets)
	}
}

func TestKernelLoopback(t *testing.T) {
	for _, addr := range []netip.Addr{loopback, netip.IPv6Loopback()} {
		t.Run(addr.String(), func(t *testing.T) {
			enterSpace(t)
			p := openKernel(t, Interface{Name: "a", Bind: addr})
			if ok, why := p.Kernel(); !ok || !strings.Contains(why, "lo") {
				t.Errorf("Kernel: %v, %q", ok, why)
			}
			var heard atomic.Int64
			in, out := pairOf(t, p, "a", "a", &heard)
			c, peer, stranger := dial(t, addr), dial(t, addr), dial(t, addr)
			serve(t, p)
			f := flowOf(in, out, where(c), where(peer))
			o, err := p.Offload(f)
			if err != nil {
				t.Fatal(err)
			}
			checkForwarded(t, c, peer, f, o, &heard)

			// Everything that is not exactly the flow goes up to the socket.
			good := rtptest.Packet(f.Offsets.In, 70, 0, 8)
			bad := func(change func(b []byte)) []byte {
				b := append([]byte(nil), good...)
				change(b)
				return b
			}
			for name, b := range map[string][]byte{
				"version 1":    bad(func(b []byte) { b[0] = 0x40 }),
				"another SSRC": bad(func(b []byte) { b[11]++ }),
				"dropped type": bad(func(b []byte) { b[1] = 13 }),
				"RTCP":         bad(func(b []byte) { b[1] = 200 }),
				"too short":    good[:11],
				"nothing":      {},
				"STUN":         bad(func(b []byte) { b[0] = 0 }),
				"zeros":        make([]byte, 65000),
			} {
				start := heard.Load()
				_, _ = c.WriteToUDPAddrPort(b, in.Local())
				if !arrives(&heard, start) {
					t.Errorf("%s did not come to the socket", name)
				}
			}
			start := heard.Load()
			_, _ = stranger.WriteToUDPAddrPort(good, in.Local())
			if !arrives(&heard, start) {
				t.Error("a stranger's did not come to the socket")
			}
			if got := o.Counters(); got.Packets != 40 || got.Passed != 2 {
				t.Errorf("counters %+v", got)
			}
			last := o.Close()
			if last != o.Counters() || last.Packets != 40 || last.SSRC != f.Offsets.In || last.Sequence != uint16(39*1630%65536) || last.Timestamp != 39*160 {
				t.Errorf("last counters %+v", last)
			}
			start = heard.Load()
			_, _ = c.WriteToUDPAddrPort(good, in.Local())
			if !arrives(&heard, start) {
				t.Error("after Close packets come to the socket")
			}
		})
	}
}

func arrives(heard *atomic.Int64, start int64) bool {
	for range 6000 {
		if heard.Load() > start {
			return true
		}
		time.Sleep(5 * time.Millisecond)
	}
	return false
}

// From a machine on one network to a machine on another, with checksums that
// the receiving kernel looks at.
func TestKernelForwards(t *testing.T) {
	enterSpace(t)
	near := wired(t, "west", "10.9.1.1", "10.9.1.2", "fd09:1::1", "fd09:1::2")
	far := wired(t, "east", "10.9.2.1", "10.9.2.2", "fd09:2::1", "fd09:2::2")
	for name, a := range map[string][4]string{
		"IPv4": {"10.9.1.1", "10.9.1.2", "10.9.2.1", "10.9.2.2"},
		"IPv6": {"fd09:1::1", "fd09:1::2", "fd09:2::1", "fd09:2::2"},
	} {
		p := openKernel(t, Interface{Name: "west", Bind: netip.MustParseAddr(a[0])}, Interface{Name: "east", Bind: netip.MustParseAddr(a[2])})
		var heard atomic.Int64
		in, out := pairOf(t, p, "west", "east", &heard)
		serve(t, p)
		var c, peer *net.UDPConn
		near.in(func() { c = dial(t, netip.MustParseAddr(a[1])) })
		far.in(func() { peer = dial(t, netip.MustParseAddr(a[3])) })
		f := flowOf(in, out, where(c), where(peer))
		o, err := p.Offload(f)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		checkForwarded(t, c, peer, f, o, &heard)

		// One of this machine sends to the far one: its checksum is finished
		// only on the way out.
		local := dial(t, netip.MustParseAddr(a[0]))
		f = flowOf(in, out, where(local), where(peer))
		o, err = p.Offload(f)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		checkForwarded(t, local, peer, f, o, &heard)
		if t.Failed() {
			t.Fatalf("in %s", name)
		}
	}
}

func TestOffloadIsChecked(t *testing.T) {
	enterSpace(t)
	p := openKernel(t, Interface{Name: "a", Bind: loopback}, Interface{Name: "any", Bind: netip.IPv4Unspecified(), Advertise: loopback},
		Interface{Name: "six", Bind: netip.IPv6Loopback()})
	serve(t, p)
	var heard atomic.Int64
	in, out := pairOf(t, p, "a", "a", &heard)
	_, wild := pairOf(t, p, "a", "six", &heard)
	from, to := netip.MustParseAddrPort("127.0.0.1:5000"), netip.MustParseAddrPort("127.0.0.1:5002")
	fixed, err := p.Fixed("a", 40100, receive(nil)) // 0 could be given one of the range
	if err != nil {
		t.Fatal(err)
	}
	open, err := p.Single("any", nil, receive(nil))
	if err != nil {
		t.Fatal(err)
	}
	for name, f := range map[string]Flow{
		"no port":        flowOf(in, out, from, netip.MustParseAddrPort("127.0.0.1:0")),
		"other version":  flowOf(in, wild, from, to),
		"not the range":  flowOf(fixed, out, from, to),
		"unbound":        flowOf(open, out, from, to),
		"no way there":   flowOf(in, out, from, netip.MustParseAddrPort("192.0.2.1:5000")),
		"other versions": flowOf(in, out, netip.MustParseAddrPort("[::1]:5000"), to),
	} {
		if o, err := p.Offload(f); !errors.Is(err, errKernel) {
			t.Errorf("%s: %v, %v", name, o, err)
		}
	}
	f := flowOf(in, out, from, to)
	o, err := p.Offload(f)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Offload(f); !errors.Is(err, errKernel) {
		t.Errorf("twice: %v", err)
	}
	out.Close()
	if !o.Ended() {
		t.Error("the flow outlives its socket")
	}
	if _, err := p.Offload(f); !errors.Is(err, ErrClosed) {
		t.Errorf("with a closed socket: %v", err)
	}
	if len(in.flows) != 0 {
		t.Errorf("the other socket still lists %d flows", len(in.flows))
	}
}

// Without rights or wish the plane works, and says why packets take the long way.
func TestKernelFallsBack(t *testing.T) {
	p := start(t, Config{Kernel: kernelOff})
	if ok, why := p.Kernel(); ok || why == "" {
		t.Errorf("Kernel: %v, %q", ok, why)
	}
	if _, err := p.Offload(Flow{}); !errors.Is(err, errKernel) {
		t.Errorf("Offload: %v", err)
	}
	p, err := Open(Config{Interfaces: []Interface{{Bind: netip.IPv4Unspecified(), Advertise: loopback}}, Kernel: kernelAuto})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if ok, why := p.Kernel(); ok || why == "" {
		t.Errorf("Kernel: %v, %q", ok, why)
	}
	if _, err := Open(Config{Interfaces: []Interface{{Bind: netip.IPv4Unspecified(), Advertise: loopback}}, Kernel: kernelOn}); err == nil {
		t.Error("on is an error when it cannot be")
	}
}

func TestKernelJitterAndLoss(t *testing.T) {
	enterSpace(t)
	p := openKernel(t, Interface{Name: "a", Bind: loopback})
	var heard atomic.Int64
	in, out := pairOf(t, p, "a", "a", &heard)
	c, peer := dial(t, loopback), dial(t, loopback)
	f := flowOf(in, out, where(c), where(peer))
	o, err := p.Offload(f)
	if err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	for i, seq := range []uint16{65533, 65534, 2, 1, 3} { // 65535 and 0 are lost, 1 is late
		_, _ = c.WriteToUDPAddrPort(rtptest.Packet(f.Offsets.In, seq, uint32(seq)*160, 8), in.Local())
		read(t, peer)
		if i == 0 {
			time.Sleep(50 * time.Millisecond) // 30 ms late: 240 ticks
		}
	}
	got := o.Close()
	if got.Packets != 5 || got.Lost != 2 || got.Late != 1 || got.Sequence != 3 {
		t.Errorf("counters %+v", got)
	}
	// A sixteenth of what each was off; the timestamps go to and fro by eight packets.
	if most := (time.Since(begun).Milliseconds() + 8*20) * 8 / 16; got.Jitter < 10 || int64(got.Jitter) > most+1 {
		t.Errorf("jitter %d ticks, want at most %d", got.Jitter, most)
	}
}
