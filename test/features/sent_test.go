package features

import (
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tandem/media/sound"
	"tandem/rtc/sip"
	"tandem/telephony"
	"tandem/test/harness"
	"tandem/test/house"
)

// seated waits until one who has dialled a conference is in it.
func seated(t *testing.T, r *harness.Rig) {
	t.Helper()
	harness.Wait(t, "somebody is in the conference", func() bool {
		return slices.ContainsFunc(r.S.Exchange().Calls(), func(c *telephony.Call) bool { return house.Words(c.Record()) == "joined" })
	})
}

// A phone holds the other party, as desk phones do before a transfer, and sends it to a
// conference or a parking slot: the party is offered sound both ways again.
func TestHeldPartyIsSentOn(t *testing.T) {
	for _, c := range []struct{ to, hold, back string }{
		{"*677", "sendonly", "recvonly"}, {"*677", "inactive", "inactive"}, {"*57", "inactive", "inactive"},
	} {
		t.Run(c.to+" "+c.hold, func(t *testing.T) {
			t.Parallel()
			r, phones := house.Start(t)
			other, ear := house.Listen(t), house.Listen(t)
			in := r.Invites(phones["carol"], "carol", "sip:*677@"+harness.Domain, other.Port) // who is there already
			defer other.Says(600, in.Connected().Body())()
			a := r.Invites(phones["alice"], "alice", "sip:bob@"+harness.Domain, ear.Port)
			b := r.Answers(phones["bob"], "bob", 31002)
			a.Connected()
			b.Say("INVITE", "", b.SDP("a="+c.hold+"\r\n"))
			a.Ok("INVITE", "", a.SDP("a="+c.back+"\r\n"))
			a.Expect("ACK")
			if m := b.Final(b.ID, "INVITE"); m.StatusCode() != 200 {
				t.Fatalf("the hold is answered\n%s", m.Bytes())
			}
			b.AckIt("")
			if m := b.Asks("REFER", "Refer-To: <sip:"+c.to+"@"+harness.Domain+">\n", ""); m.StatusCode() != 202 {
				t.Fatalf("REFER is answered\n%s", m.Bytes())
			}
			m := a.Reoffered()
			for _, line := range []string{"a=inactive", "a=recvonly", "a=sendonly"} {
				if strings.Contains(string(m.Body()), line) {
					t.Errorf("alice is offered\n%s", m.Body())
				}
			}
			if c.to == "*677" {
				if f := ear.Until(600); f != 600 {
					t.Errorf("alice hears %.0f Hz of the conference, want 600", f)
				}
			}
			house.Notified(b)
			b.Ok("BYE", "", "")
			a.HangsUp()
			in.HangsUp()
			r.NothingLeft(t)
		})
	}
}

// Who speaks with one, dials a conference and joins both by an attended transfer leaves
// both calls; the other party is in the conference. The REFER may come in either call.
func TestAttendedTransferIntoConference(t *testing.T) {
	for _, second := range []bool{false, true} {
		r, phones := house.Start(t)
		a, b := r.Call(phones["alice"], phones["bob"], "alice", "bob", 31000)
		k := r.Invites(phones["alice"], "alice", "sip:*677@"+harness.Domain, 31010)
		k.Connected()
		seated(t, r)
		in, other, to := a, k, "*677"
		if second {
			in, other, to = k, a, "bob"
		}
		named := url.QueryEscape(other.ID + ";to-tag=" + other.Peer + ";from-tag=" + other.Local)
		if m := in.Asks("REFER", "Refer-To: <sip:"+to+"@"+harness.Domain+"?Replaces="+named+">\n", ""); m.StatusCode() != 202 {
			t.Fatalf("REFER is answered\n%s", m.Bytes())
		}
		if told := house.Notified(in); told[len(told)-1] != "200 OK" {
			t.Errorf("alice is told %q", told)
		}
		a.Ok("BYE", "", "")
		k.Ok("BYE", "", "")
		harness.Wait(t, "one call goes on", func() bool { return r.S.Exchange().Active() == 1 })
		if story := house.Words(r.S.Exchange().Calls()[0].Record()); story != "joined left" {
			t.Errorf("the story of bob's call is %q", story)
		}
		b.HangsUp()
		r.NothingLeft(t)
	}
}

