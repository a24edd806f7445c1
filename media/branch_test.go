package media

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"
	"github.com/pion/webrtc/v4"

	"tandem/media/sdp"
	"tandem/media/secure"
)

// device is a far end of the tests of forks. What it says is a payload of one
// octet, over and over, so that it is known by it; packets pass without being
// converted, and no test needs to keep up with a clock.
type device interface {
	// answers takes an offer and returns the answer.
	answers(offer []byte) []byte
	// says sends a packet of a mark.
	says(mark byte)
	// hears tells whether a packet of a mark has come since it was told to forget.
	hears(mark byte) bool
	forget()
}

// ears keeps which marks were heard.
type ears struct {
	mu    sync.Mutex
	marks map[byte]bool
}

func (e *ears) hear(payload []byte) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.marks == nil {
		e.marks = map[byte]bool{}
	}
	if len(payload) == 160 && bytes.Count(payload, payload[:1]) == 160 {
		e.marks[payload[0]] = true
	}
}

func (e *ears) hears(mark byte) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.marks[mark]
}

func (e *ears) forget() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.marks = nil
}

// packets numbers what a device says.
type packets struct{ next uint16 }

func (p *packets) of(mark byte) *rtp.Packet {
	p.next++
	return &rtp.Packet{
		Header:  rtp.Header{Version: 2, SequenceNumber: p.next, Timestamp: uint32(p.next) * 160, SSRC: 4711},
		Payload: bytes.Repeat([]byte{mark}, 160),
	}
}

// deskPhone speaks PCMU on a UDP port, in clear or with keys in SDP.
type deskPhone struct {
	ears
	packets
	t      *testing.T
	conn   *net.UDPConn
	key    []byte // ours; nil: in clear
	to     netip.AddrPort
	mu     sync.Mutex
	out    *srtp.Context
	in     *srtp.Context
	number int
	codec  int
}

func newDeskPhone(t *testing.T, protected bool) *deskPhone {
	t.Helper()
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	p := &deskPhone{t: t, conn: conn}
	if protected {
		p.key = bytes.Repeat([]byte{byte(conn.LocalAddr().(*net.UDPAddr).Port)}, 30)
		p.out = p.context(p.key)
	}
	done := make(chan struct{})
	go func() { defer close(done); p.listen() }()
	t.Cleanup(func() { conn.Close(); <-done })
	return p
}

func (p *deskPhone) context(key []byte) *srtp.Context {
	p.t.Helper()
	c, err := srtp.CreateContext(key[:16], key[16:], srtp.ProtectionProfileAes128CmHmacSha1_80)
	if err != nil {
		p.t.Fatal(err)
	}
	return c
}

func (p *deskPhone) listen() {
	b := make([]byte, 2048)
	for {
		n, _, err := p.conn.ReadFromUDPAddrPort(b)
		if err != nil {
			return
		}
		got := bytes.Clone(b[:n])
		if got[1] >= 192 && got[1] <= 223 {
			continue
		}
		p.mu.Lock()
		in := p.in
		p.mu.Unlock()
		if p.key != nil {
			if in == nil {
				continue
			}
			if got, err = in.DecryptRTP(nil, got, nil); err != nil {
				p.t.Errorf("the phone cannot open what comes: %v", err)
				continue
			}
		}
		p.hear(got[12:])
	}
}

// describes is the phone's description.
func (p *deskPhone) describes() []byte {
	p.number++
	port := p.conn.LocalAddr().(*net.UDPAddr).Port
	proto, key := "RTP/AVP", ""
	if p.key != nil {
		proto, key = "RTP/SAVP", "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:"+base64.StdEncoding.EncodeToString(p.key)+"\r\n"
	}
	return fmt.Appendf(nil, "v=0\r\no=desk %d %d IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio %d %s %d\r\n%s", port, p.number, port, proto, p.codec, key)
}

// uses takes the description of the other end.
func (p *deskPhone) uses(text []byte) *sdp.Media {
	p.t.Helper()
	m := &read(p.t, text).Media[0]
	p.to = where(*m)
	for _, c := range m.Crypto {
		if p.key != nil && c.Suite == string(secure.Mandatory) {
			key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(strings.Split(c.Key, "|")[0], "inline:"))
			if err != nil {
				p.t.Fatal(err)
			}
			p.mu.Lock()
			p.in = p.context(key)
			p.mu.Unlock()
		}
	}
	return m
}

