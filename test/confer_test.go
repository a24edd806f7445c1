package test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tandem/cmd/tandem/config"
	"tandem/media/sound"
	"tandem/rtc/policy"
	"tandem/rtc/sip"
	"tandem/telephony/cdr"
)

// A call of two becomes a conference where its parties are: a third joins them, each
// hears the others, and each may leave or be made to.
func TestConferenceOfCall(t *testing.T) {
	r, phones := house(t)
	ears := map[string]*ear{"alice": listen(t), "bob": listen(t), "carol": listen(t)}
	a := r.invites(phones["alice"], "alice", "sip:bob@"+domain, ears["alice"].port)
	invite := phones["bob"].request("INVITE")
	b := &talker{wire: phones["bob"], user: "bob", port: ears["bob"].port, seq: 10}
	b.accept(invite)
	b.expect("ACK")
	answer := a.connected()
	defer ears["alice"].says(500, answer.Body())()
	defer ears["bob"].says(700, invite.Body())()
	call := callOf(r, "alice")
	if err := call.Confer(soon(t), "none"); err == nil {
		t.Error("a conference has no number")
	}
	if err := call.Confer(soon(t), "77"); err != nil {
		t.Fatal(err)
	}
	c := r.invites(phones["carol"], "carol", "sip:*677@"+domain, ears["carol"].port)
	defer ears["carol"].says(1100, c.connected().Body())()
	hears := func(who string, want ...string) {
		t.Helper()
		var heard []string
		for end := time.Now().Add(patience); !slices.Equal(heard, want); {
			if time.Now().After(end) {
				t.Fatalf("%s hears %q, want %q", who, heard, want)
			}
			heard = nil
			for i, is := range ears[who].hears(500, 700, 1100) {
				if is {
					heard = append(heard, []string{"alice", "bob", "carol"}[i])
				}
			}
		}
	}
	hears("alice", "bob", "carol")
	hears("bob", "alice", "carol")
	hears("carol", "alice", "bob")
	if err := call.Mute(soon(t), "callee", true); err != nil {
		t.Fatal(err)
	}
	hears("carol", "alice")
	if err := call.Mute(soon(t), "callee", false); err != nil {
		t.Fatal(err)
	}
	if err := call.Kick(soon(t), "caller", "administrator"); err != nil {
		t.Fatal(err)
	}
	a.ok("BYE", "", "")
	hears("carol", "bob")
	if want := "joined joined muted unmuted left"; words(call.Record()) != want {
		t.Errorf("the story is %q, want %q", words(call.Record()), want)
	}
	b.hangsUp()
	c.hangsUp()
	r.nothingLeft(t)
}

func words(r cdr.Record) string {
	var list []string
	for _, w := range whats(r) {
		list = append(list, string(w))
	}
	return strings.Join(list, " ")
}

// A party refers the other one into a conference and may follow by dialling it.
func TestReferIntoConference(t *testing.T) {
	r, phones := house(t)
	a, b := r.call(phones["alice"], phones["bob"], "alice", "bob", 31000)
	if m := a.asks("REFER", "Refer-To: <sip:*688@"+domain+">\n", ""); m.StatusCode() != 202 {
		t.Fatalf("REFER is answered\n%s", m.Bytes())
	}
	if told := a.notified(); told[len(told)-1] != "200 OK" {
		t.Errorf("alice is told %q", told)
	}
	a.ok("BYE", "", "")
	again := r.invites(phones["alice"], "alice", "sip:*688@"+domain, 31010)
	again.connected()
	if n := r.s.Exchange().Active(); n != 2 {
		t.Errorf("%d calls, want 2", n)
	}
	if m := b.asks("INVITE", "", b.sdp("a=sendonly\r\n")); m.StatusCode() != 200 || !strings.Contains(string(m.Body()), "a=recvonly") {
		t.Errorf("a hold in a conference is answered\n%s", m.Bytes())
	}
	b.hangsUp()
	again.hangsUp()
	r.nothingLeft(t)
}

