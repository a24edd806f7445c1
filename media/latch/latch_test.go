package latch

import (
	"net/netip"
	"testing"
	"time"

	"tandem/media/internal/rtptest"
)

var (
	told     = netip.MustParseAddrPort("192.0.2.1:4000")
	natted   = netip.MustParseAddrPort("192.0.2.1:61000") // same host
	elsewere = netip.MustParseAddrPort("198.51.100.9:4000")
	stranger = netip.MustParseAddrPort("203.0.113.66:6666")
	proxy    = netip.MustParseAddr("198.51.100.9")
	none     netip.Addr
	epoch    = time.Unix(1_800_000_000, 0)
)

// step is one packet and the verdict it must get.
type step struct {
	ms   int
	from netip.AddrPort
	ssrc uint32
	seq  uint16
	bad  bool
	want Verdict
}

// run of packets 20 ms apart that all get one verdict.
func run(ms, n int, from netip.AddrPort, ssrc uint32, seq uint16, want Verdict) (all []step) {
	for i := range n {
		all = append(all, step{ms: ms + 20*i, from: from, ssrc: ssrc, seq: seq + uint16(i), want: want})
	}
	return all
}

func join(parts ...[]step) (all []step) {
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

func TestLatch(t *testing.T) {
	for name, c := range map[string]struct {
		near   netip.Addr
		strict bool
		steps  []step
		peer   netip.AddrPort
	}{
		"the signalled address is believed at once": {steps: join(
			run(0, 1, told, 1, 10, Settled), run(20, 50, told, 1, 11, Accept)), peer: told},
		"bad packets of the signalled address settle nothing": {steps: []step{
			{from: told, bad: true, want: Accept}, {ms: 20, from: told, want: Settled}}, peer: told},
		"another port of the host: three packets": {steps: join(
			run(0, 2, natted, 1, 65535, Drop), run(40, 1, natted, 1, 1, Latched),
			run(60, 1, natted, 1, 2, Settled), run(80, 9, natted, 1, 3, Accept)), peer: natted},
		"another host: six packets, settled when the window ends": {steps: join(
			run(0, 5, elsewere, 1, 1, Drop), run(100, 1, elsewere, 1, 6, Latched),
			run(120, 9, elsewere, 1, 7, Accept), run(5000, 1, elsewere, 1, 99, Settled),
			run(5020, 1, elsewere, 1, 100, Accept)), peer: elsewere},
		"the host signalling came from: three packets": {near: proxy, steps: join(
			run(0, 2, elsewere, 1, 1, Drop), run(40, 1, elsewere, 1, 3, Latched),
			run(60, 1, elsewere, 1, 4, Settled)), peer: elsewere},
		"a gap, another stream or bad packets begin the count again": {steps: join(
			run(0, 2, natted, 1, 1, Drop), run(40, 2, natted, 1, 9, Drop), run(80, 2, natted, 2, 11, Drop),
			[]step{{ms: 120, from: natted, ssrc: 2, seq: 13, bad: true, want: Drop}},
			run(140, 1, natted, 2, 13, Latched)), peer: natted},
		"after the window nobody new": {steps: join(
			run(5001, 100, natted, 1, 1, Drop), run(9000, 1, told, 5, 1, Settled)), peer: told},
		"the signalled address takes it back from one learnt": {steps: join(
			run(0, 5, stranger, 1, 1, Drop), run(100, 1, stranger, 1, 6, Latched),
			run(120, 1, told, 7, 1, Settled), run(140, 20, stranger, 1, 7, Drop)), peer: told},
		"a near source takes it back from a far one": {steps: join(
			run(0, 5, stranger, 1, 1, Drop), run(100, 1, stranger, 1, 6, Latched),
			run(120, 2, natted, 7, 1, Drop), run(160, 1, natted, 7, 3, Latched),
			run(180, 20, stranger, 1, 7, Drop)), peer: natted},
		"a far source does not take it from a near one": {steps: join(
			run(0, 2, natted, 7, 1, Drop), run(40, 1, natted, 7, 3, Latched),
			run(1000, 100, stranger, 1, 1, Drop)), peer: natted},
		"of equals the first stays while it is heard": {steps: join(
			run(0, 5, elsewere, 7, 1, Drop), run(100, 1, elsewere, 7, 6, Latched),
			run(120, 20, stranger, 1, 1, Drop), run(520, 1, elsewere, 7, 7, Accept),
			run(540, 20, stranger, 1, 50, Drop)), peer: elsewere},
		"settled is settled": {steps: join(
			run(0, 1, told, 1, 1, Settled), run(20, 100, stranger, 1, 2, Drop),
			run(20, 100, natted, 1, 2, Drop)), peer: told},
		"strict never learns": {strict: true, steps: join(
			run(0, 100, natted, 1, 1, Drop), run(2000, 1, told, 1, 1, Settled), run(2020, 9, told, 1, 2, Accept)), peer: told},
	} {
		t.Run(name, func(t *testing.T) {
			l := Media{Strict: c.strict}
			l.Open(told, c.near, epoch)
			for i, s := range c.steps {
				at := epoch.Add(time.Duration(s.ms) * time.Millisecond)
				if got := l.Packet(s.from, rtptest.Packet(s.ssrc, s.seq, 0, 0), at, !s.bad); got != s.want {
					t.Fatalf("packet %d (%d ms, %v): %v, want %v", i, s.ms, s.from, got, s.want)
				}
			}
			if l.Peer() != c.peer {
				t.Errorf("peer %v, want %v", l.Peer(), c.peer)
			}
		})
	}
}

func TestLatchAgain(t *testing.T) {
	feed := func(l *Media, from netip.AddrPort, seq uint16, at time.Duration, n int) (last Verdict) {
		for i := range n {
			last = l.Packet(from, rtptest.Packet(1, seq+uint16(i), 0, 0), epoch.Add(at+time.Duration(i)*20*time.Millisecond), true)
		}
		return last
	}
	const minute = time.Minute
	learnt := func() *Media {
		l := new(Media)
		l.Open(told, none, epoch)
		feed(l, natted, 1, 0, 4)
		return l
	}
	t.Run("a refresh keeps what was learnt", func(t *testing.T) {
		l := learnt()
		l.Open(told, none, epoch.Add(minute))
		if l.Peer() != natted {
			t.Errorf("peer %v", l.Peer())
		}
		if v := feed(l, natted, 500, minute, 1); v != Settled {
			t.Errorf("its next packet: %v", v)
		}
		if v := feed(l, stranger, 1, minute+time.Second, 50); v != Drop {
			t.Errorf("a stranger: %v", v)
		}
	})
	t.Run("a binding that moved is learnt after a refresh", func(t *testing.T) {
		l := learnt()
		moved := netip.AddrPortFrom(natted.Addr(), 61001)
		if v := feed(l, moved, 1, minute, 50); v != Drop {
			t.Errorf("before: %v", v)
		}
		l.Open(told, none, epoch.Add(2*minute))
		if v := feed(l, moved, 1, 2*minute, 3); v != Latched || l.Peer() != moved {
			t.Errorf("after: %v, %v", v, l.Peer())
		}
	})
	t.Run("nobody elsewhere takes a place media came from", func(t *testing.T) {
		for what, l := range map[string]*Media{"learnt": learnt(), "signalled": new(Media)} {
			l.Open(told, none, epoch)
			peer := told
			if what == "learnt" {
				peer = natted
			}
			feed(l, peer, 1, 0, 4)
			l.Open(told, proxy, epoch.Add(minute))
			if v := feed(l, stranger, 1, minute, 100); v != Drop || l.Peer() != peer {
				t.Errorf("%s: a stranger: %v, %v", what, v, l.Peer())
			}
			if v := feed(l, elsewere, 1, minute+2*time.Second, 3); v != Latched || l.Peer() != elsewere {
				t.Errorf("%s: from where signalling comes: %v, %v", what, v, l.Peer())
			}
		}
	})
	t.Run("a new address is believed", func(t *testing.T) {
		l := learnt()
		l.Open(elsewere, none, epoch.Add(minute))
		if v := feed(l, elsewere, 1, minute, 1); v != Settled || l.Peer() != elsewere {
			t.Errorf("%v, %v", v, l.Peer())
		}
	})
	t.Run("hold by 0.0.0.0 changes nothing and learns nothing", func(t *testing.T) {
		l := learnt()
		for _, hold := range []string{"0.0.0.0:4000", "192.0.2.1:0", "224.0.0.1:5000"} {
			l.Open(netip.MustParseAddrPort(hold), none, epoch.Add(minute))
			if v := feed(l, stranger, 1, minute, 50); v != Drop || l.Peer() != natted {
				t.Errorf("%s: %v, %v", hold, v, l.Peer())
			}
			if v := feed(l, natted, 1, minute, 1); v != Accept {
				t.Errorf("%s: %v", hold, v)
			}
		}
	})
	t.Run("before Open nobody is believed", func(t *testing.T) {
		if v := feed(new(Media), told, 1, 0, 50); v != Drop {
			t.Errorf("%v", v)
		}
	})
	t.Run("mapped addresses are those of IPv4", func(t *testing.T) {
		l := new(Media)
		l.Open(netip.MustParseAddrPort("[::ffff:192.0.2.1]:4000"), none, epoch)
		if v := feed(l, told, 1, 0, 1); v != Settled {
			t.Errorf("%v", v)
		}
	})
	t.Run("datagrams are counted", func(t *testing.T) {
		l := new(Media)
		l.Open(told, none, epoch)
		for i, want := range []Verdict{Drop, Drop, Latched, Settled, Accept} {
			if v := l.Datagram(natted, epoch.Add(time.Duration(i)*time.Millisecond), true); v != want {
				t.Errorf("%d: %v, want %v", i, v, want)
			}
		}
	})
}

// Strangers by the hundred must not keep the right source from being learnt,
// as long as they do not all come between two of its packets.
func TestLatchUnderSpray(t *testing.T) {
	l := new(Media)
	l.Open(told, none, epoch)
	for seq := range uint16(3) {
		at := epoch.Add(time.Duration(seq) * 20 * time.Millisecond)
		v := l.Packet(natted, rtptest.Packet(1, seq, 0, 0), at, true)
		if want := []Verdict{Drop, Drop, Latched}[seq]; v != want {
			t.Fatalf("%d: %v, want %v", seq, v, want)
		}
		for i := range 3 {
			from := netip.AddrPortFrom(stranger.Addr(), uint16(1000+i)+seq*16)
			if v := l.Packet(from, rtptest.Packet(9, seq, 0, 0), at.Add(time.Duration(i)*time.Millisecond), true); v != Drop {
				t.Fatalf("stranger: %v", v)
			}
		}
	}
}

func TestControlLatch(t *testing.T) {
	report := []byte{0x80, 201, 0, 1, 0, 0, 0, 1}
	l := Control{}
	if v := l.Packet(told, report, told.Addr(), true); v != Drop {
		t.Errorf("before Open: %v", v)
	}
	l.Open(told)
	for i, c := range []struct {
		from netip.AddrPort
		b    []byte
		ok   bool
		want Verdict
	}{
		{stranger, report, true, Drop},
		{natted, report[:4], true, Drop},
		{natted, rtptest.Packet(1, 1, 0, 0), true, Drop},
		{natted, report, false, Drop},
		{natted, report, true, Settled},
		{natted, report, true, Accept},
		{told, report, true, Drop},
	} {
		if v := l.Packet(c.from, c.b, told.Addr(), c.ok); v != c.want {
			t.Errorf("%d: %v, want %v", i, v, c.want)
		}
	}
	if l.Peer() != natted {
		t.Errorf("peer %v", l.Peer())
	}
	l.Open(told) // a refresh
	if v := l.Packet(natted, report, told.Addr(), true); v != Settled {
		t.Errorf("after a refresh: %v", v)
	}
	strict := Control{Strict: true}
	strict.Open(told)
	if v := strict.Packet(natted, report, told.Addr(), true); v != Drop {
		t.Errorf("strict: %v", v)
	}
	if v := strict.Packet(told, report, told.Addr(), true); v != Accept {
		t.Errorf("strict: %v", v)
	}
}

func TestLatchAllocates(t *testing.T) {
	l := new(Media)
	l.Open(told, none, epoch)
	b := rtptest.Packet(1, 1, 0, 0)
	if n := testing.AllocsPerRun(100, func() {
		l.Packet(told, b, epoch, true)
		l.Packet(stranger, b, epoch, true)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// Whatever comes, one that was never near and sent fewer than six packets is
// not believed, and the settled stay.
func FuzzLatch(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9})
	f.Fuzz(func(t *testing.T, script []byte) {
		l := new(Media)
		l.Open(told, none, epoch)
		who := []netip.AddrPort{told, natted, elsewere, stranger}
		sent := map[netip.AddrPort]int{}
		settled := netip.AddrPort{}
		at := epoch
		for i, c := range script {
			from := who[c&3]
			at = at.Add(time.Duration(c>>4) * 50 * time.Millisecond)
			v := l.Packet(from, rtptest.Packet(uint32(c>>3&1), uint16(i), 0, 0), at, c&4 != 0)
			sent[from]++
			if (v != Drop) != (from == l.Peer()) {
				t.Fatalf("%v from %v, but peer is %v", v, from, l.Peer())
			}
			if v == Latched && (sent[from] < packetsNear || from.Addr() != told.Addr() && sent[from] < packetsFar) {
				t.Fatalf("latched to %v after %d packets", from, sent[from])
			}
			if settled.IsValid() && l.Peer() != settled {
				t.Fatalf("moved from %v to %v after settling", settled, l.Peer())
			}
			if v == Settled {
				settled = l.Peer()
			}
		}
	})
}

// Nothing that comes makes a latch fail.
func FuzzPacket(f *testing.F) {
	f.Add(rtptest.Packet(1, 2, 3, 4))
	f.Fuzz(func(t *testing.T, b []byte) {
		l := new(Media)
		l.Open(told, none, epoch)
		l.Packet(natted, b, epoch, true)
		new(Control).Packet(told, b, none, true)
	})
}

func BenchmarkLatch(b *testing.B) {
	l := new(Media)
	l.Open(told, none, epoch)
	p := rtptest.Packet(1, 1, 1, 0)
	b.ReportAllocs()
	for b.Loop() {
		l.Packet(told, p, epoch, true)
	}
}