func (p *deskPhone) answers(offer []byte) []byte {
	p.t.Helper()
	m := p.uses(offer)
	if protected := len(m.Crypto) > 0; protected != (p.key != nil) {
		p.t.Errorf("offered to the phone:\n%s", offer)
	}
	return p.describes()
}

func (p *deskPhone) says(mark byte) {
	packet := p.of(mark)
	packet.PayloadType = uint8(p.codec)
	b, err := packet.Marshal()
	if err == nil && p.key != nil {
		b, err = p.out.EncryptRTP(nil, b, nil)
	}
	if err == nil {
		_, err = p.conn.WriteToUDPAddrPort(b, p.to)
	}
	if err != nil {
		p.t.Error(err)
	}
}

// browser is pion's WebRTC: full ICE, DTLS-SRTP, rtcp-mux.
type browser struct {
	ears
	packets
	t     *testing.T
	peer  *webrtc.PeerConnection
	track *webrtc.TrackLocalStaticRTP
}

func newBrowser(t *testing.T) *browser {
	t.Helper()
	var engine webrtc.MediaEngine
	pcmu := webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypePCMU, ClockRate: 8000}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(engine.RegisterCodec(webrtc.RTPCodecParameters{RTPCodecCapability: pcmu, PayloadType: 0}, webrtc.RTPCodecTypeAudio))
	var setting webrtc.SettingEngine
	setting.SetIncludeLoopbackCandidate(true)
	setting.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	setting.SetIPFilter(net.IP.IsLoopback)
	peer, err := webrtc.NewAPI(webrtc.WithMediaEngine(&engine), webrtc.WithSettingEngine(setting)).NewPeerConnection(webrtc.Configuration{})
	must(err)
	t.Cleanup(func() { _ = peer.Close() })
	p := &browser{t: t, peer: peer}
	p.track, err = webrtc.NewTrackLocalStaticRTP(pcmu, "audio", "browser")
	must(err)
	_, err = peer.AddTrack(p.track)
	must(err)
	peer.OnTrack(func(track *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		for {
			packet, _, err := track.ReadRTP()
			if err != nil {
				return
			}
			p.hear(packet.Payload)
		}
	})
	return p
}

func (p *browser) answers(offer []byte) []byte {
	p.t.Helper()
	if err := p.peer.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: string(offer)}); err != nil {
		p.t.Fatalf("%v\n%s", err, offer)
	}
	answer, err := p.peer.CreateAnswer(nil)
	if err != nil {
		p.t.Fatal(err)
	}
	gathered := webrtc.GatheringCompletePromise(p.peer)
	if err := p.peer.SetLocalDescription(answer); err != nil {
		p.t.Fatal(err)
	}
	<-gathered
	return []byte(p.peer.LocalDescription().SDP)
}

func (p *browser) says(mark byte) {
	if err := p.track.WriteRTP(p.of(mark)); err != nil {
		p.t.Error(err)
	}
}

// talk has two devices speak until each has heard the other.
func talk(t *testing.T, a device, markA byte, b device, markB byte) {
	t.Helper()
	a.forget()
	b.forget()
	for range 3000 {
		a.says(markA)
		b.says(markB)
		time.Sleep(10 * time.Millisecond)
		if a.hears(markB) && b.hears(markA) {
			return
		}
	}
	t.Fatalf("after half a minute: the caller hears the branch: %v, the branch the caller: %v", a.hears(markB), b.hears(markA))
}

// ring opens a session in which a telephone calls and three unlike devices ring.
func ring(t *testing.T, s *Server) (session *Session, caller *deskPhone, branches []*Branch, devices []device, offers [][]byte) {
	t.Helper()
	session, _ = open(t, s)
	caller = newDeskPhone(t, false)
	if err := session.TakeOffer(A, caller.describes()); err != nil {
		t.Fatal(err)
	}
	devices = []device{newBrowser(t), newDeskPhone(t, true), newDeskPhone(t, false)}
	for i, want := range []Want{{Security: SecurityDTLS}, {Security: SecuritySDES}, {}} {
		b, err := session.Branch([]string{"browser", "tls", "udp"}[i])
		if err != nil {
			t.Fatal(err)
		}
		offer, err := b.MakeOffer(want)
		if err != nil {
			t.Fatal(err)
		}
		branches, offers = append(branches, b), append(offers, offer)
	}
	return session, caller, branches, devices, offers
}