// A REFER to a conference, in no dialog, has somebody called and seated; who may not
// call there is refused.
func TestReferToConference(t *testing.T) {
	r, phones := house(t)
	a := r.invites(phones["alice"], "alice", "sip:*699@"+domain, 31000)
	a.connected()
	refer := func(to string, want int) string {
		t.Helper()
		id := phones["alice"].ask("REFER", "alice", "sip:*699@"+domain, "Refer-To: <"+to+">\n", "")
		if code := phones["alice"].final(id, "REFER").StatusCode(); code != want {
			t.Errorf("a REFER to %s is answered %d, want %d", to, code, want)
		}
		return id
	}
	refer("sip:+19005551234@"+domain, 403)
	refer("sip:x@elsewhere.test", 403)
	k := &talker{wire: phones["alice"], user: "alice", id: refer("sip:bob@"+domain, 202)}
	b := r.answers(phones["bob"], "bob", 31002)
	if told := k.notified(); told[0] != "100 Trying" || told[len(told)-1] != "200 OK" {
		t.Errorf("alice is told %q", told)
	}
	if n := r.s.Exchange().Active(); n != 2 {
		t.Errorf("%d calls, want 2", n)
	}
	k.id = refer("sip:carol@"+domain, 202)
	phones["carol"].reply(phones["carol"].request("INVITE"), 486, "busy", "", "")
	if told := k.notified(); told[len(told)-1] != "486 Busy Here" {
		t.Errorf("alice is told %q", told)
	}
	a.hangsUp()
	b.hangsUp()
	r.nothingLeft(t)
}

// A transfer to one device of a user (GRUU) rings that one alone, and a change of codec
// in the call is carried across.
func TestTransferToDevice(t *testing.T) {
	r, phones := house(t)
	desk, mobile := r.dial(t, "tcp"), r.dial(t, "tcp")
	of := func(w *wire, n int) string {
		return fmt.Sprintf("Contact: %s;+sip.instance=\"<urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6b%02d>\"", w.contact("carol"), n)
	}
	desk.register("carol", of(desk, 1), "Supported: gruu")
	mobile.register("carol", of(mobile, 2), "Supported: gruu")
	a, _ := r.call(phones["alice"], phones["bob"], "alice", "bob", 31000)
	if m := a.asks("REFER", "Refer-To: <sip:carol@"+domain+";gr=urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6b02>\n", ""); m.StatusCode() != 202 {
		t.Fatalf("REFER is answered\n%s", m.Bytes())
	}
	c := r.answers(mobile, "carol", 31010)
	a.notified()
	a.ok("BYE", "", "")
	b := phones["bob"]
	m := b.request("INVITE")
	b.reply(m, 200, "", "Contact: "+b.contact("bob")+"\n"+sdpType, sdpOf(31002, "0"))
	b.request("ACK")
	silent(t, "carol's other phone", desk)
	c.say("INVITE", "", strings.Replace(c.sdp(""), "RTP/AVP 0", "RTP/AVP 8", 1))
	offer := b.request("INVITE")
	b.reply(offer, 200, "", "Contact: "+b.contact("bob")+"\n"+sdpType, sdpOf(31002, "8"))
	if !strings.Contains(string(offer.Body()), "PCMA/8000") {
		t.Errorf("bob is offered\n%s", offer.Body())
	}
	answer := c.final(c.id, "INVITE")
	c.ackIt("")
	if answer.StatusCode() != 200 || !strings.Contains(string(answer.Body()), "RTP/AVP 8") {
		t.Errorf("the new codec is answered\n%s", answer.Bytes())
	}
	c.hangsUp()
	b.reply(b.request("BYE"), 200, "", "", "")
	r.nothingLeft(t)
}

// A parked call that nobody retrieves comes back to who parked it, and waits on when
// that one does not take it.
func TestParkRecall(t *testing.T) {
	for _, takes := range []bool{true, false} {
		r, phones := shortParking(t)
		a, b := r.call(phones["alice"], phones["bob"], "alice", "bob", 31000)
		if m := b.asks("REFER", "Refer-To: <sip:*57@"+domain+">\n", ""); m.StatusCode() != 202 {
			t.Fatalf("REFER is answered\n%s", m.Bytes())
		}
		b.notified()
		b.ok("BYE", "", "")
		back := phones["bob"].request("INVITE")
		if from, _ := back.From(); !strings.HasPrefix(string(from.URI), "sip:alice@") {
			t.Errorf("bob is called back by %s, want alice", from.URI)
		}
		if takes {
			k := &talker{wire: phones["bob"], user: "bob", port: 31020, seq: 10}
			k.accept(back)
			k.expect("ACK")
			a.reoffered()
			a.hangsUp()
			k.ok("BYE", "", "")
		} else {
			for range 2 {
				phones["bob"].reply(back, 486, "busy", "", "")
				back = phones["bob"].request("INVITE")
			}
			phones["bob"].reply(back, 486, "busy", "", "")
			a.ok("BYE", "", "")
		}
		r.nothingLeft(t)
	}
}

