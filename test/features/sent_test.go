package features

import (
	"net/url"
	"slices"
	"strings"
	"testing"

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
// both calls; the other party is in the conference.
func TestAttendedTransferIntoConference(t *testing.T) {
	r, phones := house.Start(t)
	a, b := r.Call(phones["alice"], phones["bob"], "alice", "bob", 31000)
	k := r.Invites(phones["alice"], "alice", "sip:*677@"+harness.Domain, 31010)
	k.Connected()
	seated(t, r)
	named := url.QueryEscape(k.ID + ";to-tag=" + k.Peer + ";from-tag=" + k.Local)
	if m := a.Asks("REFER", "Refer-To: <sip:*677@"+harness.Domain+"?Replaces="+named+">\n", ""); m.StatusCode() != 202 {
		t.Fatalf("REFER is answered\n%s", m.Bytes())
	}
	if told := house.Notified(a); told[len(told)-1] != "200 OK" {
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

// A parked call is not transferred: it stays in its slot, where whoever dials it finds
// the party that waits.
func TestTransferOfParkedCall(t *testing.T) {
	r, phones := house.Start(t)
	a, b := r.Call(phones["alice"], phones["bob"], "alice", "bob", 31000)
	if m := b.Asks("REFER", "Refer-To: <sip:*57@"+harness.Domain+">\n", ""); m.StatusCode() != 202 {
		t.Fatalf("REFER is answered\n%s", m.Bytes())
	}
	house.Notified(b)
	b.Ok("BYE", "", "")
	c := house.CallOf(r, "alice")
	for _, by := range []string{"caller", "callee"} {
		if err := c.Transfer(harness.Soon(t), by, "carol"); err == nil {
			t.Errorf("a parked call is transferred by the %s", by)
		}
	}
	house.Silent(t, "carol's phone", phones["carol"])
	k := r.Invites(phones["bob"], "bob", "sip:*57@"+harness.Domain, 31020)
	k.Connected()
	k.Reoffered()
	a.Reoffered()
	k.HangsUp()
	a.Ok("BYE", "", "")
	r.NothingLeft(t)
}