// A browser, a phone with keys in SDP and one in clear ring for one caller; each of
// them may answer.
func TestUnlikeDevicesRing(t *testing.T) {
	for n, name := range []string{"the browser answers", "the TLS phone answers", "the UDP phone answers"} {
		t.Run(name, func(t *testing.T) {
			s := start(t)
			session, caller, branches, devices, offers := ring(t, s)
			seen := map[netip.AddrPort]bool{}
			for i, offer := range offers {
				at := where(read(t, offer).Media[0])
				if seen[at] {
					t.Errorf("branch %d shares a port with another", i)
				}
				seen[at] = true
			}
			toA, err := branches[n].Answer(devices[n].answers(offers[n]), Want{})
			if err != nil {
				t.Fatal(err)
			}
			caller.uses(toA)
			if err := branches[n].Choose(); err != nil {
				t.Fatal(err)
			}
			talk(t, caller, 1, devices[n], 2)
			if session.NeedsOffer(A) {
				t.Error("the caller needs no other description")
			}
			if got := len(session.Branches()); got != 0 {
				t.Errorf("%d branches still ring", got)
			}
			for i, b := range branches {
				if _, err := b.MakeOffer(Want{}); err != errDropped {
					t.Errorf("branch %d: %v", i, err)
				}
			}
		})
	}
}

// Early media of one branch is heard, then that of another, then a third answers:
// the caller keeps the one description it was given, and hears one at a time.
func TestEarlyMediaThenAnotherAnswers(t *testing.T) {
	s := start(t)
	session, caller, branches, devices, offers := ring(t, s)
	toA, err := branches[0].Answer(devices[0].answers(offers[0]), Want{})
	if err != nil {
		t.Fatal(err)
	}
	caller.uses(toA)
	talk(t, caller, 1, devices[0], 2)

	// The TLS phone has early media too, but the browser stays heard until told.
	if err := branches[1].TakeAnswer(devices[1].answers(offers[1])); err != nil {
		t.Fatal(err)
	}
	caller.forget()
	for range 20 {
		devices[1].says(3)
	}
	talk(t, caller, 4, devices[0], 5)
	if caller.hears(3) || devices[1].hears(4) {
		t.Error("a branch that waits is heard, or hears")
	}
	if err := branches[1].Early(); err != nil {
		t.Fatal(err)
	}
	talk(t, caller, 6, devices[1], 7)
	if devices[0].hears(6) {
		t.Error("the branch that waits hears the caller")
	}
	// And back, then the third answers.
	if err := branches[0].Early(); err != nil {
		t.Fatal(err)
	}
	talk(t, caller, 8, devices[0], 9)
	again, err := branches[2].Answer(devices[2].answers(offers[2]), Want{})
	if err != nil || again != nil {
		t.Fatalf("a second answer for the caller: %v\n%s", err, again)
	}
	if err := branches[2].Choose(); err != nil {
		t.Fatal(err)
	}
	talk(t, caller, 10, devices[2], 11)
	if session.NeedsOffer(A) {
		t.Error("the caller needs no other description")
	}
	if r := session.Report().Streams; len(r) != 1 || r[0].Sides[A].Received.Lost > 0 {
		t.Errorf("figures: %+v", r)
	}
}

// The ports of branches are freed with Drop, Choose and Close.
func TestPortsOfBranches(t *testing.T) {
	s := start(t)
	session, _, branches, devices, offers := ring(t, s)
	open := s.plant.Host.Held
	if got := open(); got != 5 { // the browser's, and two for each phone
		t.Errorf("%d ports are open while three ring, want 5", got)
	}
	branches[1].Drop()
	branches[1].Drop()
	if got := open(); got != 3 {
		t.Errorf("%d ports are open after Drop, want 3", got)
	}
	if _, err := branches[2].Answer(devices[2].answers(offers[2]), Want{}); err != nil {
		t.Fatal(err)
	}
	if err := branches[2].Choose(); err != nil {
		t.Fatal(err)
	}
	if got := open(); got != 4 {
		t.Errorf("%d ports are open after Choose, want the caller's two and the phone's", got)
	}
	session.Close()
	if got := open(); got != 0 {
		t.Errorf("%d ports are open after Close", got)
	}
	if _, err := session.Branch("late"); err != errClosed {
		t.Errorf("a branch of a closed session: %v", err)
	}
}

