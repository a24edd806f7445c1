package pint

import (
	"context"
	bytesOf "encoding/binary"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/zaf/g711"

	"tandem/cmd/tandem/config"
	"tandem/cmd/tandem/softphone"
	"tandem/media/sound"
	"tandem/pint"
	"tandem/rtc"
	"tandem/rtc/sip"
	"tandem/telephony/cdr"
	"tandem/test/harness"
)

// telephone is the sound of a number behind a gateway: it says a tone and keeps what it
// hears.
type telephone struct {
	conn  *net.UDPConn
	heard chan []int16
}

func newTelephone(t *testing.T) *telephone {
	t.Helper()
	c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return &telephone{c, make(chan []int16, 1)}
}

func (k *telephone) port() int { return k.conn.LocalAddr().(*net.UDPAddr).Port }

var audioPort = regexp.MustCompile(`(?m)^m=audio (\d+)`)

// talks says a tone to the other end of an INVITE, and hears until as many packets came.
func (k *telephone) talks(t *testing.T, invite *sip.Message, freq float64, packets int) {
	t.Helper()
	var port int
	fmt.Sscan(audioPort.FindStringSubmatch(string(invite.Body()))[1], &port)
	to := &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port}
	ctx, stop := context.WithCancel(context.Background())
	t.Cleanup(stop)
	go func() {
		pcm := sound.Tone(freq, -15, time.Second)
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for n := uint32(0); ctx.Err() == nil; n++ {
			b := bytesOf.BigEndian.AppendUint16([]byte{0x80, 0}, uint16(n))
			b = bytesOf.BigEndian.AppendUint32(bytesOf.BigEndian.AppendUint32(b, 160*n), uint32(k.port()))
			at := int(160*n) % len(pcm)
			for _, s := range pcm[at : at+160] {
				b = append(b, g711.EncodeUlawFrame(s))
			}
			_, _ = k.conn.WriteToUDP(b, to)
			<-tick.C
		}
	}()
	go func() {
		var pcm []int16
		b := make([]byte, 2048)
		for len(pcm) < packets*160 {
			_ = k.conn.SetReadDeadline(time.Now().Add(harness.Patience))
			n, err := k.conn.Read(b)
			if err != nil {
				break
			}
			for _, u := range b[min(12, n):n] {
				pcm = append(pcm, g711.DecodeUlawFrame(u))
			}
		}
		k.heard <- pcm
	}()
}

// TestPINTNumbersTalk: two numbers behind a gateway are called and joined, and each hears
// the other; the call is recorded, since the request wants that.
func TestPINTNumbersTalk(t *testing.T) {
	t.Parallel() // it listens
	r, q, _, gateway := pintRig(t, func(cfg *config.Config) {
		cfg.Telephony.Recordings = "recordings"
		cfg.PINT.Services = []config.PINTService{{Name: "R2C", Kind: "r2c", AnyParty: true, Record: "asked"}}
	})
	const m = "m=audio 1  voice -"
	text := q.example(t, "4.9", "+44-1794-8331013", "+44-1794-8331099", m, m+"\na=require:X-record\na=X-record:true")
	ok := q.invite(t, text)
	if ok.StatusCode() != 200 {
		t.Fatalf("answered\n%s", ok.Bytes())
	}
	q.plainAck(ok, text)
	phones := [2]*telephone{newTelephone(t), newTelephone(t)}
	var invites [2]*sip.Message
	for i, number := range []string{"+4417948331099", "+44345123456"} {
		invites[i] = gateway.Request("INVITE")
		if u := string(invites[i].RequestURI()); !strings.HasPrefix(u, "sip:"+number+"@") {
			t.Errorf("the gateway is asked for %s, want %s", u, number)
		}
		gateway.Answer(invites[i], 200, fmt.Sprint("t", i), phones[i].port())
		gateway.Request("ACK")
	}
	harness.Wait(t, "both talk", func() bool {
		_, out, _ := r.HTTP(t, "GET", "/pint/calls", "")
		return strings.Contains(fmt.Sprint(out), "connected, recorded")
	})
	phones[0].talks(t, invites[0], 440, 60)
	phones[1].talks(t, invites[1], 1000, 60)
	for i, want := range []float64{1000, 440} {
		pcm := <-phones[i].heard
		if len(pcm) < 9600 {
			t.Fatalf("telephone %d heard %d samples", i, len(pcm))
		}
		if f, _ := sound.Frequency(pcm[len(pcm)-2400:]); f < 0.99*want || f > 1.01*want {
			t.Errorf("telephone %d heard %.1f Hz, want %.0f", i, f, want)
		}
	}
	q.within(ok, "BYE", "", "")
	for range invites {
		gateway.Reply(gateway.Request("BYE"), 200, "", "", "")
	}
	r.NothingLeft(t)
	s := pintSession(r, t)
	b, err := os.ReadFile(filepath.Join(r.Cfg.Data, "recordings", s.Recording))
	if err != nil || len(b) < 16000 {
		t.Errorf("recording %q has %d octets, %v", s.Recording, len(b), err)
	}
	if rec := r.Records(t, 1)[0]; rec.State != cdr.Completed || rec.Payer != "sip:alice@"+harness.Domain || rec.Number != "+44345123456" ||
		rec.Sides[0].Codec != "PCMU" || rec.Sides[1].Codec != "PCMU" {
		t.Errorf("record %+v", rec)
	}
	harness.Wait(t, "the request is in the audit log", func() bool {
		_, out, _ := r.HTTP(t, "GET", "/audit", "")
		text := fmt.Sprint(out)
		return strings.Contains(text, "ask-pint-call") && strings.Contains(text, "sip:alice@"+harness.Domain) && strings.Contains(text, s.ID)
	})
}

