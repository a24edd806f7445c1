package media

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tandem/media/relay"
	"tandem/media/sound"
	"tandem/media/transcode"
)

// await polls for what has no event of its own.
func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for range 6000 {
		if ok() {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("%s: not within half a minute", what)
}

// say sends n packets of PCMU as a phone does, but as fast as it can.
func (p *phone) say(seq uint16, n int) {
	for i := range n {
		p.send(forged(seq+uint16(i), 77))
	}
}

// next is the payload type of the next RTP packet that comes.
func (p *phone) next() (pt uint8, from netip.AddrPort) {
	p.t.Helper()
	_ = p.rtp.SetReadDeadline(time.Now().Add(30 * time.Second))
	b := make([]byte, 2048)
	for {
		n, from, err := p.rtp.ReadFromUDPAddrPort(b)
		if err != nil {
			p.t.Fatalf("nothing comes: %v", err)
		}
		if n >= 12 && (b[1] < 192 || b[1] > 223) {
			return b[1] & 0x7f, from
		}
	}
}

func (p *phone) version(v string, change ...string) []byte {
	return []byte(strings.NewReplacer(append(change, "o=phone 1 1", "o=phone 1 "+v)...).Replace(string(p.sdp())))
}

// What cannot be played leaves the call as it was.
func TestNothingToPlayMutesNobody(t *testing.T) {
	inTime(t, func(t *testing.T) {
		s := start(t)
		a, b := newPhone(t, pcmu, 440), newPhone(t, pcmu, 1000)
		session := call(t, s, a, b, Want{})
		if _, err := session.Announce(B, "/nowhere/at/all.wav", 1); err == nil {
			t.Error("a file that is not there is played")
		}
		if err := session.Play(B, func(int) transcode.Source { return nil }); err == nil {
			t.Error("nothing is played")
		}
		a.say(1, 5)
		if pt, _ := b.next(); pt != 0 {
			t.Errorf("payload type %d", pt)
		}
	})
}

// A listener that is stuck holds up neither other sessions nor its own session's
// work, however much waits for it.
func TestStuckListener(t *testing.T) {
	inTime(t, func(t *testing.T) {
		s := start(t)
		free := make(chan struct{})
		defer close(free)
		stuck, err := s.Open("stuck", Options{Handle: func(Event) { <-free }})
		if err != nil {
			t.Fatal(err)
		}
		told, done := make(chan struct{}, 1), make(chan struct{})
		other, err := s.Open("other", Options{Handle: func(Event) { told <- struct{}{} }})
		if err != nil {
			t.Fatal(err)
		}
		for range 2 * maxEvents {
			stuck.post(Event{Kind: EventKey})
		}
		stuck.later(func() { close(done) })
		other.post(Event{Kind: EventKey})
		for what, c := range map[string]chan struct{}{"another session's listener": told, "the session's own work": done} {
			select {
			case <-c:
			case <-time.After(10 * time.Second):
				t.Errorf("%s waits for a listener that is stuck", what)
			}
		}
	})
}

// What is played while the codec changes goes on in the new one.
func TestPlayingFollowsTheCodec(t *testing.T) {
	inTime(t, func(t *testing.T) {
		s := start(t)
		a, b := newPhone(t, pcmu, 440), newPhone(t, pcmu, 1000)
		session := call(t, s, a, b, Want{})
		played := silence(8000, time.Hour)
		if err := session.Play(B, func(int) transcode.Source { return played }); err != nil {
			t.Fatal(err)
		}
		if pt, _ := b.next(); pt != 0 {
			t.Fatalf("payload type %d is played, want 0", pt)
		}
		toPCMA := []string{"AVP 0", "AVP 8", "rtpmap:0 PCMU", "rtpmap:8 PCMA"}
		if _, err := session.MakeOffer(B, Want{Codecs: []string{"PCMA"}}); err != nil {
			t.Fatal(err)
		}
		if err := session.TakeAnswer(B, b.version("2", toPCMA...)); err != nil {
			t.Fatal(err)
		}
		await(t, "playing in PCMA", func() bool { pt, _ := b.next(); return pt == 8 })
		for range 10 {
			if pt, _ := b.next(); pt != 8 {
				t.Fatalf("payload type %d after the change to 8", pt)
			}
		}
		session.Stop(B)
		if played.left > 8000*3600-1600 {
			t.Error("another source is played than before")
		}
		if n := s.plant.Pool.Stats().Paths; n > 2 { // those that convert
			t.Errorf("%d paths are left", n)
		}
	})
}

// A new offer on another network leaves the old way in use until it is agreed
// to; then the call goes on by the new, and its figures go on too.
func TestMoveToAnotherNetwork(t *testing.T) {
	for _, codecs := range [][]string{nil, {"PCMA"}} {
		t.Run(fmt.Sprint(codecs), func(t *testing.T) {
			s := start(t, func(c *Config) {
				c.Interfaces = append(c.Interfaces, relay.Interface{Name: "other", Bind: netip.MustParseAddr("127.0.0.2")})
			})
			a, b := newPhone(t, pcmu, 440), newPhone(t, pcmu, 1000)
			if codecs != nil {
				b = newPhone(t, pcma, 1000)
			}
			session := call(t, s, a, b, Want{Codecs: codecs})
			files, _ := settled(t)
			seq := uint16(1)
			comes := func(host string) {
				t.Helper()
				await(t, "hearing from "+host, func() bool {
					a.say(seq, 3)
					seq += 3
					_, from := b.next()
					return from.Addr() == netip.MustParseAddr(host)
				})
			}
			comes("127.0.0.1")
			b.say(1, 10)
			await(t, "packets from B", func() bool { return session.Report().Streams[0].Sides[B].Received.Packets == 10 })
			for range 3 {
				if _, err := session.MakeOffer(B, Want{Interface: "other", Codecs: codecs}); err != nil {
					t.Fatal(err)
				}
				comes("127.0.0.1")
				session.Refused(B)
				comes("127.0.0.1")
			}
			await(t, "as many files open after the refusal as before", func() bool { return descriptors(t) == files })
			if _, err := session.MakeOffer(B, Want{Interface: "other", Codecs: codecs}); err != nil {
				t.Fatal(err)
			}
			if err := session.TakeAnswer(B, b.version("2")); err != nil {
				t.Fatal(err)
			}
			comes("127.0.0.2")
			if n := session.Report().Streams[0].Sides[B].Received.Packets; n != 10 {
				t.Errorf("%d packets received of B after the move, 10 before", n)
			}
			await(t, "as many files open after the move as before", func() bool { return descriptors(t) == files })
		})
	}
}

// A side that was silent while the kernel forwarded it is said to be heard again
// when it is.
func TestHeardAgainInTheKernel(t *testing.T) {
	s := start(t, func(c *Config) { c.Kernel = "auto" })
	if ok, why := s.Kernel(); !ok {
		t.Skipf("CANNOT RUN HERE: %s", why)
	}
	s.plant.Settle = 0
	events := make(chan Event, 20)
	session, err := s.Open(t.Name(), Options{Handle: func(e Event) { events <- e }})
	if err != nil {
		t.Fatal(err)
	}
	a, b := newPhone(t, pcmu, 440), newPhone(t, pcmu, 1000)
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
	sides := func() [2]LegReport { return session.Report().Streams[0].Sides }
	seq := uint16(1)
	await(t, "forwarding in the kernel", func() bool {
		a.say(seq, 1)
		b.say(seq, 1)
		seq++
		session.bridge.Watch(time.Now(), nil)
		r := sides()
		return r[A].Kernel && r[B].Kernel
	})
	await(t, "all that was sent before", func() bool {
		r := sides()
		return r[A].Received.Packets == uint64(seq-1) && r[B].Received.Packets == uint64(seq-1)
	})
	session.bridge.Watch(time.Now().Add(5*time.Second), nil)
	for n := 0; n < 2; {
		if e := <-events; e.Kind == EventOneWay {
			n++
		}
	}
	a.say(seq, 5)
	await(t, "A is heard again", func() bool {
		session.bridge.Watch(time.Now(), nil)
		select {
		case e := <-events:
			return e.Kind == EventHeard && e.Side == A
		default:
			return false
		}
	})
	if !sides()[A].Kernel {
		t.Fatal("it is not in the kernel any more")
	}
}

// Ended in the middle of handshakes, announcements and recordings, a server
// leaves nothing behind.
func TestServerEndsInTheMiddle(t *testing.T) {
	inTime(t, func(t *testing.T) {
		files := descriptors(t)
		ports := netOf(t).Ports()
		s, err := New(Config{Kernel: "off", Network: netOf(t)})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- s.Run(ctx) }()
		wav, dir := tone(t), t.TempDir()
		for n := range 40 {
			session, err := s.Open(fmt.Sprint(n), Options{})
			if err != nil {
				t.Fatal(err)
			}
			a := newPhone(t, pcmu, 440)
			text := strings.Replace(string(a.sdp("a=fingerprint:"+s.identity.Hash+" "+s.identity.Fingerprint, "a=setup:passive")), "RTP/AVP", "UDP/TLS/RTP/SAVP", 1)
			if err := session.TakeOffer(A, []byte(text)); err != nil {
				t.Fatal(err)
			}
			if _, err := session.MakeAnswer(A, Want{}); err != nil {
				t.Fatal(err)
			}
			if _, err := session.Announce(A, wav, 0); err != nil {
				t.Fatal(err)
			}
			if err := session.Record(fmt.Sprintf("%s/%d.wav", dir, n)); err != nil {
				t.Fatal(err)
			}
			a.anything() // the handshake is under way
			a.rtp.Close()
		}
		stop()
		select {
		case err := <-ended:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(20 * time.Second):
			t.Fatal("it does not end")
		}
		if n := s.plant.Pool.Stats().Paths; n != 0 {
			t.Errorf("%d paths are left", n)
		}
		await(t, "files closed", func() bool { return descriptors(t) <= files })
		if n := netOf(t).Ports(); n != ports {
			t.Errorf("%d ports are bound", n-ports)
		}
	})
}

