package features

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/cmplx"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tandem/cmd/tandem/api/callcontrol"
	"tandem/cmd/tandem/api/client"
	"tandem/cmd/tandem/api/problem"
	"tandem/cmd/tandem/config"
	"tandem/cmd/tandem/softphone"
	"tandem/media/sound"
	"tandem/rtc/directory"
	"tandem/rtc/sip"
	"tandem/telephony/cdr"
	"tandem/telephony/group"
	"tandem/test/harness"
	"tandem/test/house"
)

// dialCode dials a code, and returns the call's answer.
func dialCode(w *harness.Wire, user, code string) (callID string) {
	w.T.Helper()
	return w.Ask("INVITE", user, "sip:"+strings.ReplaceAll(code, "#", "%23")+"@"+harness.Domain, harness.SDPType, harness.SDPOf(30020, "0"))
}

// agree has the offers in re-INVITEs answered from now on, whenever one comes.
func agree(w *harness.Wire) {
	w.Agrees.Store(true)
	_, _ = w.Next(0, func(*sip.Message) bool { return false }) // what is here already
	w.Aside = slices.DeleteFunc(w.Aside, w.Agreed)
}

// TestPickup: a colleague takes the call that rings at bob's phone, by his name or
// the code of the group; a stranger may not.
func TestPickup(t *testing.T) {
	for _, code := range []string{"**bob", "*8"} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			r, trunk, phones := house.RingGroup(t, func(g *group.Group) { g.Members = []string{"alice", "bob"} })
			bob, alice, carol := phones["bob"], phones["alice"], phones["carol"]
			id := trunk.CallIn("+4940999", "bob", "")
			m := bob.Request("INVITE")
			bob.Reply(m, 180, "b", "", "")
			trunk.Status(180, id)
			if code := carol.Final(dialCode(carol, "carol", code), "INVITE").StatusCode(); code != 404 {
				t.Errorf("carol, who is not of the group, gets %d", code)
			}
			alice.Ack(alice.Final(dialCode(alice, "alice", code), "INVITE"), "")
			if reason := harness.Header(bob.Request("CANCEL"), "Reason"); !strings.Contains(reason, "Call completed elsewhere") {
				t.Errorf("bob's phone is told %q", reason)
			}
			bob.Reply(m, 487, "b", "", "")
			trunk.Ack(trunk.Final(id, "INVITE"), "")
			agree(trunk)
			if rec := house.Told(r, t, "+4940999", cdr.PickedUp); rec.Story[0].Who != "sip:alice@"+harness.Domain {
				t.Errorf("record %+v", rec)
			}
			for _, c := range r.S.Exchange().Calls() {
				c.Hangup("administrator")
			}
			alice.Request("BYE")
			trunk.Request("BYE")
		})
	}
}

