package relay

import (
	"bytes"
	"math/rand/v2"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"tandem/media/internal/rtptest"
	"tandem/media/rewrite"
)

// follower is a Receiver as a session is one: what it is given it sends on, and
// then has the worker go on.
type follower struct {
	w     *rewrite.Stream
	out   *Socket
	to    netip.AddrPort
	given atomic.Int64
}

func (f *follower) Receive(s *Socket, b []byte, from netip.AddrPort, at time.Time) {
	f.given.Add(1)
	f.resume(s.Followed(true))
	seq := uint16(b[2])<<8 | uint16(b[3])
	if !f.w.Apply(b, at) {
		return
	}
	_ = f.out.Send(b, f.to)
	n := Series{From: from, Out: f.out, To: f.to}
	if at, ok := f.w.Place(); ok && at.Sequence == seq {
		n.Place = at
		s.Follow(n)
	}
}

func (f *follower) resume(p Progress) {
	if p.Packets > 0 {
		f.w.Resume(p.Sequence, p.Timestamp, p.At)
	}
}

// A stream with gaps, reordered and doubled packets, other payload types and
// other sources among them comes out the same as when each packet is looked at.
func TestSeries(t *testing.T) {
	p := start(t, Config{Workers: 1})
	peer, sender, stranger := dial(t, loopback), dial(t, loopback), dial(t, loopback)
	f := &follower{w: rewrite.New(99), to: where(peer)}
	f.w.Clock = 8000
	var err error
	if f.out, err = p.Single("", nil, receive(func(*Socket, []byte, netip.AddrPort, time.Time) {})); err != nil {
		t.Fatal(err)
	}
	in, err := p.Single("", f.out, f)
	if err != nil {
		t.Fatal(err)
	}
	want := rewrite.New(99)
	want.Clock = 8000
	rnd := rand.New(rand.NewPCG(1, 2))
	sent := 0
	send := func(b []byte) {
		sent++
		if _, err := sender.WriteToUDPAddrPort(b, in.Local()); err != nil {
			t.Fatal(err)
		}
		if want.Apply(b, time.Now()) {
			if got, _ := read(t, peer); !bytes.Equal([]byte(got), b) {
				t.Fatalf("packet %d: got % x, want % x", sent, got, b)
			}
		}
	}
	const packets = 2000
	for seq := uint16(65000); sent < packets; seq++ {
		b := rtptest.Packet(7, seq, uint32(seq)*160, 0)
		switch rnd.IntN(40) {
		case 0: // lost
		case 1:
			send(rtptest.Packet(7, seq+1, uint32(seq+1)*160, 0))
			send(b)
			seq++
		case 2:
			send(bytes.Clone(b))
			send(b)
		case 3:
			b[1] = 13 // comfort noise
			send(b)
		case 4:
			b[1] |= 0x80
			send(b)
		case 5: // a timestamp that does not fit
			send(rtptest.Packet(7, seq, uint32(seq)*160+80, 0))
		case 6: // somebody else who knows all numbers
			if _, err := stranger.WriteToUDPAddrPort([]byte("no RTP"), in.Local()); err != nil {
				t.Fatal(err)
			}
			send(b)
		default:
			send(b)
		}
	}
	if given := f.given.Load(); given > packets/2 {
		t.Errorf("%d of %d packets were looked at one by one", given, sent)
	}
	in.Close()
	f.resume(in.Followed(true))
	got, _ := f.w.Place()
	exp, _ := want.Place()
	if c := f.out.Counters(); c.PacketsOut == 0 || got.Sequence != exp.Sequence || got.Timestamp != exp.Timestamp {
		t.Errorf("at the end at %d %d, want %d %d; %+v", got.Sequence, got.Timestamp, exp.Sequence, exp.Timestamp, c)
	}
}

// A series ends with Followed, and only packets of its source belong to it.
func TestSeriesEnds(t *testing.T) {
	p := start(t, Config{Workers: 1})
	peer, sender, stranger := dial(t, loopback), dial(t, loopback), dial(t, loopback)
	given := make(chan netip.AddrPort, 10)
	in, err := p.Single("", nil, receive(func(_ *Socket, _ []byte, from netip.AddrPort, _ time.Time) { given <- from }))
	if err != nil {
		t.Fatal(err)
	}
	out, err := p.Single("", in, receive(func(*Socket, []byte, netip.AddrPort, time.Time) {}))
	if err != nil {
		t.Fatal(err)
	}
	in.Follow(Series{
		From: where(sender), Out: out, To: where(peer), TypeOut: 8,
		Place: rewrite.Place{Offsets: rewrite.Offsets{In: 7, Out: 8, Sequence: 5, Timestamp: 6}, Sequence: 1, Timestamp: 160, At: time.Now(), Step: 160, Clock: 8000},
	})
	next := rtptest.Packet(7, 2, 320, 0)
	expect := func(who string, from netip.AddrPort) {
		t.Helper()
		select {
		case got := <-given:
			if got != from {
				t.Errorf("%s: given a packet of %v", who, got)
			}
		case <-time.After(30 * time.Second):
			t.Fatalf("%s: not given to the receiver", who)
		}
	}
	_, _ = stranger.WriteToUDPAddrPort(next, in.Local())
	expect("a stranger", where(stranger))
	_, _ = sender.WriteToUDPAddrPort(next, in.Local())
	if got, from := read(t, peer); !bytes.Equal([]byte(got), rtptest.Packet(8, 7, 326, 8)) || from != out.Local() {
		t.Errorf("got % x from %v", got, from)
	}
	p1 := in.Followed(true)
	if p1.Packets != 1 || p1.Octets != uint64(len(next)) || p1.Sequence != 2 || p1.Timestamp != 320 {
		t.Errorf("progress %+v", p1)
	}
	_, _ = sender.WriteToUDPAddrPort(rtptest.Packet(7, 3, 480, 0), in.Local())
	expect("after the end", where(sender))
	if p := in.Followed(false); p.Packets != 0 {
		t.Errorf("progress after the end %+v", p)
	}
}
