package relay

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"tandem/media/internal/rtptest"
	"tandem/media/latch"
	"tandem/media/rewrite"
)

// What a relayed packet costs, as the CPU time of all threads but the one that
// sends and receives (the runtime's share is in it), which on loopback includes delivery into the receiver's
// socket. Each leg sends 50 packets of G.711 a second. Run it with
//
//	go test -run xxx -bench Relay -benchtime 1x ./media/relay
//
// on a quiet machine; "floor" is the same traffic through nothing but recvfrom
// and send.

// leg is one direction of a call: a sender, the relay's two ports, a receiver.
type leg struct {
	from, to int // descriptors of the generator
	in       netip.AddrPort
	side     *benchSide
}

// benchSide does what a session does for each packet at least.
type benchSide struct {
	latch   latch.Media
	rewrite *rewrite.Stream
	out     *Socket
	to      netip.AddrPort
	bare    bool
}

func (d *benchSide) Receive(s *Socket, b []byte, from netip.AddrPort, at time.Time) {
	if d.bare {
		_ = d.out.Send(b, d.to)
		return
	}
	v := d.latch.Packet(from, b, at, true)
	if v == latch.Drop {
		return
	}
	if v == latch.Settled {
		_ = s.Connect(from)
	}
	if d.rewrite.Apply(b, at) {
		_ = d.out.Send(b, d.to)
	}
}

func udp(b *testing.B) (fd int, at netip.AddrPort) {
	b.Helper()
	fd, err := openSocket(netip.AddrPortFrom(loopback, 0), 0)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { unix.Close(fd) })
	at, err = boundTo(fd)
	if err != nil {
		b.Fatal(err)
	}
	return fd, at
}

func legs(b *testing.B, p *Plane, n int, bare bool) (all []leg) {
	b.Helper()
	for i := range n {
		side := &benchSide{rewrite: rewrite.New(uint32(i)), bare: bare}
		side.rewrite.Clock = 8000
		l := leg{side: side}
		var from netip.AddrPort
		l.from, from = udp(b)
		l.to, side.to = udp(b)
		in, err := p.Single("", nil, side)
		if err != nil {
			b.Fatal(err)
		}
		if side.out, err = p.Single("", in, receive(func(*Socket, []byte, netip.AddrPort, time.Time) {})); err != nil {
			b.Fatal(err)
		}
		l.in = in.Local()
		side.latch.Open(from, netip.Addr{}, time.Now())
		if bare {
			if err := in.Connect(from); err != nil {
				b.Fatal(err)
			}
		}
		if err := side.out.Connect(side.to); err != nil {
			b.Fatal(err)
		}
		var a sockaddr
		a.put(l.in, false)
		if e := connect(l.from, &a); e != 0 {
			b.Fatal(e)
		}
		all = append(all, l)
	}
	return all
}

// traffic sends on all legs for a while, evenly spread, and drains what comes.
func traffic(all []leg, seconds float64, each func()) (sent, came int) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	b := rtptest.Packet(7, 0, 0, 0)
	into := make([]byte, 2048)
	var from sockaddr

	begin := time.Now()
	for tick := 0; ; tick++ {
		slot, round := tick%slots, tick/slots
		next := begin.Add(time.Duration(tick) * 20 * time.Millisecond / slots)
		if next.Sub(begin).Seconds() > seconds {
			break
		}
		if d := time.Until(next); d > 0 {
			ts := unix.NsecToTimespec(int64(d))
			_ = unix.Nanosleep(&ts, nil)
		}
		binary.BigEndian.PutUint16(b[2:], uint16(round))
		binary.BigEndian.PutUint32(b[4:], uint32(round)*160)
		for i := slot; i < len(all); i += slots {
			if sendTo(all[i].from, b, nil) == 0 {
				sent++
			}
		}
		if each != nil {
			each()
		}
		for i := (slot + slots/2) % slots; i < len(all); i += slots {
			for {
				if _, e := receiveFrom(all[i].to, into, &from); e != 0 {
					break
				}
				came++
			}
		}
	}
	time.Sleep(20 * time.Millisecond)
	for _, l := range all {
		for {
			if _, e := receiveFrom(l.to, into, &from); e != 0 {
				break
			}
			came++
		}
	}
	return sent, came
}

// slots of 20 ms in which legs take turns.
const slots = 200

// relayTime is how long all threads but the caller's were on a CPU.
func relayTime() time.Duration {
	var ts unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &ts)
	return time.Duration(ts.Nano()) - ownTime()
}