const g729 = "m=audio $A RTP/AVP 18\na=rtpmap:18 G729/8000\n"

// What a branch answers does not fit what the caller was told: the call layer hears
// so, and mends it by an offer, or at once by another answer to another dialog.
func TestBranchThatDoesNotFit(t *testing.T) {
	both := strings.Replace(g729, "18\n", "8 18\n", 1)
	alaw := "m=audio $A RTP/AVP 8\n"
	video := "m=video 6000 RTP/AVP 96\na=rtpmap:96 VP8/90000\n"
	off := "m=video 0 RTP/AVP 96\n"
	for name, c := range map[string]struct {
		offer, first, second string
		needs                bool
	}{
		"converted":            {alaw, alaw, "m=audio $A RTP/AVP 0\n", false},
		"a codec nobody has":   {both, alaw, g729, true},
		"the same, other way":  {both, g729, alaw, true},
		"video taken away":     {alaw + video, alaw + video, alaw + off, true},
		"video added":          {alaw + video, alaw + off, alaw + video, true},
		"an announcement only": {alaw, alaw + "a=sendonly\n", alaw, true},
		"a listener only":      {alaw, alaw, alaw + "a=recvonly\n", false},
		"a call on hold":       {alaw + "a=sendonly\n", alaw + "a=recvonly\n", alaw + "a=recvonly\n", false},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t)
			a, b := newPort(t), newPort(t)
			session, _ := open(t, s)
			if err := session.TakeOffer(A, text(head+c.offer, a)); err != nil {
				t.Fatal(err)
			}
			take := func(id, lines string) []byte {
				t.Helper()
				branch, err := session.Branch(id)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := branch.MakeOffer(Want{Add: []string{"PCMU"}}); err != nil {
					t.Fatal(err)
				}
				toA, err := branch.Answer(text(head+lines, b), Want{})
				if err != nil {
					t.Fatal(err)
				}
				return toA
			}
			told := take("first", c.first)
			if session.NeedsOffer(A) {
				t.Errorf("the first answer does not fit: %s", told)
			}
			take("second", c.second)
			if got := session.NeedsOffer(A); got != c.needs {
				t.Fatalf("needs an offer: %v, want %v", got, c.needs)
			}
			again, err := session.AnswerAgain(A, Want{})
			if err != nil {
				t.Fatal(err)
			}
			before, after := read(t, told), read(t, again)
			if !before.Origin.Same(after.Origin) || where(before.Media[0]) != where(after.Media[0]) {
				t.Errorf("answered again:\n%s\nbefore:\n%s", again, told)
			}
			if session.NeedsOffer(A) {
				t.Errorf("it does not fit even when it is answered again:\n%s", again)
			}
		})
	}
}

// The same, by an offer of ours after the branch was chosen.
func TestCallerIsOfferedAnew(t *testing.T) {
	s := start(t)
	caller, first, second := newDeskPhone(t, false), newDeskPhone(t, false), newDeskPhone(t, false)
	session, _ := open(t, s)
	offer := strings.Replace(string(caller.describes()), "AVP 0\r\n", "AVP 0 18\r\n", 1)
	if err := session.TakeOffer(A, []byte(offer)); err != nil {
		t.Fatal(err)
	}
	second.codec = 18
	for i, d := range []*deskPhone{first, second} {
		b, err := session.Branch(fmt.Sprint(i))
		if err != nil {
			t.Fatal(err)
		}
		text, err := b.MakeOffer(Want{})
		if err != nil {
			t.Fatal(err)
		}
		toA, err := b.Answer(d.answers(text), Want{})
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			caller.uses(toA)
			talk(t, caller, 1, d, 2)
			continue
		}
		if err := b.Choose(); err != nil {
			t.Fatal(err)
		}
	}
	if !session.NeedsOffer(A) {
		t.Fatal("G.729 cannot be converted")
	}
	text, err := session.MakeOffer(A, Want{})
	if err != nil {
		t.Fatal(err)
	}
	caller.codec = 18
	if err := session.TakeAnswer(A, caller.answers(text)); err != nil {
		t.Fatal(err)
	}
	talk(t, caller, 3, second, 4)
}

