package media

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cilium/ebpf"

	"tandem/media/dtmf"
	"tandem/media/relay"
	"tandem/media/secure"
	"tandem/media/sound"
	"tandem/media/transcode"
)

// monkey does at random to a few sessions what a call layer may do, and may not.
type monkey struct {
	t       *testing.T
	server  *Server
	wav     string
	dir     string
	keys    []secure.Key
	cages   []*cage
	version atomic.Int64
	acts    atomic.Int64
	done    atomic.Int64 // exchanges that came to their end
	moved   atomic.Int64 // calls that moved into the kernel
	events  atomic.Int64
}

// cage is one session, of many in a row, with the phones at both its ends.
type cage struct {
	id      string
	phones  [2]*net.UDPConn
	mu      sync.Mutex
	session *Session
}

func (m *monkey) cage(id string) *cage {
	c := &cage{id: id}
	for w := range c.phones {
		conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			m.t.Fatal(err)
		}
		c.phones[w] = conn
	}
	return c
}

// open is the cage's session, a new one if the last was closed.
func (m *monkey) open(c *cage) *Session {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.session == nil || m.server.Session(c.id) != c.session {
		s, err := m.server.Open(c.id, Options{Handle: func(e Event) {
			m.events.Add(1)
			if s := m.server.Session(c.id); s != nil && e.Kind == EventIdle {
				s.Stop(e.Side) // listeners may call back
			}
		}})
		if err != nil {
			return c.session // another goroutine was first to close it, and has not finished
		}
		c.session = s
	}
	return c.session
}

// describe writes what a phone might say.
func (m *monkey) describe(r *rand.Rand, c *cage, w Which) []byte {
	at := c.phones[w].LocalAddr().(*net.UDPAddr).AddrPort()
	pick := func(list ...string) string { return list[r.IntN(len(list))] }
	host := pick(at.Addr().String(), at.Addr().String(), at.Addr().String(), "0.0.0.0")
	v := m.version.Add(1)
	key := m.keys[r.IntN(len(m.keys))]
	proto, extra := "RTP/AVP", ""
	switch r.IntN(8) {
	case 0:
		proto, extra = "RTP/SAVP", fmt.Sprintf("a=crypto:1 %s %s\r\n", key.Profile, key.Inline())
	case 1:
		extra = fmt.Sprintf("a=crypto:1 %s %s\r\n", key.Profile, key.Inline())
	case 2:
		proto = "UDP/TLS/RTP/SAVPF"
		extra = fmt.Sprintf("a=fingerprint:%s %s\r\na=setup:%s\r\n", m.server.identity.Hash, m.server.identity.Fingerprint, pick("actpass", "active", "passive"))
	}
	if r.IntN(4) == 0 {
		extra += fmt.Sprintf("a=ice-ufrag:u%d\r\na=ice-pwd:%022d\r\na=rtcp-mux\r\n", r.IntN(3), r.IntN(3))
	}
	codecs := pick("0 101", "8 101", "0 8 13 101", "9", "111 110", "0", "96")
	text := fmt.Sprintf("v=0\r\no=- %d %d IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 %s\r\nt=0 0\r\n", w, v, host) +
		fmt.Sprintf("m=audio %d %s %s\r\na=rtpmap:111 opus/48000/2\r\na=rtpmap:101 telephone-event/8000\r\na=rtpmap:110 telephone-event/48000\r\na=%s\r\n",
			at.Port(), proto, codecs, pick("sendrecv", "sendrecv", "sendrecv", "sendonly", "recvonly", "inactive")) + extra
	switch r.IntN(8) {
	case 0:
		text += fmt.Sprintf("m=video %d RTP/AVP 97\r\na=rtpmap:97 H264/90000\r\n", at.Port()+2)
	case 1:
		text = strings.Replace(text, "m=audio "+fmt.Sprint(at.Port()), "m=audio 0", 1) + fmt.Sprintf("m=image %d udptl t38\r\n", at.Port())
	}
	return []byte(text)
}