// A caller hears why his call fails before he is told by the status; one whose class of
// service has no announcements is told at once.
func TestAnnouncements(t *testing.T) {
	r, phones := announcing(t)
	for _, c := range []struct {
		to   string
		freq float64
		code int
	}{{"sip:bob@" + domain, 620, 486}, {"sip:+19005551234@" + domain, 770, 403}} {
		ear := listen(t)
		a := r.invites(phones["alice"], "alice", c.to, ear.port)
		if c.code == 486 {
			phones["bob"].reply(phones["bob"].request("INVITE"), 486, "busy", "", "")
		}
		m := a.status(183, a.id)
		if header(m, "P-Early-Media") != "sendonly" {
			t.Errorf("%s: the 183 says\n%s", c.to, m.Bytes())
		}
		if !ear.hearsFromStart(c.freq) {
			t.Errorf("%s: alice does not hear %.0f Hz", c.to, c.freq)
		}
		final := a.final(a.id, "INVITE")
		a.ack(final, c.to)
		if final.StatusCode() != c.code {
			t.Errorf("%s is answered %d, want %d", c.to, final.StatusCode(), c.code)
		}
	}
	deny(t, r, "announce", "failure", "alice")
	a := r.invites(phones["alice"], "alice", "sip:bob@"+domain, 31000)
	phones["bob"].reply(phones["bob"].request("INVITE"), 486, "busy", "", "")
	a.final(a.id, "INVITE")
	if m, err := a.next(0, func(m *sip.Message) bool { return m.StatusCode() == 183 }); err == nil {
		t.Errorf("alice has no announcements and gets\n%s", m.Bytes())
	}
	r.nothingLeft(t)
	for _, rec := range r.records(t, 3) {
		if rec.State != cdr.Failed {
			t.Errorf("record %+v", rec)
		}
	}
}

// shortParking is a house whose parked calls come back soon.
func shortParking(t *testing.T) (*rig, map[string]*wire) {
	t.Helper()
	return houseOf(t, func(cfg *config.Config) { cfg.Telephony.ParkTime = 200 * time.Millisecond })
}

// announcing is a house that says why calls fail.
func announcing(t *testing.T) (*rig, map[string]*wire) {
	t.Helper()
	dir := t.TempDir()
	for name, f := range map[string]float64{"busy.wav": 620, "refused.wav": 770} {
		if err := sound.WriteWAV(filepath.Join(dir, name), sound.Tone(f, -12, 1200*time.Millisecond)); err != nil {
			t.Fatal(err)
		}
	}
	return houseOf(t, func(cfg *config.Config) { cfg.Telephony.Announcements = dir })
}

func houseOf(t *testing.T, change func(*config.Config)) (*rig, map[string]*wire) {
	t.Helper()
	r := startServer(t, func(cfg *config.Config) { ledCalls(cfg); change(cfg) })
	phones := map[string]*wire{}
	for _, name := range []string{"alice", "bob"} {
		r.user(name)
		phones[name] = r.dial(t, "udp")
		phones[name].register(name)
	}
	return r, phones
}

// deny and allow set what holds for one user.
func deny(t *testing.T, r *rig, action, kind, user string)  { setRule(t, r, action, kind, user, false) }
func allow(t *testing.T, r *rig, action, kind, user string) { setRule(t, r, action, kind, user, true) }

func setRule(t *testing.T, r *rig, action, kind, user string, may bool) {
	t.Helper()
	key := policy.Key{Level: policy.User, Name: "sip:" + user + "@" + domain, Action: action, Kind: kind}
	if err := r.s.Policy().Set(soon(t), policy.Rule{Key: key, Allow: may}); err != nil {
		t.Fatal(err)
	}
}
