package calls

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tandem/cmd/tandem/config"
	"tandem/media/sound"
	"tandem/rtc/sip"
	"tandem/test/harness"
	"tandem/test/house"
)

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
			ear := house.Listen(t)
			a := r.Invites(wa, "alice", "sip:bob@"+harness.Domain, 31020)
			b := r.Answers(wb, "bob", ear.Port)
			a.Connected()
			if f := ear.Heard(musicTone); f != 0 {
				t.Errorf("bob hears %.0f Hz before the hold", f)
			}
			if m := a.Asks("INVITE", "", hold(a)); m.StatusCode() != 200 || strings.Contains(string(m.Body()), "a=sendrecv") {
				t.Errorf("the hold is answered\n%s", m.Bytes())
			}
			if f := ear.Until(musicTone); f != musicTone {
				t.Errorf("bob hears %.0f Hz on hold, want %.0f", f, musicTone)
			}
			if m := a.Asks("INVITE", "", a.SDP("")); m.StatusCode() != 200 || strings.Contains(string(m.Body()), "only") {
				t.Errorf("the end of the hold is answered\n%s", m.Bytes())
			}
			if f := ear.Heard(musicTone); f != 0 {
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

// The tone that tells of a recording does not end the music of who is on hold.
func TestMusicAfterRecordingTone(t *testing.T) {
	music, dir := musicFile(t), t.TempDir()
	r, phones := house.Start(t, func(cfg *config.Config) {
		cfg.Telephony.Music, cfg.Telephony.Recordings, cfg.Telephony.RecordingTone = music, dir, true
	})
	ear := house.Listen(t)
	a := r.Invites(phones["alice"], "alice", "sip:bob@"+harness.Domain, 31020)
	r.Answers(phones["bob"], "bob", ear.Port)
	a.Connected()
	a.Asks("INVITE", "", a.SDP("a=sendonly\r\n"))
	if f := ear.Until(musicTone); f != musicTone {
		t.Fatalf("bob hears %.0f Hz on hold, want %.0f", f, musicTone)
	}
	if _, err := house.CallOf(r, "alice").Recording(harness.Soon(t), true, "administrator"); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Second) // the tone is over by then
	for range 2 {
		ear.Heard(musicTone) // what waited meanwhile
	}
	if f := ear.Heard(musicTone); f != musicTone {
		t.Errorf("after the tone bob hears %.0f Hz, want %.0f", f, musicTone)
	}
}

// Without music a hold is carried across and back, from either side, by re-INVITE or
// UPDATE.
func TestHoldCarriedAcross(t *testing.T) {
	r, phones := house.Start(t)
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
	r, phones := house.Start(t)
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
	r, phones := house.Start(t)
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
