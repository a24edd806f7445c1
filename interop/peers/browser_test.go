package peers_test

import (
	"context"
	bytesof "encoding/binary"
	"fmt"
	"math"
	"net"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"tandem/interop/peers"
	"tandem/interop/phones"
	"tandem/media"
	"tandem/media/codec"
	"tandem/media/relay"
	"tandem/media/sdp"
	"tandem/media/sound"
	"tandem/test/realtime"
)

// A browser calls a plain telephone: Opus over DTLS-SRTP and ICE on one side,
// PCMU over RTP on the other, both directions heard.
func TestBrowser(t *testing.T) {
	if !peers.IsAlone() {
		t.Parallel()
		realtime.Measure(t, func(t *testing.T) (wrong []string) {
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
			defer cancel()
			out, err := peers.Alone(ctx, "TestBrowser")
			t.Log(out)
			if err != nil {
				wrong = append(wrong, fmt.Sprint("the call in a namespace of its own: ", err))
			}
			if !strings.Contains(out, "the browser hears") {
				wrong = append(wrong, "it did not run")
			}
			return wrong
		})
		return
	}
	server := mediaServer(t, media.Config{ICEPort: 3478})
	session, err := server.Open("browser", media.Options{Handle: func(e media.Event) { t.Logf("event: %s of side %s %v", e.Kind, e.Side, e.Err) }})
	must(t, "opening a session", err)
	phone := newTelephone(t)
	dir := folder(t)
	say := filepath.Join(dir, "say.wav")
	must(t, "writing a tone", phones.Tone(say, 700, level, 20*time.Second))
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute) // it takes its time to start
	defer cancel()
	seen, err := peers.Browse(ctx, dir, say, func(offer string) (string, error) {
		out, err := session.Offer(media.A, []byte(offer), media.Want{Security: media.SecurityNone, Codecs: []string{"PCMU"}})
		if err != nil {
			return "", err
		}
		phone.use(out)
		answer, err := session.Answer(media.B, phone.sdp(), media.Want{Codecs: []string{"opus"}})
		go phone.talk(t.Context(), 440)
		return string(answer), err
	})
	if err != nil {
		t.Fatalf("%v\n%+v", err, session.Report())
	}
	heard := phone.hangUp()
	freq, purity := sound.Frequency(heard)
	t.Logf("the browser hears %.0f Hz at %.1f dBFS in %s (%s, %s) after %.0f ms, %d packets, %d lost; the telephone %.0f Hz at %.1f dBFS",
		seen.Frequency, seen.Level, seen.Codec, seen.Cipher, seen.RemoteKind, seen.Connected, seen.Packets, seen.Lost, freq, sound.Level(heard))
	if math.Abs(seen.Frequency-440) > 5 || math.Abs(seen.Level-level) > maxLevel {
		t.Errorf("the browser hears %.1f Hz at %.1f dBFS, want 440 at %v", seen.Frequency, seen.Level, level)
	}
	if !strings.EqualFold(seen.Codec, "audio/opus") || seen.DTLS != "connected" || seen.RemoteKind != "host" {
		t.Errorf("the browser's connection: %+v", seen)
	}
	if math.Abs(freq-700) > maxFreq || purity < 0.9 || math.Abs(sound.Level(heard)-level) > maxLevel {
		t.Errorf("the telephone hears %.1f Hz (purity %.2f) at %.1f dBFS, want 700 at %v", freq, purity, sound.Level(heard), level)
	}
}

// mediaServer runs a media server on loopback for one test.
func mediaServer(t *testing.T, c media.Config) *media.Server {
	t.Helper()
	c.Interfaces = []relay.Interface{{Name: "lo", Bind: netip.MustParseAddr("127.0.0.1")}}
	c.PortMin, c.PortMax = 32700, 32767
	server, err := media.New(c)
	must(t, "starting a media server", err)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- server.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		must(t, "stopping the media server", <-done)
	})
	return server
}

// telephone is the plain end: PCMU, its own sockets and packets.
type telephone struct {
	t    *testing.T
	conn *net.UDPConn
	to   netip.AddrPort
	mu   sync.Mutex
	pcm  []int16
	done chan struct{}
}

func newTelephone(t *testing.T) *telephone {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	must(t, "opening a port", err)
	p := &telephone{t: t, conn: conn, done: make(chan struct{})}
	go p.listen()
	return p
}

func (p *telephone) sdp() []byte {
	a := p.conn.LocalAddr().(*net.UDPAddr).AddrPort()
	d := sdp.Description{Origin: sdp.Origin{User: "-", ID: "1", Version: "1", Host: "127.0.0.1"}, Name: "-", Media: []sdp.Media{{
		Kind: "audio", Port: int(a.Port()), Proto: "RTP/AVP", Formats: []string{"0"}, Connection: a.Addr(),
	}}}
	return d.Append(nil)
}

func (p *telephone) use(text []byte) {
	d, err := sdp.Parse(text)
	must(p.t, "reading the offer", err)
	p.to = netip.AddrPortFrom(d.Media[0].Connection, uint16(d.Media[0].Port))
}

// talk says a tone until the port closes.
func (p *telephone) talk(ctx context.Context, freq float64) {
	f, _ := codec.Find("PCMU", 8000, 1)
	enc, err := f.NewEncoder(8000, codec.Options{Ptime: 20})
	if err != nil {
		p.t.Error(err)
		return
	}
	pcm := sound.Tone(freq, level, 20*time.Second)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	b := make([]byte, 12+160)
	for n := uint32(0); len(pcm) >= 160; n++ {
		b[0], b[1] = 0x80, 0
		bytesof.BigEndian.PutUint16(b[2:], uint16(n))
		bytesof.BigEndian.PutUint32(b[4:], n*160)
		bytesof.BigEndian.PutUint32(b[8:], 4711)
		if _, err := enc.Encode(b[12:], pcm[:160]); err != nil {
			p.t.Error(err)
			return
		}
		if _, err := p.conn.WriteToUDPAddrPort(b, p.to); err != nil {
			return
		}
		pcm = pcm[160:]
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (p *telephone) listen() {
	defer close(p.done)
	f, _ := codec.Find("PCMU", 8000, 1)
	dec, err := f.NewDecoder(8000)
	if err != nil {
		p.t.Error(err)
		return
	}
	b, pcm := make([]byte, 2048), make([]int16, 2048)
	for {
		n, _, err := p.conn.ReadFromUDPAddrPort(b)
		if err != nil {
			return
		}
		if n < 12 || b[1]&0x7f != 0 {
			continue
		}
		if n, err = dec.Decode(pcm, b[12:n]); err == nil {
			p.mu.Lock()
			p.pcm = append(p.pcm, pcm[:n]...)
			p.mu.Unlock()
		}
	}
}

// hangUp returns the last second but one heard.
func (p *telephone) hangUp() []int16 {
	_ = p.conn.Close()
	<-p.done
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.pcm); n > 16000 {
		return p.pcm[n-16000 : n-8000]
	}
	return p.pcm
}