// ownTime is the same of the calling thread.
func ownTime() time.Duration {
	var ts unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ts)
	return time.Duration(ts.Nano())
}

func BenchmarkRelay(b *testing.B) {
	for _, n := range []int{200, 1000, 2000} {
		b.Run(fmt.Sprintf("floor/legs=%d", n), func(b *testing.B) { benchFloor(b, n) })
		b.Run(fmt.Sprintf("bare/legs=%d", n), func(b *testing.B) { benchRelay(b, n, true) })
		b.Run(fmt.Sprintf("full/legs=%d", n), func(b *testing.B) { benchRelay(b, n, false) })
	}
}

func benchRelay(b *testing.B, n int, bare bool) {
	p := start(b, Config{Workers: 1, PortMin: 20000, PortMax: 29999})
	all := legs(b, p, n, bare)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	traffic(all, 0.2, nil)
	for b.Loop() {
		turns, before := p.workers[0].turn, relayTime()
		sent, came := traffic(all, 2, nil)
		used := relayTime() - before
		report(b, used, sent, came)
		b.ReportMetric(float64(came)/float64(p.workers[0].turn-turns), "packets/wake")
	}
}

func report(b *testing.B, used time.Duration, sent, came int) {
	b.ReportMetric(float64(used.Nanoseconds())/float64(came), "cpu-ns/packet")
	b.ReportMetric(100*float64(sent-came)/float64(sent), "%lost")
}

// BenchmarkKernel is the same with all legs forwarded by the kernel: what the
// relay's own thread still does, and what the program takes in the sender's
// time.
func BenchmarkKernel(b *testing.B) {
	const n = 2000
	enterSpace(b)
	p, err := Open(Config{Interfaces: []Interface{{Bind: loopback}}, Kernel: kernelOn, Workers: 1, PortMin: 20000, PortMax: 29999})
	if errors.Is(err, unix.EPERM) {
		b.Skipf("CANNOT RUN HERE: %v", err)
	}
	if err != nil {
		b.Fatal(err)
	}
	all := legs(b, p, n, false)
	serve(b, p)
	for s := range p.sockets {
		d, ok := s.receiver.(*benchSide)
		if !ok {
			continue
		}
		f := Flow{In: s, From: d.latch.Peer(), Out: d.out, To: d.to, Types: rewrite.Same(), Offsets: rewrite.Offsets{In: 7, Out: 8}, Clock: 8000}
		if _, err := p.Offload(f); err != nil {
			b.Fatal(err)
		}
	}
	if stats, err := ebpf.EnableStats(uint32(unix.BPF_STATS_RUN_TIME)); err == nil {
		defer stats.Close()
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for b.Loop() {
		before := relayTime()
		sent, came := traffic(all, 2, nil)
		report(b, relayTime()-before, sent, came)
	}
	if runs, took, ok := p.kernel.forwarder.Cost(); ok {
		b.ReportMetric(float64(took.Nanoseconds())/float64(runs), "program-ns/packet")
	}
}

// benchFloor moves packets the same way with no loop, no latch and no counters:
// what the kernel takes for itself.
func benchFloor(b *testing.B, n int) {
	p, err := Open(Config{Interfaces: []Interface{{Bind: loopback}}, Kernel: kernelOff, Workers: 1, PortMin: 20000, PortMax: 29999})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(p.Close)
	all := legs(b, p, n, true)
	into := make([]byte, 2048)
	var from sockaddr
	var pairs [][2]int
	for s := range p.sockets {
		if d, ok := s.receiver.(*benchSide); ok {
			pairs = append(pairs, [2]int{s.fd, d.out.fd})
		}
	}
	byPort := map[uint16]int{}
	for s := range p.sockets {
		byPort[s.local.Port()] = s.fd
	}
	for i, l := range all {
		pairs[i] = [2]int{byPort[l.in.Port()], l.side.out.fd}
	}
	tick := 0
	for b.Loop() {
		var used time.Duration
		sent, came := traffic(all, 2, func() {
			begun := ownTime()
			for i := tick % slots; i < len(pairs); i += slots {
				if n, e := receiveFrom(pairs[i][0], into, &from); e == 0 {
					_ = sendTo(pairs[i][1], into[:n], nil)
				}
			}
			tick++
			used += ownTime() - begun
		})
		report(b, used, sent, came)
		tick = 0
	}
}