// Nobody is brought into a conference out of a call of somebody else's, nor one who is
// alone in his own.
func TestBroughtIntoConferenceRefused(t *testing.T) {
	r, phones := house.Start(t)
	_, b := r.Call(phones["alice"], phones["bob"], "alice", "bob", 31000)
	k := r.Invites(phones["carol"], "carol", "sip:*677@"+harness.Domain, 31010)
	k.Connected()
	seated(t, r)
	refer := func(other *harness.Talker) *sip.Message {
		t.Helper()
		named := url.QueryEscape(other.ID + ";to-tag=" + other.Peer + ";from-tag=" + other.Local)
		return k.Asks("REFER", "Refer-To: <sip:x@"+harness.Domain+"?Replaces="+named+">\n", "")
	}
	if m := refer(b); m.StatusCode() != 403 {
		t.Errorf("a REFER to another's call is answered %d", m.StatusCode())
	}
	n := r.Invites(phones["carol"], "carol", "sip:*678@"+harness.Domain, 31020)
	n.Connected()
	harness.Wait(t, "carol is in both", func() bool {
		in := 0
		for _, c := range r.S.Exchange().Calls() {
			if house.Words(c.Record()) == "joined" {
				in++
			}
		}
		return in == 2
	})
	if m := refer(n); m.StatusCode() != 202 {
		t.Fatalf("REFER is answered %d", m.StatusCode())
	}
	if told := house.Notified(k); told[len(told)-1] != "503 Service Unavailable" {
		t.Errorf("carol is told %q", told)
	}
	k.HangsUp()
	n.HangsUp()
	b.HangsUp()
	phones["alice"].Reply(phones["alice"].Request("BYE"), 200, "", "", "")
	r.NothingLeft(t)
}

// Who is alone with the server, in a conference, has nobody to transfer: the REFER is
// refused, and no phone rings.
func TestTransferOutOfConference(t *testing.T) {
	r, phones := house.Start(t)
	b := r.Invites(phones["bob"], "bob", "sip:*677@"+harness.Domain, 31002)
	b.Connected()
	seated(t, r)
	if m := b.Asks("REFER", "Refer-To: <sip:carol@"+harness.Domain+">\n", ""); m.StatusCode() != 403 || !strings.Contains(string(m.Get(sip.HdrWarning)), "No Other Party") {
		t.Errorf("REFER is answered\n%s", m.Bytes())
	}
	house.Silent(t, "carol's phone", phones["carol"])
	b.HangsUp()
	r.NothingLeft(t)
}

// tells waits until the record of a call tells a story.
func tells(t *testing.T, c *telephony.Call, want string) {
	t.Helper()
	harness.Wait(t, want, func() bool { return house.Words(c.Record()) == want })
}

