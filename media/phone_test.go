package media

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"tandem/media/codec"
	"tandem/media/relay"
	"tandem/media/route"
	"tandem/media/sdp"
	"tandem/media/secure"
)

// phone is one far end of a session: a UDP port that sends a tone in one codec
// and keeps what it hears. It writes its packets by itself, so that it shares
// nothing with the relay.
type phone struct {
	t       testing.TB
	rtp     udp
	codec   sdp.Codec
	event   uint8
	format  codec.Format
	freq    float64
	to      netip.AddrPort
	out, in *secure.Context
	key     secure.Key // of out
	pressAt int        // packet at which key 5 is pressed, in place of the tone; 0 never

	mu      sync.Mutex
	heard   []int16
	packets int
	ssrcs   map[uint32]int
	lastSeq uint16
	gaps    int
	source  uint32 // SSRC of what opened read last
	keys    []byte
	rtcp    int
}

func newPhone(t *testing.T, c sdp.Codec, freq float64) *phone {
	t.Helper()
	f, ok := codec.Find(c.Name, c.ClockRate, max(c.Channels, 1))
	if !ok {
		t.Fatalf("no codec %s", c.Name)
	}
	return &phone{t: t, rtp: listen(t, "127.0.0.1"), codec: c, event: route.None, format: f, freq: freq, ssrcs: map[uint32]int{}}
}

func (p *phone) addr() netip.AddrPort { return p.rtp.LocalAddr().(*net.UDPAddr).AddrPort() }

// sdp is a description of the phone as a simple telephone writes it.
func (p *phone) sdp(extra ...string) []byte {
	a := p.addr()
	family := "IP4"
	if a.Addr().Is6() {
		family = "IP6"
	}
	var b strings.Builder
	formats := fmt.Sprint(p.codec.PayloadType)
	if p.event != route.None {
		formats += fmt.Sprint(" ", p.event)
	}
	proto := "RTP/AVP"
	if p.out != nil {
		proto = "RTP/SAVP"
	}
	fmt.Fprintf(&b, "v=0\r\no=phone 1 1 IN %s %s\r\ns=-\r\nc=IN %s %s\r\nt=0 0\r\nm=audio %d %s %s\r\n", family, a.Addr(), family, a.Addr(), a.Port(), proto, formats)
	fmt.Fprintf(&b, "a=rtpmap:%d %s/%d", p.codec.PayloadType, p.codec.Name, p.codec.ClockRate)
	if p.codec.Channels > 1 {
		fmt.Fprintf(&b, "/%d", p.codec.Channels)
	}
	b.WriteString("\r\n")
	if p.event != route.None {
		fmt.Fprintf(&b, "a=rtpmap:%d telephone-event/8000\r\na=fmtp:%d 0-15\r\n", p.event, p.event)
	}
	for _, e := range extra {
		b.WriteString(e + "\r\n")
	}
	return []byte(b.String())
}

// use reads where the relay listens for this phone.
func (p *phone) use(text []byte) *sdp.Media {
	p.t.Helper()
	d, err := sdp.Parse(text)
	if err != nil {
		p.t.Fatalf("the relay wrote a description nobody can read: %v\n%s", err, text)
	}
	m := &d.Media[0]
	p.to = netip.AddrPortFrom(m.Connection, uint16(m.Port))
	return m
}

