package media

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"tandem/media/ice/icetest"
	"tandem/media/secure"
)

// teller sends the packets of a stream through sockets, so that the relay's
// worker has them first.
type teller struct {
	p  *phone
	to netip.AddrPort
	n  uint16
}

// packet is the next of the stream.
func (s *teller) packet() []byte {
	s.n++
	b := make([]byte, 172, 256)
	b[0] = 0x80
	binary.BigEndian.PutUint16(b[2:], s.n)
	binary.BigEndian.PutUint32(b[4:], uint32(s.n)*160)
	binary.BigEndian.PutUint32(b[8:], 4711)
	return b
}

func (s *teller) tell(t *testing.T) {
	t.Helper()
	b := s.packet()
	if s.p.out != nil {
		var err error
		if b, err = s.p.out.Protect(b); err != nil {
			t.Fatal(err)
		}
	}
	s.write(t, b)
}

func (s *teller) write(t *testing.T, b []byte) {
	t.Helper()
	if _, err := s.p.rtp.WriteToUDPAddrPort(b, s.to); err != nil {
		t.Fatal(err)
	}
}

// follows waits until what a side sends is forwarded by the worker.
func follows(t *testing.T, session *Session, from Which, s *teller, at *phone, in *secure.Context) {
	t.Helper()
	for range 100 {
		s.tell(t)
		if good, bad := at.one(t, in); good+bad != 1 || bad > 0 {
			t.Fatalf("packet %d: %d came, %d of them not to be opened", s.n, good+bad, bad)
		}
		if session.Report().Streams[0].Sides[from].Series {
			return
		}
	}
	t.Fatal("the worker never forwards by itself")
}

// one waits for a packet of audio, which a key opens.
func (p *phone) one(t *testing.T, in *secure.Context) (good, bad int) {
	t.Helper()
	b := make([]byte, 2048)
	for {
		_ = p.rtp.SetReadDeadline(time.Now().Add(30 * time.Second))
		n, _, err := p.rtp.ReadFromUDPAddrPort(b)
		switch {
		case err != nil:
			return 0, 0
		case n < 12 || b[0]>>6 != 2 || b[1] >= 192 && b[1] <= 223: // answers to checks, reports
			continue
		case in == nil:
			return 1, 0
		}
		if _, err := in.Unprotect(b[:n]); err != nil {
			return 0, 1
		}
		return 1, 0
	}
}

// Protected streams too are forwarded by the worker, either way. What somebody
// forges of one, knowing all numbers, is refused, and the stream goes on.
func TestProtectedSeries(t *testing.T) {
	inTime(t, func(t *testing.T) {
		s := start(t)
		a, b := newPhone(t, pcmu, 440), newPhone(t, pcmu, 1000)
		session := callSDES(t, s, a, b)
		there, back := &teller{p: a, to: a.to}, &teller{p: b, to: b.to}
		for range 20 { // both addresses have to be believed first
			there.tell(t)
			back.tell(t)
			if good, _ := b.one(t, nil); good != 1 {
				t.Fatal("a packet of the protected side was lost")
			}
			if good, _ := a.one(t, a.in); good != 1 {
				t.Fatal("a packet toward the protected side was lost")
			}
		}
		follows(t, session, A, there, b, nil)
		follows(t, session, B, back, a, a.in)
		for range 50 {
			there.write(t, there.packet()) // no tag: the last ten octets are taken for one
			there.n--
			there.tell(t)
			if good, _ := b.one(t, nil); good != 1 {
				t.Fatal("a good packet behind a forged one was lost")
			}
			back.tell(t)
			if good, _ := a.one(t, a.in); good != 1 {
				t.Fatal("a packet toward the protected side was lost")
			}
		}
		if good, _ := b.opened(t, nil); good != 0 {
			t.Errorf("%d forged packets came through", good)
		}
		r := session.Report().Streams[0].Sides
		if r[A].Refused != 50 || r[A].Received.Packets != uint64(there.n) || r[A].Received.Lost > 0 || r[B].Refused > 0 {
			t.Errorf("side A: %d refused, %d received, %d lost; want 50, %d, none; side B: %d refused",
				r[A].Refused, r[A].Received.Packets, r[A].Received.Lost, there.n, r[B].Refused)
		}
	})
}

// A stream toward a side that ICE moves goes where it moved, and nowhere once
// there is no consent.
func TestSeriesFollowsICE(t *testing.T) {
	inTime(t, func(t *testing.T) {
		s := start(t)
		a, elsewhere, b := newPhone(t, pcmu, 440), newPhone(t, pcmu, 440), newPhone(t, pcmu, 1000)
		session, w, ours, _ := checked(t, s, a, b)
		to := w.Socket().Local()
		back := &teller{p: b, to: session.bridge.Way(0, B).Socket().Local()}
		nominate := func(p *phone) {
			t.Helper()
			if _, err := p.rtp.WriteToUDPAddrPort(icetest.Check(ours.Ufrag, ours.Pwd), to); err != nil {
				t.Fatal(err)
			}
			await(t, "the nomination", func() bool {
				return session.Report().Streams[0].Sides[A].Remote == p.addr()
			})
		}
		nominate(a)
		follows(t, session, B, back, a, nil)
		nominate(elsewhere)
		back.tell(t)
		if good, _ := elsewhere.one(t, nil); good != 1 {
			t.Error("after the move nothing comes")
		}
		follows(t, session, B, back, elsewhere, nil)
		session.bridge.Watch(time.Now().Add(consent+time.Second), nil)
		_, _ = elsewhere.opened(t, nil) // reports
		back.tell(t)
		if good, _ := elsewhere.opened(t, nil); good != 0 {
			t.Error("without consent packets still come")
		}
	})
}