// The server sends a party on that waits in a slot, to another slot or to a user. When
// that one does not take it, it waits on.
func TestParkedPartyIsSentOn(t *testing.T) {
	r, phones := house.Start(t)
	ear := house.Listen(t)
	a := r.Invites(phones["alice"], "alice", "sip:bob@"+harness.Domain, ear.Port)
	b := r.Answers(phones["bob"], "bob", 31002)
	defer ear.Says(500, a.Connected().Body())()
	if m := b.Asks("REFER", "Refer-To: <sip:*57@"+harness.Domain+">\n", ""); m.StatusCode() != 202 {
		t.Fatalf("REFER is answered\n%s", m.Bytes())
	}
	house.Notified(b)
	b.Ok("BYE", "", "")
	c := house.CallOf(r, "alice")
	sent := func(by, to string) {
		t.Helper()
		if err := c.Transfer(harness.Soon(t), by, to); err != nil {
			t.Fatalf("sent on to %s: %v", to, err)
		}
	}
	for to, want := range map[string]string{"carol": "No Other Party", "*8": "Transferred There", "sip:*58@elsewhere.test": "Not a Destination"} {
		by := "callee"
		if to == "carol" {
			by = "caller" // who waits does not leave
		}
		if err := c.Transfer(harness.Soon(t), by, to); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("sent on to %s by the %s: %v", to, by, err)
		}
	}
	sent("", "*58")
	if k := r.Invites(phones["bob"], "bob", "sip:*57@"+harness.Domain, 31020); k.Final(k.ID, "INVITE").StatusCode() != 404 {
		t.Error("she still waits in slot 7")
	}
	sent("", "carol")
	invite := phones["carol"].Request("INVITE")
	if from, by := string(invite.Get(sip.HdrFrom)), string(invite.Get(sip.HdrReferredBy)); !strings.Contains(from, "sip:alice@") || !strings.Contains(by, "sip:bob@") {
		t.Errorf("carol is called\n%s", invite.Bytes())
	}
	phones["carol"].Reply(invite, 180, "ring", "", "")
	if f := ear.Until(425); f != 425 {
		t.Errorf("alice hears %.0f Hz while carol's phone rings, want 425", f)
	}
	phones["carol"].Reply(invite, 486, "ring", "", "")
	tells(t, c, "parked parked transferring transfer_failed parked")
	sent("callee", "carol")
	k := r.Answers(phones["carol"], "carol", 31030)
	a.Reoffered()
	tells(t, c, "parked parked transferring transfer_failed parked transferring transferred")
	k.HangsUp()
	a.Ok("BYE", "", "")
	r.NothingLeft(t)
	for _, rec := range r.Records(t, 4) {
		if rec.Called == "sip:carol@"+harness.Domain && rec.Payer != "sip:bob@"+harness.Domain {
			t.Errorf("carol is called at the expense of %s", rec.Payer)
		}
	}
}

// The server sends a party on that is in a conference: to another one, to a user who
// does not take the call, to one who does, and to a slot. Both hear each other then.
func TestConferenceIsLeft(t *testing.T) {
	r, phones := house.Start(t)
	ear, far, other := house.Listen(t), house.Listen(t), house.Listen(t)
	a := r.Invites(phones["alice"], "alice", "sip:*677@"+harness.Domain, ear.Port)
	answer := a.Connected()
	defer ear.Says(500, answer.Body())()
	seated(t, r)
	b := r.Invites(phones["bob"], "bob", "sip:*678@"+harness.Domain, other.Port)
	defer other.Says(600, b.Connected().Body())()
	c := house.CallOf(r, "alice")
	sent := func(to string) {
		t.Helper()
		if err := c.Transfer(harness.Soon(t), "", to); err != nil {
			t.Fatalf("sent on to %s: %v", to, err)
		}
	}
	hears := func(when string, e *house.Ear, want float64) {
		t.Helper()
		if f := e.Until(want, 500, 600, 700); f != want {
			t.Errorf("%s: %.0f Hz is heard, want %.0f", when, f, want)
		}
	}
	sent("*678")
	hears("in the other conference", ear, 600)
	sent("carol")
	invite := phones["carol"].Request("INVITE")
	phones["carol"].Reply(invite, 180, "ring", "", "")
	hears("while carol's phone rings", ear, 600)
	phones["carol"].Reply(invite, 486, "ring", "", "")
	tells(t, c, "joined left joined transferring transfer_failed")
	hears("when carol was busy", other, 500)
	sent("carol")
	k := &harness.Talker{Wire: phones["carol"], User: "carol", Port: far.Port, Seq: 10}
	invite = phones["carol"].Request("INVITE")
	k.Accept(invite)
	k.Expect("ACK")
	if m := a.Reoffered(); strings.Contains(string(m.Get(sip.HdrContact)), "isfocus") {
		t.Errorf("alice is offered as by a conference\n%s", m.Bytes())
	}
	defer far.Says(700, invite.Body())()
	hears("in the call with carol", ear, 700)
	hears("in the call with alice", far, 500)
	if f := other.Until(0, 500); f != 0 { // what was said before may still be heard
		t.Errorf("bob hears %.0f Hz of who has left", f)
	}
	if m := a.Asks("REFER", "Refer-To: <sip:*677@"+harness.Domain+">\n", ""); m.StatusCode() != 202 { // a call as any other
		t.Fatalf("REFER is answered\n%s", m.Bytes())
	}
	house.Notified(a)
	a.Ok("BYE", "", "")
	sent("*57")
	hears("in the slot", far, 425)
	k.HangsUp()
	b.HangsUp()
	r.NothingLeft(t)
}