// anything waits for any datagram.
func (p *phone) anything() {
	p.t.Helper()
	_ = p.rtp.SetReadDeadline(time.Now().Add(30 * time.Second))
	if _, _, err := p.rtp.ReadFromUDPAddrPort(make([]byte, 2048)); err != nil {
		p.t.Fatal(err)
	}
}

// tone is a file with a second of a tone.
func tone(t *testing.T) string {
	t.Helper()
	path := t.TempDir() + "/tone.wav"
	if err := sound.WriteWAVAt(path, 8000, sound.ToneAt(8000, 440, -13, time.Second)); err != nil {
		t.Fatal(err)
	}
	return path
}

// A side that changes its codec with each packet has paths made now and then.
func TestCodecOfEachPacket(t *testing.T) {
	inTime(t, func(t *testing.T) {
		s := start(t)
		a, b := newPhone(t, pcmu, 440), newPhone(t, pcmu, 1000)
		session, err := s.Open(t.Name(), Options{})
		if err != nil {
			t.Fatal(err)
		}
		if err := session.TakeOffer(B, b.sdp()); err != nil {
			t.Fatal(err)
		}
		if _, err := session.MakeOffer(A, Want{Codecs: []string{"PCMU", "G722"}}); err != nil {
			t.Fatal(err)
		}
		if err := session.TakeAnswer(A, a.version("1", "AVP 0", "AVP 0 9")); err != nil {
			t.Fatal(err)
		}
		if _, err := session.MakeAnswer(B, Want{}); err != nil {
			t.Fatal(err)
		}
		w := session.bridge.Way(0, A)
		made, before := 0, false
		began := time.Now()
		for n := range uint16(300) {
			packet := append(make([]byte, 0, 300), forged(n, 7)...)
			packet[1] = uint8(n % 2 * 9)
			w.Receive(w.Socket(), packet, a.addr(), began.Add(time.Duration(n)*time.Millisecond))
			synctest.Wait() // a path is made, if one is
			if now := session.Report().Streams[0].Sides[A].Converting; now != before {
				made, before = made+1, now
			}
		}
		if made == 0 || made > 3 {
			t.Errorf("%d times another path or none for 300 packets in 0.3 s", made)
		}
	})
}

// A server that cannot be made leaves nothing open.
func TestNewFailsWhole(t *testing.T) {
	taken, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	files, _ := settled(t)
	if _, err := New(Config{Kernel: "off", ICEPort: taken.LocalAddr().(*net.UDPAddr).Port}); err == nil {
		t.Fatal("the ICE port was taken")
	}
	await(t, "as many files open as before", func() bool { return descriptors(t) == files })
}
