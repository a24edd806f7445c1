package features

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tandem/cmd/tandem/config"
	"tandem/media/sound"
	"tandem/rtc/sip"
	"tandem/telephony/cdr"
	"tandem/test/harness"
	"tandem/test/house"
)

// A call of two becomes a conference where its parties are: a third joins them, each
// hears the others, and each may leave or be made to.
func TestConferenceOfCall(t *testing.T) {
	r, phones := house.Start(t)
	ears := map[string]*house.Ear{"alice": house.Listen(t), "bob": house.Listen(t), "carol": house.Listen(t)}
	a := r.Invites(phones["alice"], "alice", "sip:bob@"+harness.Domain, ears["alice"].Port)
	invite := phones["bob"].Request("INVITE")
	b := &harness.Talker{Wire: phones["bob"], User: "bob", Port: ears["bob"].Port, Seq: 10}
	b.Accept(invite)
	b.Expect("ACK")
	answer := a.Connected()
	defer ears["alice"].Says(500, answer.Body())()
	defer ears["bob"].Says(700, invite.Body())()
	call := house.CallOf(r, "alice")
	if err := call.Confer(harness.Soon(t), "none"); err == nil {
		t.Error("a conference has no number")
	}
	if err := call.Confer(harness.Soon(t), "77"); err != nil {
		t.Fatal(err)
	}
	c := r.Invites(phones["carol"], "carol", "sip:*677@"+harness.Domain, ears["carol"].Port)
	joined := c.Connected()
	defer ears["carol"].Says(1100, joined.Body())()
	for m, is := range map[*sip.Message]bool{answer: false, joined: true} {
		if contact := string(m.Get(sip.HdrContact)); strings.HasSuffix(contact, ";isfocus") != is { // RFC 4579 §4.2
			t.Errorf("Contact %s; it is a conference: %v", contact, is)
		}
	}
	hears := func(who string, want ...string) {
		t.Helper()
		var heard []string
		for end := time.Now().Add(harness.Patience); !slices.Equal(heard, want); {
			if time.Now().After(end) {
				t.Fatalf("%s hears %q, want %q", who, heard, want)
			}
			heard = nil
			for i, is := range ears[who].Hears(500, 700, 1100) {
				if is {
					heard = append(heard, []string{"alice", "bob", "carol"}[i])
				}
			}
		}
	}
	hears("alice", "bob", "carol")
	hears("bob", "alice", "carol")
	hears("carol", "alice", "bob")
	if err := call.Mute(harness.Soon(t), "callee", true); err != nil {
		t.Fatal(err)
	}
	hears("carol", "alice")
	if err := call.Mute(harness.Soon(t), "callee", false); err != nil {
		t.Fatal(err)
	}
	if err := call.Kick(harness.Soon(t), "caller", "administrator"); err != nil {
		t.Fatal(err)
	}
	a.Ok("BYE", "", "")
	hears("carol", "bob")
	if want := "joined joined muted unmuted left"; house.Words(call.Record()) != want {
		t.Errorf("the story is %q, want %q", house.Words(call.Record()), want)
	}
	b.HangsUp()
	c.HangsUp()
	r.NothingLeft(t)
}

// A party refers the other one into a conference and may follow by dialling it.
func TestReferIntoConference(t *testing.T) {
	r, phones := house.Start(t)
	a, b := r.Call(phones["alice"], phones["bob"], "alice", "bob", 31000)
	if m := a.Asks("REFER", "Refer-To: <sip:*688@"+harness.Domain+">\n", ""); m.StatusCode() != 202 {
		t.Fatalf("REFER is answered\n%s", m.Bytes())
	}
	if told := house.Notified(a); told[len(told)-1] != "200 OK" {
		t.Errorf("alice is told %q", told)
	}
	a.Ok("BYE", "", "")
	again := r.Invites(phones["alice"], "alice", "sip:*688@"+harness.Domain, 31010)
	again.Connected()
	if n := r.S.Exchange().Active(); n != 2 {
		t.Errorf("%d calls, want 2", n)
	}
	if m := b.Asks("INVITE", "", b.SDP("a=sendonly\r\n")); m.StatusCode() != 200 || !strings.Contains(string(m.Body()), "a=recvonly") {
		t.Errorf("a hold in a conference is answered\n%s", m.Bytes())
	}
	b.HangsUp()
	again.HangsUp()
	r.NothingLeft(t)
}

