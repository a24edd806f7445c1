package media

import (
	"sync"
	"testing"
	"time"
)

// A call that has settled moves into the kernel, both ways, without a packet
// missing; keys still come up; a hold takes it back; the figures count all.
func TestCallMovesIntoTheKernel(t *testing.T) {
	var mu sync.Mutex
	var keys []byte
	s := start(t, func(c *Config) { c.Kernel = "auto" })
	if ok, why := s.Kernel(); !ok {
		t.Skipf("CANNOT RUN HERE: %s", why)
	}
	a, b := newPhone(t, pcmu, 440), newPhone(t, pcmu, 1000)
	a.event, b.event = 101, 97
	a.pressAt = 200 // after 4 s
	session, err := s.Open("x", Options{Handle: func(e Event) {
		if e.Kind == EventKey {
			mu.Lock()
			keys = append(keys, e.Key.Digit())
			mu.Unlock()
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	offer, err := session.Offer(A, a.sdp(), Want{})
	if err != nil {
		t.Fatal(err)
	}
	b.use(offer)
	answer, err := session.Answer(B, b.sdp(), Want{})
	if err != nil {
		t.Fatal(err)
	}
	a.use(answer)
	go a.listen()
	go b.listen()
	var wait sync.WaitGroup
	wait.Go(func() { a.talk(t.Context(), 6*time.Second) })
	wait.Go(func() { b.talk(t.Context(), 6*time.Second) })
	var r StreamReport
	await(t, "both ways in the kernel, and a key", func() bool {
		r = session.Report().Streams[0]
		mu.Lock()
		defer mu.Unlock()
		return r.Sides[A].Kernel && r.Sides[B].Kernel && len(keys) > 0
	})
	wait.Wait()
	await(t, "the last packets", func() bool {
		toA, _, _ := a.got()
		toB, _, _ := b.got()
		return toA >= 300 && toB >= 300
	})
	a.hears(1000)
	b.hears(440)
	mu.Lock()
	if string(keys) != "5" {
		t.Errorf("keys heard of: %q, want 5", keys)
	}
	mu.Unlock()
	b.mu.Lock()
	if string(b.keys) != "\x05\x05\x05\x05\x05\x05" {
		t.Errorf("key packets at the other side: %v", b.keys)
	}
	b.mu.Unlock()
	r = session.Report().Streams[0]
	for w, p := range []*phone{a, b} {
		packets, streams, gaps := p.got()
		if packets != 300 || streams != 1 || gaps != 0 {
			t.Errorf("phone %s got %d packets of %d streams with %d gaps, want 300 of one", Which(w), packets, streams, gaps)
		}
		if side := r.Sides[w]; side.Received.Packets != 300 || side.Sent.Packets != 300 || side.Received.Lost != 0 {
			t.Errorf("side %s: %d received, %d lost, %d sent; want 300, 0, 300", Which(w), side.Received.Packets, side.Received.Lost, side.Sent.Packets)
		}
	}
	hold := append(a.sdp(), "a=sendonly\r\n"...)
	if offer, err = session.Offer(A, hold, Want{}); err != nil {
		t.Fatal(err)
	}
	if _, err := session.Answer(B, append(b.sdp(), "a=recvonly\r\n"...), Want{}); err != nil {
		t.Fatalf("%v\n%s", err, offer)
	}
	if r := session.Report().Streams[0]; r.Sides[A].Kernel || r.Sides[B].Kernel {
		t.Error("a held call stays in the kernel")
	}
}
