package features

import (
	bin "encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tandem/cmd/tandem/config"
	"tandem/media/sound"
	"tandem/telephony"
	"tandem/telephony/cdr"
	"tandem/test/harness"
	"tandem/test/house"
)

// A call of a user whose calls are recorded is, both hear it by a tone, and the file
// holds one side left and the other right.
func TestRecordingByPolicy(t *testing.T) {
	r, phones, dir := recording(t)
	house.Allow(t, r, "record", "always", "bob")
	alice, bob := house.Listen(t), house.Listen(t)
	a := r.Invites(phones["alice"], "alice", "sip:bob@"+harness.Domain, alice.Port)
	invite := phones["bob"].Request("INVITE")
	b := &harness.Talker{Wire: phones["bob"], User: "bob", Port: bob.Port, Seq: 10}
	b.Accept(invite)
	b.Expect("ACK")
	defer bob.Says(900, invite.Body())()
	defer alice.Says(600, a.Connected().Body())()
	waiting, _ := sound.Tones("DE", sound.Waiting)
	for who, e := range map[string]*house.Ear{"alice": alice, "bob": bob} {
		if f := waiting.Steps[0].Freqs[0]; !e.HearsFromStart(f) {
			t.Errorf("%s hears no tone of %.0f Hz", who, f)
		}
	}
	if f := alice.Until(900, 600); f != 900 {
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

// The tone that tells of a recording is heard over an announcement, which goes on to its
// end.
func TestAnnouncementUnderRecordingTone(t *testing.T) {
	r, phones, _ := recording(t)
	file := filepath.Join(t.TempDir(), "long.wav")
	if err := sound.WriteWAV(file, sound.Tone(900, -12, 3*time.Second)); err != nil {
		t.Fatal(err)
	}
	c, err := r.S.Exchange().Play(harness.Soon(t), "bob", []string{file}, telephony.Options{Payer: harness.AliceURI})
	if err != nil {
		t.Fatal(err)
	}
	ear := house.Listen(t)
	r.Answers(phones["bob"], "bob", ear.Port)
	harness.Wait(t, "bob has answered", func() bool { return !c.Record().Answered.IsZero() })
	if _, err := c.Recording(harness.Soon(t), true, "administrator"); err != nil {
		t.Fatal(err)
	}
	waiting, _ := sound.Tones("DE", sound.Waiting)
	if f := waiting.Steps[0].Freqs[0]; !ear.HearsFromStart(f) {
		t.Errorf("bob hears no tone of %.0f Hz", f)
	}
	phones["bob"].Reply(phones["bob"].Request("BYE"), 200, "", "", "")
	r.NothingLeft(t)
	if rec := r.Records(t, 1)[0]; rec.Text != "everything was played" || rec.Ended.Sub(rec.Answered) < 2900*time.Millisecond {
		t.Errorf("after %v: %q", rec.Ended.Sub(rec.Answered), rec.Text)
	}
}

// A user who may records a call by *1 or the button of a phone, and ends it by the
// same; another one may not.
func TestRecordingByKey(t *testing.T) {
	r, phones, _ := recording(t)
	house.Allow(t, r, "record", "own", "alice")
	ear := house.Listen(t)
	a := r.Invites(phones["alice"], "alice", "sip:bob@"+harness.Domain, ear.Port)
	b := r.Answers(phones["bob"], "bob", 31002)
	answer := a.Connected()
	defer ear.Says(600, answer.Body())()
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
	ear.PressEvent(10, answer.Body()) // in the sound
	ear.PressEvent(1, answer.Body())
	for end := time.Now().Add(harness.Patience); house.Words(house.CallOf(r, "alice").Record()) != "recording recorded recording recorded recording"; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("the story is %q", house.Words(house.CallOf(r, "alice").Record()))
		}
	}
	a.HangsUp()
	b.Ok("BYE", "", "")
	r.NothingLeft(t)
}

// A phone that knows keys as tones alone has a call recorded, too.
func TestRecordingByTones(t *testing.T) {
	r, phones, _ := recording(t)
	house.Allow(t, r, "record", "own", "alice")
	ear := house.Listen(t)
	a := &harness.Talker{Wire: phones["alice"], User: "alice", Port: ear.Port, Seq: 10}
	a.ID = a.Ask("INVITE", "alice", "sip:bob@"+harness.Domain, harness.SDPType, harness.SDPOf(ear.Port, "0"))
	b := r.Answers(phones["bob"], "bob", 31002)
	at := house.MediaOf(t, a.Connected())
	c := house.CallOf(r, "alice")
	for end := time.Now().Add(harness.Patience); !strings.HasPrefix(house.Words(c.Record()), "recording"); {
		if time.Now().After(end) {
			t.Fatalf("the story is %q", house.Words(c.Record()))
		}
		ear.Types(at, [2]float64{941, 1209}, [2]float64{697, 1209}) // *1
	}
	a.HangsUp()
	b.Ok("BYE", "", "")
	r.NothingLeft(t)
}

func recording(t *testing.T) (*harness.Rig, map[string]*harness.Wire, string) {
	t.Helper()
	dir := t.TempDir()
	r, phones := house.Start(t, func(cfg *config.Config) { cfg.Telephony.Recordings, cfg.Telephony.RecordingTone = dir, true })
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