// An OPTIONS to a conference, in no dialog, says that it is one to who may call there,
// and to nobody else; one to another code does not.
func TestOptionsToConference(t *testing.T) {
	_, phones := house.Start(t)
	ask := func(from, uri string) *sip.Message {
		t.Helper()
		return phones[from].Final(phones[from].Ask("OPTIONS", from, uri, "", ""), "OPTIONS")
	}
	m := ask("alice", "sip:*699@"+harness.Domain)
	contact := string(m.Get(sip.HdrContact))
	if m.StatusCode() != 200 || !strings.HasPrefix(contact, "<sip:*699@") || !strings.HasSuffix(contact, ";isfocus") { // RFC 4579 §4.3
		t.Errorf("OPTIONS to a conference is answered\n%s", m.Bytes())
	}
	if allow := string(m.Get(sip.HdrAllow)); !strings.Contains(allow, "INVITE") || !m.HasToken(sip.HdrSupported, "replaces") {
		t.Errorf("what the focus is able to is not told:\n%s", m.Bytes())
	}
	if id := phones["alice"].Ask("OPTIONS", "alice", "sip:*699@"+harness.Domain, "Require: flying", ""); phones["alice"].Final(id, "OPTIONS").StatusCode() != 420 {
		t.Error("OPTIONS that requires what nobody can is not answered 420") // RFC 3261 §8.2.2.3
	}
	phones["bob"].From = "sip:mallory@elsewhere.test"
	for from, uri := range map[string]string{"alice": "sip:*43@" + harness.Domain, "bob": "sip:*699@" + harness.Domain} {
		if m := ask(from, uri); m.StatusCode() < 400 {
			t.Errorf("OPTIONS of %s to %s is answered\n%s", from, uri, m.Bytes())
		}
	}
}

// What has the number of a conference at another server is not of this one.
func TestReferElsewhere(t *testing.T) {
	r, phones := house.Start(t)
	uri := "sip:*699@" + phones["bob"].Local.String()
	for _, method := range []string{"REFER", "OPTIONS"} {
		phones["alice"].Ask(method, "alice", uri, "Refer-To: <sip:bob@"+harness.Domain+">\n", "")
		if m := phones["bob"].Request(method); string(m.RequestURI()) != uri {
			t.Errorf("%s arrives for %s", method, m.RequestURI())
		}
	}
	if n := r.S.Exchange().Active(); n != 0 {
		t.Errorf("%d calls, want none", n)
	}
}

// A REFER to a conference, in no dialog, has somebody called and seated; who may not
// call there is refused.
func TestReferToConference(t *testing.T) {
	r, phones := house.Start(t)
	a := r.Invites(phones["alice"], "alice", "sip:*699@"+harness.Domain, 31000)
	a.Connected()
	refer := func(to string, want int) string {
		t.Helper()
		id := phones["alice"].Ask("REFER", "alice", "sip:*699@"+harness.Domain, "Refer-To: <"+to+">\n", "")
		if code := phones["alice"].Final(id, "REFER").StatusCode(); code != want {
			t.Errorf("a REFER to %s is answered %d, want %d", to, code, want)
		}
		return id
	}
	refer("sip:+19005551234@"+harness.Domain, 403)
	refer("sip:x@elsewhere.test", 403)
	k := &harness.Talker{Wire: phones["alice"], User: "alice", ID: refer("sip:bob@"+harness.Domain, 202)}
	invite := phones["bob"].Request("INVITE")
	if contact := string(invite.Get(sip.HdrContact)); !strings.HasSuffix(contact, ";isfocus") { // RFC 4579 §5.2
		t.Errorf("bob is called by a conference with Contact %s", contact)
	}
	b := &harness.Talker{Wire: phones["bob"], User: "bob", Port: 31002, Seq: 10}
	b.Accept(invite)
	phones["bob"].Request("ACK")
	if m := b.Asks("OPTIONS", "", ""); m.StatusCode() != 200 || !strings.HasSuffix(string(m.Get(sip.HdrContact)), ";isfocus") { // RFC 4579 §4.3
		t.Errorf("OPTIONS in the dialog is answered\n%s", m.Bytes())
	}
	if told := house.Notified(k); told[0] != "100 Trying" || told[len(told)-1] != "200 OK" {
		t.Errorf("alice is told %q", told)
	}
	if n := r.S.Exchange().Active(); n != 2 {
		t.Errorf("%d calls, want 2", n)
	}
	k.ID = refer("sip:carol@"+harness.Domain, 202)
	phones["carol"].Reply(phones["carol"].Request("INVITE"), 486, "busy", "", "")
	if told := house.Notified(k); told[len(told)-1] != "486 Busy Here" {
		t.Errorf("alice is told %q", told)
	}
	a.HangsUp()
	b.HangsUp()
	r.NothingLeft(t)
}