// Both parties of a call are in a conference, and one is sent to somebody: the other one
// leaves. He does at once when he hangs up before the target has answered.
func TestOneOfTwoLeavesConference(t *testing.T) {
	for _, hangsUp := range []string{"nobody", "alice", "bob"} {
		r, phones := house.Start(t)
		a, b := r.Call(phones["alice"], phones["bob"], "alice", "bob", 31000)
		c := house.CallOf(r, "alice")
		if err := c.Confer(harness.Soon(t), "77"); err != nil {
			t.Fatal(err)
		}
		if err := c.Transfer(harness.Soon(t), "caller", "carol"); err != nil {
			t.Fatal(err)
		}
		invite := phones["carol"].Request("INVITE")
		switch hangsUp {
		case "alice":
			a.HangsUp()
			phones["carol"].Reply(invite, 486, "busy", "", "")
			tells(t, c, "joined joined transferring left transfer_failed")
			b.HangsUp()
		case "bob":
			phones["carol"].Reply(invite, 180, "ring", "", "")
			b.HangsUp()
			phones["carol"].Reply(phones["carol"].Request("CANCEL"), 200, "ring", "", "")
			phones["carol"].Reply(invite, 487, "ring", "", "")
			a.HangsUp()
		default:
			k := &harness.Talker{Wire: phones["carol"], User: "carol", Port: 31010, Seq: 10}
			k.Accept(invite)
			k.Expect("ACK")
			a.Ok("BYE", "", "")
			b.Reoffered()
			b.HangsUp()
			k.Ok("BYE", "", "")
		}
		r.NothingLeft(t)
	}
}

// A call that is transferred to a code goes where a phone's transfer to it would; one
// that has no other party is left alone.
func TestTransferToCode(t *testing.T) {
	r, phones := house.Start(t)
	a, b := r.Call(phones["alice"], phones["bob"], "alice", "bob", 31000)
	c := house.CallOf(r, "alice")
	if err := c.Transfer(harness.Soon(t), "caller", "*57"); err != nil {
		t.Fatal(err)
	}
	a.Ok("BYE", "", "")
	k := r.Invites(phones["carol"], "carol", "sip:*57@"+harness.Domain, 31010)
	k.Connected()
	k.Reoffered()
	b.Reoffered()
	for _, x := range []struct {
		to   string
		want int
	}{{"nobody", 404}, {"+49", 404}, {"*8", 403}, {"*51000", 409}, {"*677", 200}} {
		if code, out, _ := r.HTTP(t, "POST", "/calls/"+c.ID()+"/transfer", `{"to":"`+x.to+`"}`); code != x.want {
			t.Errorf("a transfer to %s by HTTP: %d, want %d: %v", x.to, code, x.want, out)
		}
	}
	b.Ok("BYE", "", "")
	tells(t, c, "parked retrieved joined left")
	k.HangsUp()
	file := filepath.Join(t.TempDir(), "hello.wav")
	if err := sound.WriteWAV(file, sound.Tone(500, -12, harness.Patience)); err != nil {
		t.Fatal(err)
	}
	played, err := r.S.Exchange().Play(harness.Soon(t), "alice", []string{file}, telephony.Options{Payer: harness.AliceURI})
	if err != nil {
		t.Fatal(err)
	}
	p := r.Answers(phones["alice"], "alice", 31020)
	harness.Wait(t, "alice has answered", func() bool { return !played.Record().Answered.IsZero() })
	for _, by := range []string{"caller", "callee"} {
		if err := played.Transfer(harness.Soon(t), by, "bob"); err == nil {
			t.Errorf("an announcement is transferred by the %s", by)
		}
	}
	p.HangsUp()
	r.NothingLeft(t)
}

