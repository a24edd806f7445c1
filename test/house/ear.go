package house

import (
	"encoding/binary"
	"math"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zaf/g711"

	"tandem/media/sdp"
	"tandem/rtc/sip"
	"tandem/test/harness"
)

// Ear is a media socket that hears G.711 and says a steady tone.
type Ear struct {
	t *testing.T
	*net.UDPConn
	Port    int
	pressed int // keys that press has sent, or packets of types
}

func Listen(t *testing.T) *Ear {
	t.Helper()
	c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return &Ear{t: t, UDPConn: c, Port: c.LocalAddr().(*net.UDPAddr).Port}
}

// Heard reports what frequency is loudest in about half a second of audio, of those
// given; 0 when there is silence or nothing comes.
func (e *Ear) Heard(of ...float64) float64 {
	e.t.Helper()
	best, loudest := 0.0, 0.01
	pcm := e.listen(4000)
	for _, f := range of {
		if level := loudness(pcm, f); level > loudest {
			best, loudest = f, level
		}
	}
	return best
}

// Until listens until one frequency is the loudest, of others as well, and reports which
// it was in the end.
func (e *Ear) Until(want float64, others ...float64) (last float64) {
	e.t.Helper()
	for end := time.Now().Add(harness.Patience); ; {
		if last = e.Heard(append(others, want)...); last == want || time.Now().After(end) {
			return last
		}
	}
}

// Hears reports for each frequency whether it is in about half a second of audio.
func (e *Ear) Hears(of ...float64) (list []bool) {
	e.t.Helper()
	pcm := e.listen(4000)
	for _, f := range of {
		list = append(list, loudness(pcm, f) > 0.01)
	}
	return list
}

// HearsFromStart reports whether a tone is in any tenth of a second of what has come
// and was not listened to yet, or comes.
func (e *Ear) HearsFromStart(freq float64) bool {
	e.t.Helper()
	var pcm []int16
	b := make([]byte, 1500)
	_ = e.SetReadDeadline(time.Now().Add(harness.Patience))
	for {
		n, err := e.Read(b)
		if err != nil {
			return false
		}
		if n > 12 && b[1]&0x7f == 0 {
			for _, u := range b[12:n] {
				pcm = append(pcm, g711.DecodeUlawFrame(u))
			}
		}
		for ; len(pcm) >= 800; pcm = pcm[400:] {
			if loudness(pcm[:800], freq) > 0.05 {
				return true
			}
		}
	}
}

// listen takes so many samples of what comes from now on; none when little comes.
func (e *Ear) listen(samples int) (pcm []int16) {
	e.t.Helper()
	b := make([]byte, 1500)
	end := time.Now().Add(3 * time.Second)
	for drained := false; len(pcm) < samples; {
		_ = e.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
		n, err := e.Read(b)
		if err != nil || time.Now().After(end) {
			break
		}
		if !drained { // what came before is not asked for
			_ = e.SetReadDeadline(time.Now().Add(2 * time.Millisecond))
			for err == nil {
				_, err = e.Read(b)
			}
			drained = true
			continue
		}
		if n > 12 && b[1]&0x7f == 0 {
			for _, u := range b[12:n] {
				pcm = append(pcm, g711.DecodeUlawFrame(u))
			}
		}
	}
	if len(pcm) < 1600 {
		return nil
	}
	return pcm
}

// loudness of a tone, 1 is full scale.
func loudness(pcm []int16, f float64) float64 {
	var re, im float64
	for i, s := range pcm {
		x := float64(s) / 32768
		re += x * math.Cos(2*math.Pi*f*float64(i)/8000)
		im += x * math.Sin(2*math.Pi*f*float64(i)/8000)
	}
	return 2 * math.Hypot(re, im) / float64(max(len(pcm), 1))
}

// Says sends a steady tone to where a description says, until stopped.
func (e *Ear) Says(freq float64, description []byte) (stop func()) {
	e.t.Helper()
	d, err := sdp.Parse(description)
	if err != nil {
		e.t.Fatal(err)
	}
	over, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		packet := make([]byte, 172)
		packet[0], packet[11] = 0x80, byte(freq)
		for n := 0; ; n++ {
			binary.BigEndian.PutUint16(packet[2:], uint16(n))
			binary.BigEndian.PutUint32(packet[4:], uint32(n*160))
			for i := range 160 {
				packet[12+i] = g711.EncodeUlawFrame(int16(4000 * math.Sin(2*math.Pi*freq*float64(n*160+i)/8000)))
			}
			if _, err := e.WriteTo(packet, to(d)); err != nil {
				return
			}
			select {
			case <-over:
				return
			case <-tick.C:
			}
		}
	}()
	return sync.OnceFunc(func() { close(over); <-done })
}

// to is where the first stream of a description is received, on this machine.
func to(d *sdp.Description) net.Addr {
	return &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: int(d.Media[0].Port)}
}

// MediaOf is where a description wants audio sent.
func MediaOf(t *testing.T, m *sip.Message) *net.UDPAddr {
	t.Helper()
	for line := range strings.Lines(string(m.Body())) {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == "m=audio" {
			a, err := net.ResolveUDPAddr("udp", "127.0.0.1:"+fields[1])
			if err != nil {
				t.Fatal(err)
			}
			return a
		}
	}
	t.Fatalf("no audio in\n%s", m.Body())
	return nil
}