// A transfer to one device of a user (GRUU) rings that one alone, and a change of codec
// in the call is carried across.
func TestTransferToDevice(t *testing.T) {
	r, phones := house.Start(t)
	desk, mobile := r.Dial(t, "tcp"), r.Dial(t, "tcp")
	of := func(w *harness.Wire, n int) string {
		return fmt.Sprintf("Contact: %s;+sip.instance=\"<urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6b%02d>\"", w.Contact("carol"), n)
	}
	desk.Register("carol", of(desk, 1), "Supported: gruu")
	mobile.Register("carol", of(mobile, 2), "Supported: gruu")
	a, _ := r.Call(phones["alice"], phones["bob"], "alice", "bob", 31000)
	if m := a.Asks("REFER", "Refer-To: <sip:carol@"+harness.Domain+";gr=urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6b02>\n", ""); m.StatusCode() != 202 {
		t.Fatalf("REFER is answered\n%s", m.Bytes())
	}
	c := r.Answers(mobile, "carol", 31010)
	house.Notified(a)
	a.Ok("BYE", "", "")
	b := phones["bob"]
	m := b.Request("INVITE")
	b.Reply(m, 200, "", "Contact: "+b.Contact("bob")+"\n"+harness.SDPType, harness.SDPOf(31002, "0"))
	b.Request("ACK")
	house.Silent(t, "carol's other phone", desk)
	c.Say("INVITE", "", strings.Replace(c.SDP(""), "RTP/AVP 0", "RTP/AVP 8", 1))
	offer := b.Request("INVITE")
	b.Reply(offer, 200, "", "Contact: "+b.Contact("bob")+"\n"+harness.SDPType, harness.SDPOf(31002, "8"))
	if !strings.Contains(string(offer.Body()), "PCMA/8000") {
		t.Errorf("bob is offered\n%s", offer.Body())
	}
	answer := c.Final(c.ID, "INVITE")
	c.AckIt("")
	if answer.StatusCode() != 200 || !strings.Contains(string(answer.Body()), "RTP/AVP 8") {
		t.Errorf("the new codec is answered\n%s", answer.Bytes())
	}
	c.HangsUp()
	b.Reply(b.Request("BYE"), 200, "", "", "")
	r.NothingLeft(t)
}