// TestPINTMachine: the voicemail of A answers, and nobody is joined with it; that of B
// answers a message, which is played once it records.
func TestPINTMachine(t *testing.T) {
	t.Parallel() // it listens
	greeting := sound.Tone(400, -18, 3*time.Second)
	file := filepath.Join(t.TempDir(), "message.wav")
	if err := sound.WriteWAV(file, sound.Tone(1000, -15, time.Second)); err != nil {
		t.Fatal(err)
	}
	message, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	r, q, _, _ := pintRig(t, func(cfg *config.Config) {
		cfg.PINT.Services = []config.PINTService{{Name: "R2C", Kind: "r2c", Machine: "hangup"}, {Name: "R2HC", Kind: "r2hc", Machine: "speak"}}
	})
	r.User("bob", "carol", "dave")
	bob, carol, dave := r.Endpoint(t, "bob", "tcp"), r.Endpoint(t, "carol", "tcp"), r.Endpoint(t, "dave", "tcp")
	for user, number := range map[string]string{"bob": "+447700900551", "carol": "+447700900552", "dave": "+447700900553"} {
		if err := r.S.Directory().AddAlias(harness.Soon(t), rtc.AOR("sip:"+user+"@"+harness.Domain), "tel:"+number); err != nil {
			t.Fatal(err)
		}
	}
	talk := func(e *harness.Endpoint, say []int16) <-chan *softphone.Report {
		out := make(chan *softphone.Report, 1)
		go func() {
			defer close(out)
			select {
			case in := <-e.Calls:
				call, err := in.Answer()
				if err != nil {
					t.Errorf("answering: %v", err)
					return
				}
				report, _ := call.Talk(context.Background(), softphone.TalkOptions{Play: say, Duration: 90 * time.Second})
				out <- report
			case <-time.After(2 * harness.Patience):
				t.Error("a phone is not called")
			}
		}()
		return out
	}
	person := talk(bob, append(sound.Tone(300, -18, 400*time.Millisecond), sound.Silence(90*time.Second)...))
	machine := talk(carol, append(greeting, sound.Silence(90*time.Second)...))
	recorder := talk(dave, append(greeting, sound.Silence(90*time.Second)...))
	q.user = "bob"
	join := q.example(t, "4.9", "+44-1794-8331013", "+44-7700-900551", "sip:0345-123456@pint.bt.co.uk;user=phone;phone-context=+44", "sip:carol@"+harness.Domain)
	joined := q.invite(t, join)
	q.plainAck(joined, join)
	d := &pintClient{r.Dial(t, "udp"), "dave"}
	body := d.example(t, "4.9", "R2C@", "R2HC@", "+44-1794-8331013", "+44-7700-900553", "m=audio 1  voice -", "m=audio 1 voice wav\na=fmtp:wav spr:m@x", "Content-type: application/sdp", "Content-Type: multipart/related; boundary=next")
	head, sdp, _ := strings.Cut(body, "\r\n\r\n")
	parts := "--next\r\nContent-Type: application/sdp\r\n\r\n" + sdp + "\r\n--next\r\nContent-Type: audio/wav\r\nContent-ID: <m@x>\r\n\r\n" + string(message) + "\r\n--next--\r\n"
	head = contentLength.ReplaceAllString(head, fmt.Sprint("Content-Length: ", len(parts)))
	spoken := d.invite(t, head+"\r\n\r\n"+parts)
	if joined.StatusCode() != 200 || spoken.StatusCode() != 200 {
		t.Fatalf("answered\n%s%s", joined.Bytes(), spoken.Bytes())
	}
	d.plainAck(spoken, head)
	for who, ended := range map[string]<-chan *softphone.Report{"the person": person, "the voicemail": machine} {
		if report := <-ended; report == nil || report.EndedBy != "peer" {
			t.Errorf("%s: %+v", who, report)
		}
	}
	report := <-recorder
	if report == nil {
		t.Fatal("no report")
	}
	// The greeting takes 3 s, its end 1.5 s, the message 1 s.
	if len(report.Audio.Tones) == 0 || report.Talked < 5000 {
		t.Errorf("the machine heard %+v within %.0f ms", report.Audio.Tones, report.Talked)
	}
	for _, h := range report.Audio.Tones {
		if h.Frequency < 990 || h.Frequency > 1010 {
			t.Errorf("the machine heard %.0f Hz", h.Frequency)
		}
	}
	r.NothingLeft(t)
	var states []string
	harness.Wait(t, "both have ended", func() bool {
		list, err := r.S.PINT().Store().List(harness.Soon(t), pint.Query{})
		states = states[:0]
		for _, s := range list {
			states = append(states, fmt.Sprint(s.Service, " ", s.State, " ", s.Machine))
		}
		joined := strings.Join(states, ", ")
		return err == nil && strings.Contains(joined, "R2C failed a") && strings.Contains(joined, "R2HC completed b")
	})
}
