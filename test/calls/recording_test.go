package calls

import (
	bin "encoding/binary"
	"math"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/zaf/g711"

	"tandem/cmd/tandem/config"
	"tandem/media/sdp"
	"tandem/media/sound"
	"tandem/telephony/cdr"
	"tandem/test/harness"
)

// A call of a user whose calls are recorded is, both hear it by a tone, and the file
// holds one side left and the other right.
func TestRecordingByPolicy(t *testing.T) {
	r, phones, dir := recording(t)
	allow(t, r, "record", "always", "bob")
	alice, bob := listen(t), listen(t)
	a := r.Invites(phones["alice"], "alice", "sip:bob@"+harness.Domain, alice.port)
	invite := phones["bob"].Request("INVITE")
	b := &harness.Talker{Wire: phones["bob"], User: "bob", Port: bob.port, Seq: 10}
	b.Accept(invite)
	b.Expect("ACK")
	defer bob.says(900, invite.Body())()
	defer alice.says(600, a.Connected().Body())()
	waiting, _ := sound.Tones("DE", sound.Waiting)
	for who, e := range map[string]*ear{"alice": alice, "bob": bob} {
		if f := waiting.Steps[0].Freqs[0]; !e.hearsFromStart(f) {
			t.Errorf("%s hears no tone of %.0f Hz", who, f)
		}
	}
	if f := alice.until(900, 600); f != 900 {
		t.Errorf("after the tone alice hears %.0f Hz, want 900", f)
	}
	a.HangsUp()
	b.Ok("BYE", "", "")
	r.NothingLeft(t)
	rec := r.Records(t, 1)[0]
	if len(rec.Story) != 1 || rec.Story[0].What != cdr.Recording || !strings.HasPrefix(rec.Story[0].Who, "policy ") {
		t.Fatalf("record %+v", rec)
	}
	left, right := sides(t, filepath.Join(dir, strings.TrimPrefix(rec.Story[0].Who, "policy ")))
	for i, pcm := range [][]int16{left, right} {
		want := []float64{600, 900}[i]
		pcm = pcm[len(pcm)/2:]
		if f, _ := sound.FrequencyAt(8000, pcm); f < want-5 || f > want+5 {
			t.Errorf("side %d of the file has %.0f Hz, want %.0f", i, f, want)
		}
	}
}

// A user who may records a call by *1 or the button of a phone, and ends it by the
// same; another one may not.
func TestRecordingByKey(t *testing.T) {
	r, phones, _ := recording(t)
	allow(t, r, "record", "own", "alice")
	ear := listen(t)
	a := r.Invites(phones["alice"], "alice", "sip:bob@"+harness.Domain, ear.port)
	b := r.Answers(phones["bob"], "bob", 31002)
	answer := a.Connected()
	defer ear.says(600, answer.Body())()
	press := func(k *harness.Talker, key string) {
		t.Helper()
		if m := k.Asks("INFO", "Content-Type: application/dtmf-relay\n", "Signal="+key+"\r\nDuration=200\r\n"); m.StatusCode() != 200 {
			t.Errorf("INFO is answered %d", m.StatusCode())
		}
	}
	press(b, "*")
	press(b, "1")
	if m := b.Asks("INFO", "Record: on\n", ""); m.StatusCode() != 403 {
		t.Errorf("bob's button is answered %d", m.StatusCode())
	}
	press(a, "*")
	press(a, "1")
	press(a, "*")
	press(a, "1")
	for _, way := range []string{"on", "off"} {
		if m := a.Asks("INFO", "Record: "+way+"\n", ""); m.StatusCode() != 200 {
			t.Errorf("alice's button %s is answered %s", way, m.Bytes())
		}
	}
	ear.pressEvent(10, answer.Body()) // in the sound
	ear.pressEvent(1, answer.Body())
	for end := time.Now().Add(harness.Patience); words(callOf(r, "alice").Record()) != "recording recorded recording recorded recording"; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("the story is %q", words(callOf(r, "alice").Record()))
		}
	}
	a.HangsUp()
	b.Ok("BYE", "", "")
	r.NothingLeft(t)
}