// TestStory: a gateway calls a user with three devices; one answers and transfers the
// call to a second user, who parks it; a third retrieves it. The record tells all.
func TestStory(t *testing.T) {
	r := harness.StartServer(t, harness.Exchange)
	r.User("alice", "bob", "carol")
	trunk := r.RawTrunk(t, "pstn", nil)
	desk, soft, mobile := r.Dial(t, "udp"), r.Dial(t, "tcp"), r.Dial(t, "tls")
	bob, carol := r.Dial(t, "udp"), r.Dial(t, "udp")
	for _, w := range []*harness.Wire{desk, soft, mobile} {
		w.Register("alice")
	}
	bob.Register("bob")
	carol.Register("carol")

	id := trunk.CallIn("+4940999", "alice", "")
	d, s, m := desk.Request("INVITE"), soft.Request("INVITE"), mobile.Request("INVITE")
	desk.Reply(d, 180, "d", "", "")
	mobile.Reply(m, 180, "m", "", "")
	soft.Answer(s, 200, "s", 30002)
	soft.Request("ACK")
	for _, p := range []struct {
		w *harness.Wire
		m *sip.Message
	}{{desk, d}, {mobile, m}} {
		p.w.Reply(p.w.Request("CANCEL"), 200, "x", "", "")
		p.w.Reply(p.m, 487, "x", "", "")
	}
	trunk.Ack(trunk.Final(id, "INVITE"), "")

	refer := func(w *harness.Wire, invite *sip.Message, tag, to string) {
		for seq, end := 50, time.Now().Add(harness.Patience); ; seq++ {
			w.Inside(invite, tag, "REFER", seq, "Refer-To: <sip:"+to+"@"+harness.Domain+">\n", "")
			m := w.Final(string(invite.CallID()), "REFER")
			if m.StatusCode() == 202 {
				return
			}
			if m.StatusCode() != 491 || time.Now().After(end) { // else an offer is still on its way
				t.Fatalf("REFER to %s is answered %d %s", to, m.StatusCode(), harness.Header(m, "Warning"))
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
	refer(soft, s, "s", "bob")
	b := bob.Request("INVITE")
	bob.Answer(b, 200, "b", 30004)
	bob.Request("ACK")
	agree(bob)
	agree(trunk)
	soft.Reply(soft.Request("BYE"), 200, "", "", "")
	house.Told(r, t, "+4940999", cdr.Transferring, cdr.Transferred)

	refer(bob, b, "b", "*57")
	bob.Reply(bob.Request("BYE"), 200, "", "", "")

	if code := carol.Final(dialCode(carol, "carol", "*58"), "INVITE").StatusCode(); code != 404 {
		t.Errorf("an empty slot: %d", code)
	}
	call := dialCode(carol, "carol", "*57")
	carol.Ack(carol.Final(call, "INVITE"), "")
	agree(carol)
	harness.Wait(t, "carol is the called leg", func() bool { return house.Story(t, r, "+4940999").CallIDs[1] == call })
	rec := house.Told(r, t, "+4940999", cdr.Transferring, cdr.Transferred, cdr.Parked, cdr.Retrieved)
	for i, who := range []string{"alice", "bob", "bob", "carol"} {
		if i < len(rec.Story) && !strings.HasPrefix(rec.Story[i].Who, "sip:"+who+"@"+harness.Domain) {
			t.Errorf("step %d is of %s", i, rec.Story[i].Who)
		}
	}
	for _, c := range r.S.Exchange().Calls() {
		c.Hangup("administrator")
	}
	carol.Reply(carol.Request("BYE"), 200, "", "", "")
	trunk.Reply(trunk.Request("BYE"), 200, "", "", "")
	r.NothingLeft(t)
}

// TestConference: each of five hears the other four and not himself; one who is muted
// is heard by nobody, and one who is kicked leaves.
func TestConference(t *testing.T) {
	r := harness.StartServer(t, harness.Exchange)
	tones := []float64{440, 620, 880, 1250, 1760}
	var phones []*softphone.Phone
	for i := range tones {
		name := fmt.Sprint("u", i)
		r.User(name)
		p, err := softphone.New(softphone.Config{User: name, Domain: harness.Domain, Password: harness.Password, Server: r.Addr["tcp"].String(), Proto: "tcp"})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = p.Close() })
		phones = append(phones, p)
	}
	calls := make([]*softphone.Call, len(phones))
	for i, p := range phones {
		var err error
		if calls[i], err = p.Dial(harness.Soon(t), "*6100", softphone.DialOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	last := house.CallOf(r, "u4")
	harness.Wait(t, "the last is seated, and muted", func() bool { return last.Mute(harness.Soon(t), "caller", true) == nil })
	heard := make([][]float64, len(phones))
	var all sync.WaitGroup
	dir := t.TempDir()
	for i, call := range calls {
		all.Go(func() {
			file := fmt.Sprintf("%s/%d.wav", dir, i)
			_, err := call.Talk(context.Background(), softphone.TalkOptions{Play: sound.Tone(tones[i], -20, 6*time.Second), Record: file, Duration: 6 * time.Second})
			if err != nil {
				t.Error(err)
				return
			}
			heard[i] = levels(t, file, tones)
		})
	}
	all.Wait()
	for i := range phones {
		for j, level := range heard[i] {
			want := j != i && j != 4
			if got := level > -45; got != want {
				t.Errorf("%d hears %d at %.0f dBFS, want heard %v", i, j, level, want)
			}
		}
	}
	r.NothingLeft(t)
}

// levels is how loud each tone is in that half second of a file in which most is heard of
// all of them, dBFS: a machine that stands still makes gaps.
func levels(t *testing.T, file string, tones []float64) []float64 {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Error(err)
		return nil
	}
	defer f.Close()
	r, err := sound.NewReader(f)
	if err != nil {
		t.Error(err)
		return nil
	}
	pcm := make([]int16, 10*r.Rate())
	pcm = pcm[:r.Read(pcm)]
	var out []float64
	most := -1.0
	for window := r.Rate() / 2; len(pcm) >= window; pcm = pcm[window/2:] {
		var all float64
		var here []float64
		for _, freq := range tones {
			level := amplitude(pcm[:window], freq, r.Rate())
			all, here = all+level, append(here, 20*math.Log10(level+1e-9))
		}
		if all > most {
			most, out = all, here
		}
	}
	return out
}

// amplitude of a tone, 1 is full scale.
func amplitude(pcm []int16, freq float64, rate int) float64 {
	var sum complex128
	for i, v := range pcm {
		sum += complex(float64(v), 0) * cmplx.Exp(complex(0, -2*math.Pi*freq*float64(i)/float64(rate)))
	}
	return 2 * cmplx.Abs(sum) / float64(len(pcm)) / 32768
}

// TestSettingsDialled: what is dialled at the phone is set, heard as done, and holds
// for the next call. Where no call can go, calls are not sent.
func TestSettingsDialled(t *testing.T) {
	t.Parallel() // a refusal is heard for three seconds
	r := harness.StartServer(t, harness.Exchange)
	r.User("alice", "bob", "carol")
	extension := "200"
	if err := r.S.Directory().Change(harness.Soon(t), "sip:carol@"+harness.Domain, directory.Change{Extension: &extension}); err != nil {
		t.Fatal(err)
	}
	alice := r.Dial(t, "udp")
	of := func() string {
		u := r.S.CallSettings().Of("sip:alice@" + harness.Domain)
		return fmt.Sprint(u.Always, " ", u.Busy, " ", u.NoAnswer, " ", u.Unreachable, " ", u.DoNotDisturb)
	}
	for _, c := range []struct{ code, want string }{
		{"*21*0301234567#", "0301234567    false"}, {"*67*bob#", "0301234567 bob   false"}, {"*61*200#", "0301234567 bob 200  false"},
		{"*26#", "0301234567 bob 200  true"}, {"#21#", " bob 200  true"}, {"#26#", " bob 200  false"}, {"*21*alice#", " bob 200  false"},
		{"*21*nosuch#", " bob 200  false"}, {"*21*199#", " bob 200  false"}, {"*67*112#", " bob 200  false"},
	} {
		id := dialCode(alice, "alice", c.code)
		alice.Ack(alice.Final(id, "INVITE"), "")
		alice.Reply(alice.Request("BYE"), 200, "", "", "")
		if got := of(); got != c.want {
			t.Errorf("%s: %q, want %q", c.code, got, c.want)
		}
	}
	r.NothingLeft(t)
}

// TestRecording: the sound of both sides is kept in a file that is complete when the
// call has ended; without a folder nothing is recorded.
func TestRecording(t *testing.T) {
	dir := t.TempDir()
	r := harness.StartServer(t, func(cfg *config.Config) { harness.Exchange(cfg); cfg.Telephony.Recordings = dir })
	r.User("alice")
	r.Gateway(t, "berlin", nil)
	p, err := softphone.New(softphone.Config{User: "alice", Domain: harness.Domain, Password: harness.Password, Server: r.Addr["tcp"].String(), Proto: "tcp"})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	call, err := p.Dial(harness.Soon(t), "+49301234567", softphone.DialOptions{})
	if err != nil {
		t.Fatal(err)
	}
	name, err := house.CallOf(r, "alice").Recording(harness.Soon(t), true, "administrator")
	if err != nil {
		t.Fatal(err)
	}
	harness.Listens(t, call, softphone.TalkOptions{Play: sound.Tone(1000, -20, 2*time.Second)}, 2500*time.Millisecond)
	rec := r.Records(t, 1)[0]
	if !slices.Equal(house.Whats(rec), []cdr.What{cdr.Recording}) || !strings.HasSuffix(rec.Story[0].Who, name) {
		t.Errorf("record %+v", rec)
	}
	f, err := os.Open(dir + "/" + name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	wav, err := sound.NewReader(f)
	if err != nil || sound.Duration(int(wav.Frames())) < 2*time.Second && wav.Frames()/int64(wav.Rate()) < 2 {
		t.Errorf("%v, %d frames at %d Hz", err, wav.Frames(), wav.Rate())
	}
	info, err := os.Stat(dir + "/" + name)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", err, info.Mode())
	}
}

// TestIntercom: the phone of a colleague is asked to answer by itself, that of anybody
// else is not called.
func TestIntercom(t *testing.T) {
	_, _, phones := house.RingGroup(t, nil)
	alice, bob, carol := phones["alice"], phones["bob"], phones["carol"]
	id := dialCode(alice, "alice", "*80bob")
	m := bob.Request("INVITE")
	if harness.Header(m, "Answer-Mode") != "Auto" || !strings.Contains(harness.Header(m, "Call-Info"), "answer-after=0") || !strings.Contains(harness.Header(m, "Alert-Info"), "info=alert-autoanswer") {
		t.Errorf("bob's phone is told\n%s", m.Bytes())
	}
	bob.Reply(m, 486, "b", "", "")
	bob.Request("ACK")
	alice.Final(id, "INVITE")
	if code := carol.Final(dialCode(carol, "carol", "*80bob"), "INVITE").StatusCode(); code != 403 {
		t.Errorf("carol gets %d", code)
	}
	house.Silent(t, "bob", bob)
}

// Nobody but by the codes of intercom and paging has a phone answer by itself: neither a
// user nor a gateway, whatever their INVITE says.
func TestNobodyElseOpensAMicrophone(t *testing.T) {
	r, phones := house.Start(t)
	gateway := r.RawTrunk(t, "pstn", nil)
	const lines = "Answer-Mode: Auto;require\nPriv-Answer-Mode: Auto\nCall-Info: <sip:localhost>;answer-after=0\nAlert-Info: <http://localhost>;info=alert-autoanswer;delay=0\n"
	for who, call := range map[string]func(){
		"a user":    func() { r.Invites(phones["carol"], "carol", "sip:bob@"+harness.Domain, 31000, lines) },
		"a gateway": func() { gateway.CallIn("+4940999", "bob", lines) },
	} {
		call()
		m := phones["bob"].Request("INVITE")
		for _, name := range []string{"Answer-Mode", "Priv-Answer-Mode", "Call-Info", "Alert-Info"} {
			if v := harness.Header(m, name); v != "" {
				t.Errorf("%s has bob's phone told %s: %s", who, name, v)
			}
		}
		phones["bob"].Reply(m, 486, "b", "", "")
		phones["bob"].Request("ACK")
	}
	r.NothingLeft(t)
}

// TestCallControl: what is asked by the API happens to the call, and the trace shows
// all legs by the Call-ID of any.
func TestCallControl(t *testing.T) {
	r := harness.StartServer(t, func(cfg *config.Config) { harness.Exchange(cfg); cfg.Telephony.Recordings = "recordings" })
	r.User("alice", "bob")
	trunk, alice, bob := r.RawTrunk(t, "pstn", nil), r.Dial(t, "udp"), r.Dial(t, "udp")
	alice.Register("alice")
	bob.Register("bob")
	k, err := client.Dial(r.Cfg.Socket())
	if err != nil {
		t.Fatal(err)
	}
	ask := func(method, path string, in, out any, want int) {
		t.Helper()
		err := k.Call(harness.Soon(t), method, path, in, out)
		var p *problem.Problem
		switch {
		case err == nil && want == 200:
		case errors.As(err, &p) && p.Status == want:
		default:
			t.Fatalf("%s %s: %v, want %d", method, path, err, want)
		}
	}
	id := trunk.CallIn("+4940999", "alice", "")
	a := alice.Request("INVITE")
	alice.Answer(a, 200, "a", 30002)
	alice.Request("ACK")
	trunk.Ack(trunk.Final(id, "INVITE"), "")
	call := "/calls/" + r.S.Exchange().Calls()[0].ID()

	var rec callcontrol.Recording
	ask("POST", call+"/recording", nil, &rec, 200)
	ask("DELETE", call+"/recording", nil, &rec, 200)
	if info, err := os.Stat(r.Cfg.Data + "/recordings/" + rec.File); err != nil || info.Size() == 0 {
		t.Errorf("the recording: %v", err)
	}
	ask("DELETE", call+"/recording", nil, &rec, 404)
	ask("POST", call+"/mute", callcontrol.Muting{Muted: true}, nil, 404)
	ask("POST", "/calls/nobody/park", callcontrol.Park{}, nil, 404)

	var parked callcontrol.Parked
	ask("POST", call+"/park", callcontrol.Park{By: "callee", Slot: 12}, &parked, 200)
	alice.Reply(alice.Request("BYE"), 200, "", "", "")
	if parked.Slot != 12 {
		t.Errorf("slot %d", parked.Slot)
	}
	ask("POST", call+"/park", callcontrol.Park{By: "callee"}, nil, 403)
	leg := dialCode(bob, "bob", "*512")
	bob.Ack(bob.Final(leg, "INVITE"), "")
	agree(trunk)
	agree(bob)
	house.Told(r, t, "+4940999", cdr.Recording, cdr.Recorded, cdr.Parked, cdr.Retrieved)
	for _, id := range []string{id, string(a.CallID())} {
		var page struct{ Items []struct{ Text string } }
		ask("GET", "/trace?call_id="+url.QueryEscape(id), nil, &page, 200)
		legs := map[string]bool{}
		for _, m := range page.Items {
			for _, want := range []string{id, string(a.CallID()), leg} {
				if strings.Contains(m.Text, want) {
					legs[want] = true
				}
			}
		}
		if len(legs) < 2 {
			t.Errorf("by %s the trace shows the legs %v", id, legs)
		}
	}
	ask("DELETE", call, nil, nil, 200)
	bob.Reply(bob.Request("BYE"), 200, "", "", "")
	trunk.Reply(trunk.Request("BYE"), 200, "", "", "")
	r.NothingLeft(t)
}