// A parked call that nobody retrieves comes back to who parked it, and waits on when
// that one does not take it.
func TestParkRecall(t *testing.T) {
	for _, takes := range []bool{true, false} {
		r, phones := shortParking(t)
		a, b := r.Call(phones["alice"], phones["bob"], "alice", "bob", 31000)
		if m := b.Asks("REFER", "Refer-To: <sip:*57@"+harness.Domain+">\n", ""); m.StatusCode() != 202 {
			t.Fatalf("REFER is answered\n%s", m.Bytes())
		}
		house.Notified(b)
		b.Ok("BYE", "", "")
		back := house.CalledBack(t, phones, "bob", "alice")
		if takes {
			k := &harness.Talker{Wire: phones["bob"], User: "bob", Port: 31020, Seq: 10}
			k.Accept(back)
			k.Expect("ACK")
			a.Reoffered()
			a.HangsUp()
			k.Ok("BYE", "", "")
		} else {
			for range 2 {
				phones["bob"].Reply(back, 486, "busy", "", "")
				back = phones["bob"].Request("INVITE")
			}
			phones["bob"].Reply(back, 486, "busy", "", "")
			a.Ok("BYE", "", "")
		}
		r.NothingLeft(t)
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
	}{{"sip:bob@" + harness.Domain, 620, 486}, {"sip:+19005551234@" + harness.Domain, 770, 403}} {
		ear := house.Listen(t)
		a := r.Invites(phones["alice"], "alice", c.to, ear.Port)
		if c.code == 486 {
			phones["bob"].Reply(phones["bob"].Request("INVITE"), 486, "busy", "", "")
		}
		m := a.Status(183, a.ID)
		if harness.Header(m, "P-Early-Media") != "sendonly" {
			t.Errorf("%s: the 183 says\n%s", c.to, m.Bytes())
		}
		if !ear.HearsFromStart(c.freq) {
			t.Errorf("%s: alice does not hear %.0f Hz", c.to, c.freq)
		}
		final := a.Final(a.ID, "INVITE")
		a.Ack(final, c.to)
		if final.StatusCode() != c.code {
			t.Errorf("%s is answered %d, want %d", c.to, final.StatusCode(), c.code)
		}
	}
	house.Deny(t, r, "announce", "failure", "alice")
	a := r.Invites(phones["alice"], "alice", "sip:bob@"+harness.Domain, 31000)
	phones["bob"].Reply(phones["bob"].Request("INVITE"), 486, "busy", "", "")
	a.Final(a.ID, "INVITE")
	if m, err := a.Next(0, func(m *sip.Message) bool { return m.StatusCode() == 183 }); err == nil {
		t.Errorf("alice has no announcements and gets\n%s", m.Bytes())
	}
	r.NothingLeft(t)
	for _, rec := range r.Records(t, 3) {
		if rec.State != cdr.Failed {
			t.Errorf("record %+v", rec)
		}
	}
}

// shortParking is a house whose parked calls come back soon.
func shortParking(t *testing.T) (*harness.Rig, map[string]*harness.Wire) {
	t.Helper()
	return house.Start(t, func(cfg *config.Config) { cfg.Telephony.ParkTime = 200 * time.Millisecond })
}

// announcing is a house that says why calls fail.
func announcing(t *testing.T) (*harness.Rig, map[string]*harness.Wire) {
	t.Helper()
	dir := t.TempDir()
	for name, f := range map[string]float64{"busy.wav": 620, "refused.wav": 770} {
		if err := sound.WriteWAV(filepath.Join(dir, name), sound.Tone(f, -12, 1200*time.Millisecond)); err != nil {
			t.Fatal(err)
		}
	}
	return house.Start(t, func(cfg *config.Config) { cfg.Telephony.Announcements = dir })
}

// Who is in a conference may know who else is, and hears of it when somebody leaves;
// others may not.
func TestRFC4575ConferenceIsWatched(t *testing.T) {
	r, phones := house.Start(t)
	a := r.Invites(phones["alice"], "alice", "sip:*677@"+harness.Domain, 31000)
	a.Connected()
	b := r.Invites(phones["bob"], "bob", "sip:*677@"+harness.Domain, 31010)
	b.Connected()
	seated := func(user string) func() bool {
		return func() bool { return strings.Contains(house.Words(house.CallOf(r, user).Record()), "joined") }
	}
	harness.Wait(t, "both are seated", func() bool { return seated("alice")() && seated("bob")() })
	if _, m := r.Subscribes(phones["carol"], "carol", "*677", "conference", "", ""); m.StatusCode() != 403 {
		t.Errorf("carol, who is not there, is answered\n%s", m.Bytes())
	}
	var k *harness.Watcher
	harness.Wait(t, "alice may watch", func() bool { // a moment after she is seated
		var m *sip.Message
		k, m = r.Subscribes(phones["alice"], "alice", "*677", "conference", "Accept: application/conference-info+xml", "")
		return m.StatusCode() == 200
	})
	k.Until("sip:bob@")
	if err := house.CallOf(r, "bob").Mute(harness.Soon(t), "caller", true); err != nil {
		t.Fatal(err)
	}
	k.Until("muted-via-focus")
	b.HangsUp()
	if text := string(k.Notified().Body()); strings.Contains(text, "sip:bob@") || !strings.Contains(text, "<user-count>1</user-count>") {
		t.Errorf("bob has left: %s", text)
	}
	a.HangsUp()
	if s := string(k.Notified().Get(sip.HdrSubscriptionState)); !strings.HasPrefix(s, "terminated;reason=noresource") {
		t.Errorf("it is over: %s", s)
	}
	r.NothingLeft(t)
}