// Who waits in a slot, or is in a conference alone or with the other party of the call,
// goes on at another phone: there he hears what he did, and so does the other one.
func TestAnotherPhoneHearsOn(t *testing.T) {
	for _, where := range []string{"slot", "conference", "conference of both"} {
		t.Run(where, func(t *testing.T) {
			t.Parallel()
			r, phones := house.Start(t)
			ear, other, far := house.Listen(t), house.Listen(t), house.Listen(t)
			in := r.Invites(phones["carol"], "carol", "sip:*677@"+harness.Domain, other.Port)
			defer other.Says(600, in.Connected().Body())()
			a := r.Invites(phones["alice"], "alice", "sip:bob@"+harness.Domain, 31000)
			b := &harness.Talker{Wire: phones["bob"], User: "bob", Port: far.Port, Seq: 10}
			b.Accept(phones["bob"].Request("INVITE"))
			b.Expect("ACK")
			a.Connected()
			c := house.CallOf(r, "alice")
			want, err := 600.0, error(nil)
			switch where {
			case "slot":
				want, err = 425, c.Transfer(harness.Soon(t), "callee", "*57")
			case "conference":
				err = c.Transfer(harness.Soon(t), "callee", "*677")
			default:
				err = c.Confer(harness.Soon(t), "77")
			}
			if err != nil {
				t.Fatal(err)
			}
			n := r.Invites(r.Dial(t, "tcp"), "alice", "sip:x@"+harness.Domain, ear.Port, fmt.Sprintf("Replaces: %s;to-tag=%s;from-tag=%s\n", a.ID, a.Peer, a.Local))
			n.Connected()
			if f := ear.Until(want, 500); f != want {
				t.Errorf("alice hears %.0f Hz, want %.0f", f, want)
			}
			if where == "conference of both" {
				if f := far.Until(600); f != 600 {
					t.Errorf("bob hears %.0f Hz of the conference, want 600", f)
				}
			}
			if m := n.Reoffered(); strings.Contains(string(m.Bytes()), "<>") {
				t.Errorf("alice is told of nobody\n%s", m.Bytes())
			}
			c.Hangup("administrator")
		})
	}
}

// A phone that parks in any slot is told which one it was.
func TestParkTellsTheSlot(t *testing.T) {
	r, phones := house.Start(t)
	for n, to := range []string{"*51", "*5", "*5"} { // 1, then 2 and 3
		a, b := r.Call(phones["alice"], phones["bob"], "alice", "bob", 31000+10*n)
		if m := b.Asks("REFER", "Refer-To: <sip:"+to+"@"+harness.Domain+">\n", ""); m.StatusCode() != 202 {
			t.Fatalf("REFER is answered\n%s", m.Bytes())
		}
		want := []string{"200 OK", "200 Waits in Slot 2", "200 Waits in Slot 3"}[n]
		if told := house.Notified(b); told[len(told)-1] != want {
			t.Errorf("bob is told %q, want %q", told, want)
		}
		b.Ok("BYE", "", "")
		defer a.HangsUp()
	}
}
