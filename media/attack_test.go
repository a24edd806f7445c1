package media

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"sync"
	"testing"
	"time"

	"tandem/media/secure"
)

// stranger is a port of nobody in the call. It counts what comes back.
type stranger struct {
	conn udp
	mu   sync.Mutex
	got  int
}

func newStranger(t *testing.T, host string) *stranger {
	t.Helper()
	conn := listen(t, host)
	s := &stranger{conn: conn}
	go func() {
		b := make([]byte, 2048)
		for {
			if _, _, err := conn.ReadFromUDPAddrPort(b); err != nil {
				return
			}
			s.mu.Lock()
			s.got++
			s.mu.Unlock()
		}
	}()
	return s
}

func (s *stranger) reflected() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.got
}

// voice is a PCMU packet as the callee would accept it, with a loud square
// wave in it.
func forged(seq uint16, ssrc uint32) []byte {
	b := make([]byte, 172)
	b[0] = 0x80
	binary.BigEndian.PutUint16(b[2:], seq)
	binary.BigEndian.PutUint32(b[4:], uint32(seq)*160)
	binary.BigEndian.PutUint32(b[8:], ssrc)
	for i := range b[12:] {
		b[12+i] = byte(i/8%2) << 7 // as loud as it gets, both signs
	}
	return b
}

// attack sends made-up packets to both ports of a call while it is on.
func attack(t *testing.T, s *stranger, stop <-chan struct{}, pause time.Duration, packet func(n int) []byte, to ...netip.AddrPort) (sent int) {
	t.Helper()
	for n := 0; n < 200000; n++ {
		select {
		case <-stop:
			return n
		default:
		}
		for _, addr := range to {
			_, _ = s.conn.WriteToUDPAddrPort(packet(n), addr)
		}
		time.Sleep(pause)
	}
	return 200000
}

func TestStrangersHarmNobody(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, c := range []struct {
		name   string
		host   string
		pause  time.Duration
		secure bool
		packet func(n int) []byte
	}{
		{"speech from another port", "127.0.0.1", 20 * time.Millisecond, false, func(n int) []byte { return forged(uint16(n), 7) }},
		{"speech from another host", "127.0.0.9", 20 * time.Millisecond, false, func(n int) []byte { return forged(uint16(n), 7) }},
		{"a new source with every packet", "127.0.0.1", time.Millisecond, false, func(n int) []byte { return forged(uint16(n), uint32(n)) }},
		{"a flood", "127.0.0.1", 50 * time.Microsecond, false, func(n int) []byte { return forged(uint16(n), 7) }},
		{"garbage", "127.0.0.1", time.Millisecond, false, func(int) []byte {
			b := make([]byte, random.IntN(300))
			for i := range b {
				b[i] = byte(random.Uint32())
			}
			return b
		}},
		{"reports that say goodbye", "127.0.0.1", 5 * time.Millisecond, false, func(int) []byte {
			return []byte{0x80, 201, 0, 1, 1, 2, 3, 4, 0x81, 203, 0, 1, 1, 2, 3, 4}
		}},
		{"speech in clear into a protected call", "127.0.0.1", 5 * time.Millisecond, true, func(n int) []byte { return forged(uint16(n), 7) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			inTime(t, func(t *testing.T) {
				s := start(t)
				a, b := newPhone(t, pcmu, 440), newPhone(t, pcmu, 1000)
				if c.secure {
					callSDES(t, s, a, b)
				} else {
					call(t, s, a, b, Want{})
				}
				who := newStranger(t, c.host)
				go a.listen()
				go b.listen()
				stop := make(chan struct{})
				var wait, talking sync.WaitGroup
				talking.Go(func() { a.talk(t.Context(), 2*time.Second) })
				talking.Go(func() { b.talk(t.Context(), 2*time.Second) })
				time.Sleep(200 * time.Millisecond) // the call is on, as with any victim
				wait.Go(func() { attack(t, who, stop, c.pause, c.packet, a.to, b.to) })
				talking.Wait()
				close(stop)
				wait.Wait()
				time.Sleep(100 * time.Millisecond)
				a.hears(1000)
				b.hears(440)
				for _, p := range []*phone{a, b} {
					if packets, streams, gaps := p.got(); streams != 1 || packets != 100 || gaps > 0 {
						t.Errorf("phone at %v Hz got %d packets of %d streams with %d gaps, want 100 of one", p.freq, packets, streams, gaps)
					}
				}
				if n := who.reflected(); n > 0 {
					t.Errorf("%d packets came back to the stranger", n)
				}
			})
		})
	}
}

// A party that changes its stream during a call, as after a transfer behind it,
// is followed; the other side sees one stream still.
func TestNewSourceOfTheSameParty(t *testing.T) {
	inTime(t, func(t *testing.T) {
		s := start(t)
		a, b := newPhone(t, pcmu, 440), newPhone(t, pcmu, 1000)
		call(t, s, a, b, Want{})
		go b.listen()
		a.talk(t.Context(), time.Second)
		a.talk(t.Context(), 1500*time.Millisecond) // another SSRC and other numbers
		time.Sleep(100 * time.Millisecond)
		b.hears(440)
		if packets, streams, _ := b.got(); streams != 1 || packets != 124 { // the first of a new source waits for its second
			t.Errorf("the other side got %d packets of %d streams, want 124 of one", packets, streams)
		}
	})
}

func TestWrongKeyIsSilence(t *testing.T) {
	inTime(t, func(t *testing.T) {
		s := start(t)
		a, b := newPhone(t, pcmu, 440), newPhone(t, pcmu, 1000)
		session := callSDES(t, s, a, b)
		wrong, err := secure.NewKey("AES_CM_128_HMAC_SHA1_80")
		if err != nil {
			t.Fatal(err)
		}
		if a.out, err = secure.NewContext(wrong); err != nil {
			t.Fatal(err)
		}
		converse(t, time.Second, a, b)
		if packets, _, _ := b.got(); packets > 0 {
			t.Errorf("the other side got %d packets of a party with another key", packets)
		}
		a.hears(1000)
		if r := session.Report().Streams[0].Sides[A]; r.Refused != 50 {
			t.Errorf("%d packets refused, want 50", r.Refused)
		}
	})
}