// A phone that knows keys as tones alone has a call recorded, too.
func TestRecordingByTones(t *testing.T) {
	r, phones, _ := recording(t)
	allow(t, r, "record", "own", "alice")
	ear := listen(t)
	a := &harness.Talker{Wire: phones["alice"], User: "alice", Port: ear.port, Seq: 10}
	a.ID = a.Ask("INVITE", "alice", "sip:bob@"+harness.Domain, harness.SDPType, harness.SDPOf(ear.port, "0"))
	b := r.Answers(phones["bob"], "bob", 31002)
	at := mediaOf(t, a.Connected())
	c := callOf(r, "alice")
	for end := time.Now().Add(harness.Patience); !strings.HasPrefix(words(c.Record()), "recording"); {
		if time.Now().After(end) {
			t.Fatalf("the story is %q", words(c.Record()))
		}
		ear.types(at, [2]float64{941, 1209}, [2]float64{697, 1209}) // *1
	}
	a.HangsUp()
	b.Ok("BYE", "", "")
	r.NothingLeft(t)
}

// types says keys as pairs of tones, each for 120 ms and as much silence.
func (e *ear) types(to *net.UDPAddr, keys ...[2]float64) {
	e.t.Helper()
	const frames = 6
	for _, key := range keys {
		for n := range 2 * frames {
			packet := make([]byte, 172)
			packet[0], packet[11] = 0x80, 7
			bin.BigEndian.PutUint16(packet[2:], uint16(e.pressed))
			bin.BigEndian.PutUint32(packet[4:], uint32(e.pressed*160))
			e.pressed++
			for i := range 160 {
				at, x := 2*math.Pi*float64(n*160+i)/8000, 0.0
				if n < frames {
					x = 4000 * (math.Sin(key[0]*at) + math.Sin(key[1]*at))
				}
				packet[12+i] = g711.EncodeUlawFrame(int16(x))
			}
			if _, err := e.WriteToUDP(packet, to); err != nil {
				e.t.Error(err)
				return
			}
			time.Sleep(20 * time.Millisecond) // as phones do
		}
	}
}

func recording(t *testing.T) (*harness.Rig, map[string]*harness.Wire, string) {
	t.Helper()
	dir := t.TempDir()
	r, phones := houseOf(t, func(cfg *config.Config) { cfg.Telephony.Recordings, cfg.Telephony.RecordingTone = dir, true })
	return r, phones, dir
}

// sides are both sides of a recording, at 8 kHz.
func sides(t *testing.T, path string) (left, right []int16) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	channels, rate := bin.LittleEndian.Uint16(b[22:]), int(bin.LittleEndian.Uint32(b[24:]))
	if channels != 2 {
		t.Fatalf("the file has %d channels, want 2", channels)
	}
	for at := 44; at+3 < len(b); at += 4 * rate / 8000 {
		left = append(left, int16(bin.LittleEndian.Uint16(b[at:])))
		right = append(right, int16(bin.LittleEndian.Uint16(b[at+2:])))
	}
	return left, right
}

// pressEvent sends a key as an event (RFC 4733) to where a description says.
func (e *ear) pressEvent(code byte, description []byte) {
	e.t.Helper()
	d, err := sdp.Parse(description)
	if err != nil {
		e.t.Fatal(err)
	}
	at := uint32(time.Now().UnixMilli() * 8)
	packet := make([]byte, 16)
	packet[0], packet[1], packet[11], packet[12] = 0x80, 101, 77, code
	for i := range 8 {
		bin.BigEndian.PutUint16(packet[2:], uint16(at/8)+uint16(i))
		bin.BigEndian.PutUint32(packet[4:], at)
		packet[13] = 10
		if i >= 5 {
			packet[13] |= 0x80
		}
		bin.BigEndian.PutUint16(packet[14:], uint16(160*(min(i, 5)+1)))
		if _, err := e.WriteTo(packet, to(d)); err != nil {
			e.t.Fatal(err)
		}
		time.Sleep(5 * time.Millisecond) // as a phone spaces them
	}
}