func (m *monkey) want(r *rand.Rand) Want {
	w := Want{Security: []Security{"", "", "", SecurityNone, SecurityOptional, SecuritySDES, SecurityDTLS}[r.IntN(7)], Tones: Tones(r.IntN(3))}
	w.ICE, w.Mux = []Choice{Fitting, Fitting, Yes, No}[r.IntN(4)], []Choice{Fitting, Fitting, Yes, No}[r.IntN(4)]
	w.Codecs = [][]string{nil, nil, {"PCMU"}, {"PCMA"}, {"G722", "PCMU"}, {"opus", "PCMA"}}[r.IntN(6)]
	if r.IntN(4) == 0 {
		w.Interface = "other"
	}
	return w
}

// reply says yes to an offer.
func (m *monkey) reply(r *rand.Rand, c *cage, w Which, offer []byte) []byte {
	port := c.phones[w].LocalAddr().(*net.UDPAddr).Port
	lines := strings.Split(strings.TrimSuffix(string(offer), "\r\n"), "\r\n")
	var out strings.Builder
	for _, l := range lines {
		words := strings.Fields(l)
		switch {
		case strings.HasPrefix(l, "o="):
			l = fmt.Sprintf("o=- %d %d IN IP4 127.0.0.1", w, m.version.Add(1))
		case strings.HasPrefix(l, "c="):
			l = "c=IN IP4 127.0.0.1"
		case strings.HasPrefix(l, "m=") && words[1] != "0":
			words[1] = fmt.Sprint(port)
			l = strings.Join(words, " ")
		case l == "a=setup:actpass":
			l = []string{"a=setup:active", "a=setup:passive"}[r.IntN(2)]
		case strings.HasPrefix(l, "a=candidate"):
			continue
		}
		out.WriteString(l + "\r\n")
	}
	return []byte(out.String())
}

// exchange does what belongs together, most of the time.
func (m *monkey) exchange(r *rand.Rand, c *cage, s *Session) {
	from := Which(r.IntN(2))
	w := m.want(r)
	if r.IntN(3) > 0 { // one that is likely to be agreed on
		w = Want{Codecs: w.Codecs, Interface: w.Interface}
	}
	if r.IntN(8) > 0 {
		s.Refused(A)
		s.Refused(B)
	}
	offer, err := s.Offer(from, m.describe(r, c, from), w)
	if err != nil || r.IntN(8) == 0 {
		return
	}
	answer := m.reply(r, c, from.Other(), offer)
	if r.IntN(8) == 0 {
		answer = m.describe(r, c, from.Other())
	}
	if _, err := s.Answer(from.Other(), answer, Want{}); err == nil {
		m.done.Add(1)
	}
	if r.IntN(8) == 0 { // of another branch
		_ = s.TakeAnswer(from.Other(), m.reply(r, c, from.Other(), offer))
	}
}