// talk sends a tone for a time in 20 ms packets while listening.
func (p *phone) talk(ctx context.Context, d time.Duration) {
	rate := p.format.Native
	if rate > 48000 {
		rate = 48000
	}
	enc, err := p.format.NewEncoder(rate, codec.Options{Ptime: 20})
	if err != nil {
		p.t.Error(err)
		return
	}
	defer enc.Close()
	n := rate / 50
	pcm := make([]int16, n)
	seq, ts, ssrc := uint16(rand.Uint32()), rand.Uint32(), rand.Uint32()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for at := 0; time.Duration(at)*time.Second/time.Duration(rate) < d; at += n {
		for i := range pcm {
			pcm[i] = int16(8000 * math.Sin(2*math.Pi*p.freq*float64(at+i)/float64(rate)))
		}
		b := make([]byte, 12, 2048)
		size, err := enc.Encode(b[12:2000], pcm)
		if err != nil {
			p.t.Error(err)
			return
		}
		b = b[:12+size]
		b[0], b[1] = 0x80, p.codec.PayloadType
		stamp := ts
		if i := at/n - p.pressAt; p.pressAt > 0 && i >= 0 && i < 6 { // RFC 4733
			b = append(b[:12], 5, 10, 0, 0)
			b[1] = p.event
			if i >= 3 {
				b[13] |= 0x80
			}
			binary.BigEndian.PutUint16(b[14:], uint16(160*(min(i, 3)+1)))
			stamp -= uint32(i * p.format.Clock / 50)
		}
		binary.BigEndian.PutUint16(b[2:], seq)
		binary.BigEndian.PutUint32(b[4:], stamp)
		binary.BigEndian.PutUint32(b[8:], ssrc)
		p.send(b)
		seq++
		ts += uint32(p.format.Clock / 50)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (p *phone) send(b []byte) {
	if p.out != nil {
		var err error
		if b, err = p.out.Protect(b); err != nil {
			p.t.Error(err)
			return
		}
	}
	_, _ = p.rtp.WriteToUDPAddrPort(b, p.to)
}

// listen decodes what arrives until the port closes.
func (p *phone) listen() {
	dec, err := p.format.NewDecoder(8000)
	if err != nil {
		p.t.Error(err)
		return
	}
	b := make([]byte, 2048)
	pcm := make([]int16, 8000)
	for {
		n, _, err := p.rtp.ReadFromUDPAddrPort(b)
		if err != nil {
			return
		}
		p.take(b[:n], dec, pcm)
	}
}

func (p *phone) take(b []byte, dec codec.Decoder, pcm []int16) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(b) >= 8 && b[1] >= 192 && b[1] <= 223 {
		p.rtcp++
		return
	}
	if p.in != nil {
		opened, err := p.in.Unprotect(b)
		if err != nil {
			p.t.Errorf("protected packet cannot be opened: %v", err)
			return
		}
		b = opened
	}
	pt, seq := b[1]&0x7f, binary.BigEndian.Uint16(b[2:])
	if p.packets > 0 && seq != p.lastSeq+1 {
		p.gaps++
	}
	p.lastSeq = seq
	p.packets++
	p.ssrcs[binary.BigEndian.Uint32(b[8:])]++
	switch pt {
	case p.codec.PayloadType:
		if n, err := dec.Decode(pcm, b[12:]); err == nil {
			p.heard = append(p.heard, pcm[:n]...)
		}
	case p.event:
		p.keys = append(p.keys, b[12])
	default:
		p.t.Errorf("payload type %d was never agreed to", pt)
	}
}

// got is how many packets came, of how many streams, and how often a sequence
// number did not follow the one before.
func (p *phone) got() (packets, streams, gaps int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.packets, len(p.ssrcs), p.gaps
}

// tone is the share of power at a frequency in what was heard, 0 to 1, and the
// level in dBFS: over a second, but not the last half of one, where a buffer
// fades out when the talk has ended.
func (p *phone) tone(freq float64) (share, level float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var n float64
	s := p.heard
	if len(s) > 4800 {
		s = s[max(len(s)-12000, 0) : len(s)-4000]
	}
	const block = 1600 // a buffer that adapts may shift the phase between blocks
	var tone, power float64
	for ; len(s) >= block; s = s[block:] {
		var re, im float64
		for i, v := range s[:block] {
			a := 2 * math.Pi * freq * float64(i) / 8000
			re += float64(v) * math.Cos(a)
			im += float64(v) * math.Sin(a)
			power += float64(v) * float64(v)
		}
		tone += 2 * (re*re + im*im) / block
		n += block
	}
	if power == 0 {
		return 0, math.Inf(-1)
	}
	return tone / power, 10 * math.Log10(power/n/(32768*32768/2))
}

// start runs a media server on loopback with ports of its own.
func start(t *testing.T, change ...func(*Config)) *Server {
	t.Helper()
	c := Config{PortMin: 20000 + 1000*rand.IntN(7), Kernel: "off"}
	c.PortMax = c.PortMin + 999
	c.Interfaces = []relay.Interface{{Name: "lo", Bind: netip.MustParseAddr("127.0.0.1")}}
	if n := netOf(t); n != nil {
		c.Network = n
	}
	for _, f := range change {
		f(&c)
	}
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("media server: %v", err)
		}
	})
	return s
}

// converse lets two phones talk at the same time.
func converse(t *testing.T, d time.Duration, phones ...*phone) {
	t.Helper()
	var wait sync.WaitGroup
	for _, p := range phones {
		go p.listen()
		wait.Go(func() { p.talk(t.Context(), d) })
	}
	wait.Wait()
	time.Sleep(200 * time.Millisecond)
}

// hears fails unless a phone hears a tone clearly.
func (p *phone) hears(freq float64) {
	p.t.Helper()
	share, level := p.tone(freq)
	if share < 0.9 {
		packets, _, _ := p.got()
		p.t.Errorf("%s phone at %v Hz should hear %v Hz: %.0f %% of what it hears is that, level %.1f dBFS, %d packets", p.codec.Name, p.freq, freq, 100*share, level, packets)
	}
}

func audio(name string, pt uint8, clock, channels int) sdp.Codec {
	return sdp.Codec{PayloadType: pt, Name: name, ClockRate: clock, Channels: channels}
}

// payload is that of a packet of ours: one source, no extension, no padding.
func payload(b []byte) []byte { return b[12:] }

// hush is a source of silence.
type hush struct{ left int }

// silence lasts for a time.
func silence(rate int, d time.Duration) *hush {
	return &hush{int(d * time.Duration(rate) / time.Second)}
}

func (h *hush) Read(pcm []int16) int {
	n := min(len(pcm), h.left)
	clear(pcm[:n])
	h.left -= n
	return n
}
