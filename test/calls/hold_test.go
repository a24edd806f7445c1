package calls

import (
	bin "encoding/binary"
	"math"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/zaf/g711"

	"tandem/cmd/tandem/config"
	"tandem/media/sdp"
	"tandem/media/sound"
	"tandem/rtc/sip"
	"tandem/test/harness"
)

// ear is a media socket that hears G.711 and says a steady tone.
type ear struct {
	t *testing.T
	*net.UDPConn
	port    int
	pressed int // keys that press has sent, or packets of types
}

func listen(t *testing.T) *ear {
	t.Helper()
	c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return &ear{t: t, UDPConn: c, port: c.LocalAddr().(*net.UDPAddr).Port}
}

// heard reports what frequency is loudest in about half a second of audio, of those
// given; 0 when there is silence or nothing comes.
func (e *ear) heard(of ...float64) float64 {
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

// until listens until one frequency is the loudest, of others as well, and reports which
// it was in the end.
func (e *ear) until(want float64, others ...float64) (last float64) {
	e.t.Helper()
	for end := time.Now().Add(harness.Patience); ; {
		if last = e.heard(append(others, want)...); last == want || time.Now().After(end) {
			return last
		}
	}
}

// hears reports for each frequency whether it is in about half a second of audio.
func (e *ear) hears(of ...float64) (list []bool) {
	e.t.Helper()
	pcm := e.listen(4000)
	for _, f := range of {
		list = append(list, loudness(pcm, f) > 0.01)
	}
	return list
}

// listen takes so many samples of what comes from now on; none when little comes.
func (e *ear) listen(samples int) (pcm []int16) {
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

// to is where the first stream of a description is received, on this machine.
func to(d *sdp.Description) net.Addr {
	return &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: int(d.Media[0].Port)}
}

// hearsFromStart reports whether a tone is in any tenth of a second of what has come
// and was not listened to yet, or comes.
func (e *ear) hearsFromStart(freq float64) bool {
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

// says sends a steady tone to where a description says, until stopped.
func (e *ear) says(freq float64, description []byte) (stop func()) {
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
			bin.BigEndian.PutUint16(packet[2:], uint16(n))
			bin.BigEndian.PutUint32(packet[4:], uint32(n*160))
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

const musicTone = 660.0

func musicFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "music.wav")
	if err := sound.WriteWAV(path, sound.Tone(musicTone, -12, 2*time.Second)); err != nil {
		t.Fatal(err)
	}
	return path
}

// Who is put on hold, in any of the forms there are, hears music until the call goes
// on, and is sent nothing that its phone or carrier could take amiss.
func TestMusicOnHold(t *testing.T) {
	for name, hold := range map[string]func(k *harness.Talker) string{
		"sendonly": func(k *harness.Talker) string { return k.SDP("a=sendonly\r\n") },
		"inactive": func(k *harness.Talker) string { return k.SDP("a=inactive\r\n") },
		"null": func(k *harness.Talker) string {
			return strings.Replace(k.SDP(""), "c=IN IP4 127.0.0.1", "c=IN IP4 0.0.0.0", 1)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			music := musicFile(t)
			r := harness.StartServer(t, func(cfg *config.Config) { harness.LedCalls(cfg); cfg.Telephony.Music = music })
			r.User("alice", "bob")
			wa, wb := r.Dial(t, "udp"), r.Dial(t, "udp")
			wa.Register("alice")
			wb.Register("bob")
			ear := listen(t)
			a := r.Invites(wa, "alice", "sip:bob@"+harness.Domain, 31020)
			b := r.Answers(wb, "bob", ear.port)
			a.Connected()
			if f := ear.heard(musicTone); f != 0 {
				t.Errorf("bob hears %.0f Hz before the hold", f)
			}
			if m := a.Asks("INVITE", "", hold(a)); m.StatusCode() != 200 || strings.Contains(string(m.Body()), "a=sendrecv") {
				t.Errorf("the hold is answered\n%s", m.Bytes())
			}
			if f := ear.until(musicTone); f != musicTone {
				t.Errorf("bob hears %.0f Hz on hold, want %.0f", f, musicTone)
			}
			if m := a.Asks("INVITE", "", a.SDP("")); m.StatusCode() != 200 || strings.Contains(string(m.Body()), "only") {
				t.Errorf("the end of the hold is answered\n%s", m.Bytes())
			}
			if f := ear.heard(musicTone); f != 0 {
				t.Errorf("bob hears %.0f Hz after the hold", f)
			}
			if m, err := wb.Next(100*time.Millisecond, (*sip.Message).IsRequest); err == nil {
				t.Errorf("bob is sent a %s", m.MethodName())
			}
			a.HangsUp()
			b.Ok("BYE", "", "")
			r.NothingLeft(t)
			if rec := r.Records(t, 1)[0]; rec.Held <= 0 || rec.Held >= rec.Talked() {
				t.Errorf("the record says that %s of %s were a hold", rec.Held, rec.Talked())
			}
		})
	}
}