// plain is a call that may be forwarded by packets alone.
func (m *monkey) plain(c *cage, s *Session) {
	text := func(w Which) []byte {
		at := c.phones[w].LocalAddr().(*net.UDPAddr).AddrPort()
		return fmt.Appendf(nil, "v=0\r\no=- %d %d IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio %d RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\n", w, m.version.Add(1), at.Port())
	}
	s.Refused(A)
	s.Refused(B)
	if _, err := s.Offer(A, text(A), Want{Security: SecurityNone}); err == nil {
		_, _ = s.Answer(B, text(B), Want{})
	}
	for range 20 { // until packets came both ways, if nobody comes between
		if moves(s) {
			m.moved.Add(1)
			return
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// moves looks after a session, and reports whether something is forwarded in the kernel
// then.
func moves(s *Session) bool {
	s.bridge.Watch(time.Now(), nil)
	for _, st := range s.Report().Streams {
		if st.Sides[A].Kernel || st.Sides[B].Kernel {
			return true
		}
	}
	return false
}

func (m *monkey) act(r *rand.Rand) {
	c := m.cages[r.IntN(len(m.cages))]
	s := m.open(c)
	if s == nil {
		return
	}
	w := Which(r.IntN(2))
	m.acts.Add(1)
	switch r.IntN(24) {
	case 0, 1, 2, 3:
		m.exchange(r, c, s)
	case 4, 5:
		m.plain(c, s)
	case 6:
		_ = s.TakeOffer(w, m.describe(r, c, w))
	case 7:
		_, _ = s.MakeOffer(w, m.want(r))
	case 8:
		_ = s.TakeAnswer(w, m.describe(r, c, w))
	case 9:
		_, _ = s.MakeAnswer(w, m.want(r))
	case 10:
		s.Refused(w)
	case 11:
		_ = s.Play(w, func(rate int) transcode.Source {
			return silence(rate, time.Duration(r.IntN(300))*time.Millisecond)
		})
	case 12:
		_, _ = s.Announce(w, []string{m.wav, m.wav, "/nowhere.wav"}[r.IntN(3)], r.IntN(3))
	case 13:
		_ = s.Tone(w, "us", sound.Ringback, time.Duration(r.IntN(2))*50*time.Millisecond)
	case 14:
		s.Stop(w)
	case 15, 16:
		_ = s.Press(w, dtmf.Event{Code: uint8(r.IntN(17)), Duration: time.Duration(r.IntN(200)) * time.Millisecond})
	case 17:
		_ = s.Record(filepath.Join(m.dir, fmt.Sprint(m.version.Add(1))))
	case 18:
		_ = s.StopRecording()
	case 19:
		s.Report()
		s.Recording()
	case 20:
		s.Near(w, netip.MustParseAddr("127.0.0.1"))
	case 21, 22:
		moves(s)
	case 23:
		if r.IntN(4) == 0 {
			s.Close()
		} else {
			s.bridge.Watch(time.Now().Add(time.Duration(r.IntN(90))*time.Second), nil)
		}
	}
}

// pump sends from both phones of a cage to wherever its session listens.
func (m *monkey) pump(ctx context.Context, r *rand.Rand, c *cage) {
	var to [2]netip.AddrPort
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for n := uint16(0); ctx.Err() == nil; n++ {
		if s := m.server.Session(c.id); s != nil && n%16 == 0 {
			for _, st := range s.Report().Streams {
				for w, side := range st.Sides {
					if side.Local.IsValid() {
						to[w] = side.Local
					}
				}
			}
		}
		for w, conn := range c.phones {
			b := forged(n, uint32(w))
			switch r.IntN(20) {
			case 0:
				b[1] = uint8(r.IntN(128))
			case 1:
				b = append(b[:12], uint8(r.IntN(16)), 10|uint8(r.IntN(2))<<7, 0, 160)
				b[1] = 101
			case 2:
				for i := range b[:r.IntN(40)] {
					b[i] = byte(r.Uint32())
				}
			}
			_, _ = conn.WriteToUDPAddrPort(b, to[w])
		}
		<-tick.C
	}
}

// flows counts what is in the kernel's maps of this process.
func flows(t *testing.T) (n int) {
	t.Helper()
	list, _ := filepath.Glob("/proc/self/fdinfo/*")
	for _, name := range list {
		text, err := os.ReadFile(name)
		if err != nil {
			continue // closed since
		}
		_, id, ok := strings.Cut(string(text), "map_id:")
		if !ok {
			continue
		}
		number, err := strconv.Atoi(strings.Fields(id)[0])
		if err != nil {
			t.Fatal(err)
		}
		flows, err := ebpf.NewMapFromID(ebpf.MapID(number))
		if err != nil {
			t.Fatal(err)
		}
		key, value := make([]byte, flows.KeySize()), make([]byte, flows.ValueSize())
		for all := flows.Iterate(); all.Next(&key, &value); {
			n++
		}
		flows.Close()
	}
	return n
}

// TestMonkey does at random, from several goroutines and with packets coming
// in, all that can be asked of sessions. Afterwards nothing is left of them.
func TestMonkey(t *testing.T) {
	seed, length := rand.Uint64(), 4*time.Second
	if text := os.Getenv("TANDEM_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("TANDEM_SEED=%d", seed)
	files, routines := settled(t)
	m := newMonkey(t)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- m.server.Run(ctx) }()
	await(t, "start", func() bool { return runtime.NumGoroutine() >= routines+4 })
	open, _ := settled(t)
	var wait sync.WaitGroup
	acting, enough := context.WithTimeout(context.Background(), length)
	defer enough()
	for n := range 6 {
		wait.Go(func() {
			for r := rand.New(rand.NewPCG(seed, uint64(n))); acting.Err() == nil; {
				m.act(r)
			}
		})
	}
	for n, c := range m.cages {
		wait.Go(func() { m.pump(acting, rand.New(rand.NewPCG(seed, uint64(100+n))), c) })
	}
	finish(t, "the monkey", &wait)
	for _, s := range m.server.Sessions() {
		wait.Go(s.Close)
		wait.Go(s.Close)
	}
	finish(t, "closing", &wait)
	t.Logf("%d acts, %d exchanges, %d events, %d calls in the kernel", m.acts.Load(), m.done.Load(), m.events.Load(), m.moved.Load())
	m.empty(open)
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	for _, c := range m.cages {
		for _, conn := range c.phones {
			conn.Close()
		}
	}
	await(t, "goroutines ended, files closed", func() bool {
		return runtime.NumGoroutine() <= routines && descriptors(t) <= files
	})
}

func newMonkey(t *testing.T) *monkey {
	m := &monkey{t: t, wav: tone(t), dir: t.TempDir()}
	for range 2 {
		k, err := secure.NewKey(secure.Mandatory)
		if err != nil {
			t.Fatal(err)
		}
		m.keys = append(m.keys, k)
	}
	var err error
	for n := 0; m.server == nil; n++ {
		c := Config{
			PortMin: 20000 + 1000*rand.IntN(7), ICEPort: 19000 + rand.IntN(1000),
			Interfaces: []relay.Interface{
				{Name: "lo", Bind: netip.MustParseAddr("127.0.0.1")}, {Name: "other", Bind: netip.MustParseAddr("127.0.0.2")},
			},
		}
		c.PortMax = c.PortMin + 199
		if m.server, err = New(c); err != nil && n == 20 { // another program may have the ICE port
			t.Fatal(err)
		}
	}
	m.server.plant.Settle = 0 // what can be is forwarded in the kernel at once
	for n := range 8 {
		m.cages = append(m.cages, m.cage(fmt.Sprint(n)))
	}
	return m
}

// finish waits, and shows where everybody is when it takes too long.
func finish(t *testing.T, what string, wait *sync.WaitGroup) {
	t.Helper()
	done := make(chan struct{})
	go func() { wait.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(time.Minute):
		b := make([]byte, 1<<20)
		t.Fatalf("%s does not come to an end\n%s", what, b[:runtime.Stack(b, true)])
	}
}

// empty fails unless the server, which still runs, has nothing open.
func (m *monkey) empty(files int) {
	t, s := m.t, m.server
	if n := len(s.Sessions()); n != 0 {
		t.Errorf("%d sessions are known", n)
	}
	await(t, "no conversion path open", func() bool { return s.plant.Pool.Stats().Paths == 0 })
	await(t, "no flow in the kernel", func() bool { return flows(t) == 0 })
	if n := s.plant.Host.Held(); n != 0 {
		t.Errorf("%d ports, and names and addresses on the ICE port, are held", n)
	}
	await(t, "sockets and files closed", func() bool { return descriptors(t) <= files })
}