// A branch changes its answer while it rings; one that is heard ends, and another
// is heard.
func TestBranchChangesItsAnswer(t *testing.T) {
	s := start(t)
	_, caller, branches, devices, offers := ring(t, s)
	gateway := newDeskPhone(t, false)
	toA, err := branches[2].Answer(gateway.answers(offers[2]), Want{})
	if err != nil {
		t.Fatal(err)
	}
	caller.uses(toA)
	talk(t, caller, 1, gateway, 2)
	if err := branches[2].TakeAnswer(devices[2].answers(offers[2])); err != nil {
		t.Fatal(err)
	}
	talk(t, caller, 3, devices[2], 4)
	branches[2].Drop()
	if err := branches[1].TakeAnswer(devices[1].answers(offers[1])); err != nil {
		t.Fatal(err)
	}
	if err := branches[1].Choose(); err != nil {
		t.Fatal(err)
	}
	talk(t, caller, 5, devices[1], 6)
}

// Branches are bounded, and named apart.
func TestTooManyBranches(t *testing.T) {
	s := start(t)
	session, _ := open(t, s)
	for i := range maxBranches {
		if _, err := session.Branch(fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := session.Branch("more"); err == nil {
		t.Error("there is no bound")
	}
	b := session.Branches()[0]
	if err := b.Early(); err == nil {
		t.Error("a branch that has not answered is heard")
	}
	b.Drop()
	if _, err := session.Branch("1"); err == nil {
		t.Error("two of one name")
	}
}

// What happens to a branch that waits is told under its name, and its handshake is
// done before it is heard.
func TestEventsOfBranches(t *testing.T) {
	s := start(t)
	events := make(chan Event, 100)
	session, err := s.Open("call", Options{Handle: func(e Event) { events <- e }})
	if err != nil {
		t.Fatal(err)
	}
	caller, device := newDeskPhone(t, false), newBrowser(t)
	if err := session.TakeOffer(A, caller.describes()); err != nil {
		t.Fatal(err)
	}
	b, err := session.Branch("browser")
	if err != nil {
		t.Fatal(err)
	}
	offer, err := b.MakeOffer(Want{Security: SecurityDTLS})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.TakeAnswer(device.answers(offer)); err != nil {
		t.Fatal(err)
	}
	select {
	case e := <-events:
		if e.Kind != EventSecure || e.Side != B || e.Branch != "browser" {
			t.Errorf("told: %+v", e)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("no handshake while it waits")
	}
	if err := b.Choose(); err != nil {
		t.Fatal(err)
	}
	answer, err := session.MakeAnswer(A, Want{})
	if err != nil {
		t.Fatal(err)
	}
	caller.uses(answer)
	talk(t, caller, 1, device, 2)
}

// Branches and moves leave nothing behind.
func TestBranchesLeaveNothing(t *testing.T) {
	s := start(t)
	round := func(n int) {
		a, b := newPort(t), newPort(t)
		defer a.conn.Close()
		defer b.conn.Close()
		one, err := s.Open(fmt.Sprint("one ", n), Options{})
		if err != nil {
			t.Fatal(err)
		}
		two, err := s.Open(fmt.Sprint("two ", n), Options{})
		if err != nil {
			t.Fatal(err)
		}
		if err := one.TakeOffer(A, text(head+"m=audio $A RTP/AVP 0\n", a)); err != nil {
			t.Fatal(err)
		}
		for i := range 3 {
			branch, err := one.Branch(fmt.Sprint(i))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := branch.MakeOffer(Want{}); err != nil {
				t.Fatal(err)
			}
			if _, err := branch.Answer(text(head+"m=audio $A RTP/AVP 0\n", b), Want{}); err != nil {
				t.Fatal(err)
			}
		}
		if n%3 > 0 {
			if err := one.Branches()[n%3].Choose(); err != nil {
				t.Fatal(err)
			}
			if err := two.Adopt(A, one, B); err != nil {
				t.Fatal(err)
			}
		}
		one.Close()
		two.Close()
	}
	round(0)
	files, _ := settled(t)
	for n := range 200 {
		round(n)
	}
	await(t, "no more files open than before", func() bool { return descriptors(t) <= files })
	if s.plant.Host.Held() > 0 || len(s.Sessions()) > 0 {
		t.Errorf("%d ports and %d sessions are left", s.plant.Host.Held(), len(s.Sessions()))
	}
}