// Without music a hold is carried across and back, from either side, by re-INVITE or
// UPDATE.
func TestHoldCarriedAcross(t *testing.T) {
	r, phones := house(t)
	a, b := r.Call(phones["alice"], phones["bob"], "alice", "bob", 31000)
	for _, c := range []struct {
		from, to *harness.Talker
		method   string
	}{{a, b, "INVITE"}, {b, a, "INVITE"}, {a, b, "UPDATE"}} {
		for _, way := range [][2]string{{"sendonly", "recvonly"}, {"inactive", "inactive"}, {"sendrecv", "sendrecv"}} {
			c.from.Say(c.method, "", c.from.SDP("a="+way[0]+"\r\n"))
			offer := c.to.Ok("INVITE", "", c.to.SDP("a="+way[1]+"\r\n"))
			c.to.Expect("ACK")
			if !strings.Contains(string(offer.Body()), "a="+way[0]) {
				t.Errorf("%s by %s reaches %s as\n%s", way[0], c.method, c.to.User, offer.Body())
			}
			m := c.from.Final(c.from.ID, c.method)
			if m.StatusCode() != 200 || !strings.Contains(string(m.Body()), "a="+way[1]) {
				t.Errorf("%s by %s is answered\n%s", way[0], c.method, m.Bytes())
			}
			if c.method == "INVITE" {
				c.from.AckIt("")
			}
		}
	}
	a.HangsUp()
	b.Ok("BYE", "", "")
	r.NothingLeft(t)
}

// An offer of one side while that of the other is carried across gets 491, and the
// first goes on.
func TestGlare(t *testing.T) {
	r, phones := house(t)
	a, b := r.Call(phones["alice"], phones["bob"], "alice", "bob", 31000)
	a.Say("INVITE", "", a.SDP("a=sendonly\r\n"))
	offer := b.Expect("INVITE")
	if m := b.Asks("INVITE", "", b.SDP("a=sendonly\r\n")); m.StatusCode() != 491 {
		t.Errorf("bob's offer is answered %d", m.StatusCode())
	}
	b.Reply(offer, 200, "", "Contact: "+b.Contact("bob")+"\n"+harness.SDPType, b.SDP("a=recvonly\r\n"))
	b.Expect("ACK")
	if m := a.Final(a.ID, "INVITE"); m.StatusCode() != 200 {
		t.Errorf("alice's offer is answered %d", m.StatusCode())
	}
	a.AckIt("")
	b.HangsUp()
	a.Ok("BYE", "", "")
	r.NothingLeft(t)
}

// A gateway that wants to change to fax is told what the other one says to it: both
// go on with T.38, or the call stays one of G.711.
func TestFax(t *testing.T) {
	const t38 = "m=image 31100 udptl t38\r\na=T38FaxVersion:0\r\na=T38MaxBitRate:14400\r\n"
	r, phones := house(t)
	a, b := r.Call(phones["alice"], phones["bob"], "alice", "bob", 31000)
	fax := func(k *harness.Talker) string {
		text := k.SDP("")
		return text[:strings.Index(text, "m=audio")] + t38
	}
	for _, takes := range []bool{false, true} {
		a.Say("INVITE", "", fax(a))
		offer := b.Expect("INVITE")
		if !strings.Contains(string(offer.Body()), " udptl t38") || strings.Contains(string(offer.Body()), "31100") {
			t.Errorf("bob is offered\n%s", offer.Body())
		}
		want := 488
		if takes {
			want = 200
			b.Reply(offer, 200, "", "Contact: "+b.Contact("bob")+"\n"+harness.SDPType, fax(b))
		} else {
			b.Reply(offer, 488, "", "", "")
		}
		b.Expect("ACK")
		m := a.Final(a.ID, "INVITE")
		if m.StatusCode() != want || takes && !strings.Contains(string(m.Body()), "udptl") {
			t.Errorf("alice's T.38 is answered\n%s", m.Bytes())
		}
		if want == 200 {
			a.AckIt("")
		}
	}
	a.HangsUp()
	b.Ok("BYE", "", "")
	r.NothingLeft(t)
}
