package media

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"tandem/media/sdp"
)

// port is a plain UDP port of one far end; it keeps what comes.
type port struct {
	conn udp
	mu   sync.Mutex
	got  [][]byte
}

func newPort(t *testing.T) *port {
	t.Helper()
	conn := listen(t, "127.0.0.1")
	p := &port{conn: conn}
	go func() {
		b := make([]byte, 2048)
		for {
			n, _, err := conn.ReadFromUDPAddrPort(b)
			if err != nil {
				return
			}
			p.mu.Lock()
			p.got = append(p.got, bytes.Clone(b[:n]))
			p.mu.Unlock()
		}
	}()
	return p
}

func (p *port) number() uint16 { return p.conn.LocalAddr().(*net.UDPAddr).AddrPort().Port() }

func (p *port) say(t *testing.T, to netip.AddrPort, b []byte) {
	t.Helper()
	if _, err := p.conn.WriteToUDPAddrPort(b, to); err != nil {
		t.Fatal(err)
	}
}

// hears waits until something with a beginning has come.
func (p *port) hears(t *testing.T, what string, is func(b []byte) bool) {
	t.Helper()
	for range 3000 {
		p.mu.Lock()
		for _, b := range p.got {
			if is(b) {
				p.mu.Unlock()
				return
			}
		}
		p.mu.Unlock()
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%s did not arrive; %d datagrams did", what, len(p.got))
}

// text fills $A, $B... with port numbers.
func text(s string, ports ...*port) []byte {
	for i, p := range ports {
		s = strings.ReplaceAll(s, "$"+string(rune('A'+i)), strconv.Itoa(int(p.number())))
	}
	return []byte(strings.ReplaceAll(s, "\n", "\r\n"))
}

// named reports whether the first m-line has a codec.
func named(d *sdp.Description, codec string) bool {
	return slices.ContainsFunc(d.Media[0].Codecs, func(c sdp.Codec) bool { return c.Name == codec })
}

func read(t *testing.T, b []byte) *sdp.Description {
	t.Helper()
	d, err := sdp.Parse(b)
	if err != nil {
		t.Fatalf("%v\n%s", err, b)
	}
	return d
}

func where(m sdp.Media) netip.AddrPort { return netip.AddrPortFrom(m.Connection, uint16(m.Port)) }

const head = "v=0\no=x 1 1 IN IP4 127.0.0.1\ns=-\nc=IN IP4 127.0.0.1\nt=0 0\n"

// open makes a session; what happens in it is kept.
func open(t *testing.T, s *Server) (*Session, func(EventKind) int) {
	t.Helper()
	var mu sync.Mutex
	seen := map[EventKind]int{}
	session, err := s.Open(t.Name(), Options{Handle: func(e Event) {
		mu.Lock()
		defer mu.Unlock()
		seen[e.Kind]++
	}})
	if err != nil {
		t.Fatal(err)
	}
	return session, func(k EventKind) int {
		mu.Lock()
		defer mu.Unlock()
		return seen[k]
	}
}

// Fax: T.38 comes in place of the audio, on the same ports, and passes.
func TestFaxPasses(t *testing.T) {
	inTime(t, func(t *testing.T) {
		s := start(t)
		a, b := newPort(t), newPort(t)
		session, _ := open(t, s)
		audio := head + "m=audio $A RTP/AVP 0\n"
		offer, err := session.Offer(A, text(audio, a), Want{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := session.Answer(B, text(audio, b), Want{}); err != nil {
			t.Fatal(err)
		}
		before := where(read(t, offer).Media[0])
		fax := strings.Replace(head, "x 1 1", "x 1 2", 1) + "m=image $A udptl t38\na=T38FaxVersion:0\na=T38MaxBitRate:14400\na=T38FaxRateManagement:transferredTCF\n"
		if offer, err = session.Offer(A, text(fax, a), Want{}); err != nil {
			t.Fatal(err)
		}
		m := read(t, offer).Media[0]
		if m.Kind != "image" || m.Proto != "udptl" || !bytes.Contains(offer, []byte("a=T38MaxBitRate:14400")) || where(m) != before {
			t.Errorf("fax is offered as\n%s", offer)
		}
		answer, err := session.Answer(B, text(fax, b), Want{})
		if err != nil {
			t.Fatal(err)
		}
		a.say(t, where(read(t, answer).Media[0]), []byte("\x00\x01fax from a"))
		b.say(t, where(m), []byte("\x00\x02fax from b"))
		b.hears(t, "a's fax", func(p []byte) bool { return bytes.HasSuffix(p, []byte("from a")) })
		a.hears(t, "b's fax", func(p []byte) bool { return bytes.HasSuffix(p, []byte("from b")) })
	})
}

// Video passes under each side's numbers with its own SSRC, and so does its
// RTCP; an m-line one side refuses is refused to the other.
func TestVideoPasses(t *testing.T) {
	inTime(t, func(t *testing.T) {
		s := start(t)
		a, av, b, bv, bvr := newPort(t), newPort(t), newPort(t), newPort(t), newPort(t)
		session, _ := open(t, s)
		offer, err := session.Offer(A, text(head+"m=audio $A RTP/AVP 0\nm=video $B RTP/AVP 96 97\na=rtpmap:96 VP8/90000\na=rtpmap:97 H264/90000\na=rtcp-fb:96 nack pli\nm=application 9 DTLS/SCTP 5000\n", a, av), Want{})
		if err != nil {
			t.Fatal(err)
		}
		o := read(t, offer)
		if len(o.Media) != 3 || !bytes.Contains(offer, []byte("a=rtcp-fb:96 nack pli")) {
			t.Fatalf("offered:\n%s", offer)
		}
		answer, err := session.Answer(B, text(head+"m=audio $A RTP/AVP 0\nm=video $B RTP/AVP 96\na=rtpmap:96 VP8/90000\na=rtcp:$C\nm=application 0 DTLS/SCTP 5000\n", b, bv, bvr), Want{})
		if err != nil {
			t.Fatal(err)
		}
		d := read(t, answer)
		if len(d.Media) != 3 || d.Media[2].Port != 0 || d.Media[1].Port == 0 || strings.Join(d.Media[1].Formats, " ") != "96" {
			t.Fatalf("answered:\n%s", answer)
		}
		packet := append([]byte{0x80, 0x80 | 96, 0, 7, 0, 0, 0, 9, 1, 2, 3, 4}, "picture"...)
		av.say(t, where(d.Media[1]), packet)
		bv.hears(t, "the picture", func(p []byte) bool { return bytes.Equal(p, packet) })
		report := []byte{0x81, 206, 0, 2, 1, 2, 3, 4, 5, 6, 7, 8} // a picture is lost
		av.say(t, netip.AddrPortFrom(d.Media[1].Connection, uint16(d.Media[1].RTCPPort)), report)
		bvr.hears(t, "the request for a picture", func(p []byte) bool { return bytes.Equal(p, report) })
	})
}

// A call that begins without an offer, and one whose 183 and 200 differ.
func TestLateOfferAndSecondAnswer(t *testing.T) {
	inTime(t, func(t *testing.T) {
		s := start(t)
		a, b := newPhone(t, pcmu, 440), newPhone(t, pcma, 1000)
		session, _ := open(t, s)
		offer, err := session.MakeOffer(A, Want{})
		if err != nil {
			t.Fatal(err)
		}
		if d := read(t, offer); !named(d, "PCMU") || !named(d, "opus") {
			t.Errorf("offered out of nothing:\n%s", offer)
		}
		a.use(offer)
		if err := session.TakeAnswer(A, a.sdp()); err != nil {
			t.Fatal(err)
		}
		if offer, err = session.MakeOffer(B, Want{Add: []string{"PCMA"}}); err != nil {
			t.Fatal(err)
		}
		b.use(offer)
		early := newPhone(t, pcmu, 700) // an announcement in early media, from elsewhere
		early.to = b.to
		if err := session.TakeAnswer(B, early.sdp()); err != nil {
			t.Fatalf("183: %v\n%s", err, offer)
		}
		go a.listen()
		early.talk(t.Context(), time.Second)
		a.hears(700)
		if err := session.TakeAnswer(B, b.sdp()); err != nil {
			t.Fatalf("200: %v", err)
		}
		go b.listen()
		var wait sync.WaitGroup
		wait.Go(func() { a.talk(t.Context(), 2*time.Second) })
		wait.Go(func() { b.talk(t.Context(), 2*time.Second) })
		wait.Wait()
		time.Sleep(200 * time.Millisecond)
		a.hears(1000)
		b.hears(440)
	})
}

// An offer refused by the other side leaves the call as it was.
func TestRefusedOfferChangesNothing(t *testing.T) {
	inTime(t, func(t *testing.T) {
		s := start(t)
		a, b := newPhone(t, pcmu, 440), newPhone(t, pcmu, 1000)
		session := call(t, s, a, b, Want{})
		video := strings.Replace(string(a.sdp()), "phone 1 1", "phone 1 2", 1) + "m=video 6000 RTP/AVP 96\r\na=rtpmap:96 VP8/90000\r\n"
		for range 2 { // refused, and tried again
			if _, err := session.Offer(A, []byte(video), Want{}); err != nil {
				t.Fatal(err)
			}
			session.Refused(A)
			session.Refused(B)
		}
		converse(t, time.Second, a, b)
		a.hears(1000)
		b.hears(440)
	})
}

// A side nobody hears is told of after the time set, once, and when it is heard
// again.
func TestSilentSideIsTold(t *testing.T) {
	inTime(t, func(t *testing.T) {
		s := start(t, func(c *Config) { c.Silence = 1500 * time.Millisecond })
		a, b := newPhone(t, pcmu, 440), newPhone(t, pcmu, 1000)
		session, count := open(t, s)
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
		a.talk(t.Context(), 4*time.Second) // b says nothing
		if n := count(EventOneWay); n != 1 {
			t.Errorf("told %d times of a silent side, want once", n)
		}
		b.talk(t.Context(), 200*time.Millisecond)
		time.Sleep(100 * time.Millisecond)
		if n := count(EventHeard); n != 1 {
			t.Errorf("told %d times that it is heard, want once", n)
		}
	})
}

// Ports of m-lines nobody took are given back: refused with their offer, or left
// out of the next one, as an offer for the next branch of a fork has the same.
func TestPortsOfWhatIsRefused(t *testing.T) {
	const audio, video, off = "m=audio $A RTP/AVP 0\n", "m=video $B RTP/AVP 96\na=rtpmap:96 VP8/90000\n", "m=video 0 RTP/AVP 96\n"
	s := start(t)
	a, b := newPort(t), newPort(t)
	session, _ := open(t, s)
	n := 0
	offer := func(lines string) string {
		t.Helper()
		n++
		out, err := session.Offer(A, text(strings.Replace(head, "x 1 1", fmt.Sprint("x 1 ", n), 1)+lines, a, a), Want{})
		if err != nil {
			t.Fatal(err)
		}
		return string(out)
	}
	answer := func(lines string) {
		t.Helper()
		if _, err := session.Answer(B, text(strings.Replace(head, "x 1 1", fmt.Sprint("x 1 ", n), 1)+lines, b, b), Want{}); err != nil {
			t.Fatal(err)
		}
	}
	offer(audio)
	answer(audio)
	files, _ := settled(t)
	same := func(what string, more int) {
		t.Helper()
		await(t, fmt.Sprintf("%s: %d files are open", what, files+more), func() bool { return descriptors(t) == files+more })
	}
	first := offer(audio + video)
	same("video is offered", 2)
	if again := offer(audio + video); again != first {
		t.Errorf("the next branch is offered\n%sthe first was\n%s", again, first)
	}
	session.Refused(B)
	session.Refused(A)
	same("the offer is refused", 0)

	offer(audio + video)
	offer(audio)
	same("the next offer has no video", 0)
	answer(audio)

	offer(audio + video)
	answer(audio + off)
	same("video is refused, but another branch may take it", 2)
	offer(audio + off)
	same("it is not offered any more", 0)
	answer(audio + off)

	offer(audio + video)
	answer(audio + video)
	same("video is taken", 4)
	offer(audio + off)
	same("it may be over", 4)
	answer(audio + off)
	same("it is over", 0)

	for range 2 {
		offer(audio + strings.Replace(video, "VP8", "VP9", 1))
		answer(audio + video) // what was not offered
		same("nothing in common", 2)
	}
	if r := session.Report().Streams[0].Sides; !r[A].On || !r[B].On {
		t.Error("the sound is gone")
	}
}

// Cisco IOS writes m-lines for video without any format. The other side is not
// offered it, and the answer refuses it.
func TestVideoWithoutFormats(t *testing.T) {
	s := start(t)
	a, b := newPort(t), newPort(t)
	session, _ := open(t, s)
	offered, err := session.Offer(A, text(head+"m=audio $A RTP/AVP 0\nm=video 36924 RTP/AVP\n", a), Want{})
	if err != nil {
		t.Fatal(err)
	}
	if m := read(t, offered).Media; len(m) != 1 || m[0].Kind != "audio" || m[0].Port == 0 {
		t.Errorf("offered\n%s", offered)
	}
	answered, err := session.Answer(B, text(head+"m=audio $A RTP/AVP 0\n", b), Want{})
	if err != nil {
		t.Fatal(err)
	}
	if m := read(t, answered).Media; len(m) != 2 || m[0].Port == 0 || m[1].Port != 0 {
		t.Errorf("answered\n%s", answered)
	}
}
