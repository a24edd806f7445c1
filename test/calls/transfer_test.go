package calls

import (
	"fmt"
	"strings"
	"testing"

	"tandem/rtc/sip"
	"tandem/telephony"
	"tandem/test/harness"
	"tandem/test/house"
)

// A blind transfer by the caller or by the called: the target is called in the name
// of who stays, that one hears of it by a new offer, and the transferor is told.
func TestBlindTransfer(t *testing.T) {
	for _, by := range []string{"caller", "callee"} {
		for _, early := range []bool{false, true} {
			t.Run(fmt.Sprintf("by %s, early BYE %v", by, early), func(t *testing.T) {
				t.Parallel()
				r, phones := house.Start(t)
				a, b := r.Call(phones["alice"], phones["bob"], "alice", "bob", 31000)
				who, stays := a, b
				if by == "callee" {
					who, stays = b, a
				}
				if m := who.Asks("REFER", "Refer-To: <sip:carol@"+harness.Domain+">\nReferred-By: <sip:"+who.User+"@"+harness.Domain+">\n", ""); m.StatusCode() != 202 {
					t.Fatalf("REFER is answered\n%s", m.Bytes())
				}
				if m := who.Ok("NOTIFY", "", ""); !strings.HasPrefix(string(m.Body()), "SIP/2.0 100") {
					t.Errorf("the first NOTIFY says %q", m.Body())
				}
				invite := phones["carol"].Request("INVITE")
				if from, _ := invite.From(); !strings.HasPrefix(string(from.URI), "sip:"+stays.User+"@") {
					t.Errorf("carol is shown %s, want %s", from.URI, stays.User)
				}
				if got := string(invite.Get(sip.HdrReferredBy)); !strings.Contains(got, "sip:"+who.User+"@"+harness.Domain) {
					t.Errorf("carol is told Referred-By: %q", got)
				}
				if early {
					who.HangsUp()
				}
				phones["carol"].Reply(invite, 180, "ring", "Contact: "+phones["carol"].Contact("carol")+"\n", "")
				c := &harness.Talker{Wire: phones["carol"], User: "carol", Port: 31010, Seq: 10}
				c.Accept(invite)
				c.Expect("ACK")
				if !early {
					if told := house.Notified(who); strings.Join(told, " ") != "180 Ringing 200 OK" {
						t.Errorf("%s is told %q", who.User, told)
					}
					who.Ok("BYE", "", "")
				}
				if m := stays.Reoffered(); !strings.Contains(string(m.Get(sip.HdrPAssertedIdentity)), "sip:carol@") {
					t.Errorf("%s is told of %q", stays.User, m.Get(sip.HdrPAssertedIdentity))
				}
				harness.Wait(t, "one call goes on", func() bool { return r.S.Exchange().Active() == 1 })
				c.HangsUp()
				stays.Ok("BYE", "", "")
				r.NothingLeft(t)
				for _, rec := range r.Records(t, 2) {
					home := rec.To == "bob"
					if steps := len(rec.Story); string(rec.Payer) != "sip:"+who.User+"@"+harness.Domain || home && steps != 2 || !home && rec.EndedBy != "transfer" {
						t.Errorf("record %+v", rec)
					}
				}
			})
		}
	}
}

// An attended transfer, in both orders of consultation: the REFER may come in
// either call, and on either side may be a browser, with DTLS.
func TestAttendedTransfer(t *testing.T) {
	for n := range 6 {
		second, browser := n%2 == 1, []string{"nobody", "bob", "carol"}[n/2]
		t.Run(fmt.Sprintf("REFER in the second call %v, browser of %s", second, browser), func(t *testing.T) {
			t.Parallel()
			r, phones := house.Start(t)
			if phones[browser] != nil {
				phones[browser].Register(browser, "Contact: *", "Expires: 0")
				phones[browser] = r.Dial(t, "wss")
				phones[browser].Register(browser)
			}
			a1, b := r.Call(phones["alice"], phones["bob"], "alice", "bob", 31000)
			a2, c := r.Call(phones["alice"], phones["carol"], "alice", "carol", 31010)
			in, other, stays, joins := a1, a2, b, c
			if second {
				in, other, stays, joins = a2, a1, c, b
			}
			replaces := fmt.Sprintf("%s%%3Bto-tag%%3D%s%%3Bfrom-tag%%3D%s", other.ID, other.Peer, other.Local)
			if m := in.Asks("REFER", fmt.Sprintf("Refer-To: <sip:%s@%s?Replaces=%s>\n", joins.User, harness.Domain, replaces), ""); m.StatusCode() != 202 {
				t.Fatalf("REFER is answered\n%s", m.Bytes())
			}
			if told := house.Notified(in); strings.Join(told, " ") != "100 Trying 200 OK" {
				t.Errorf("alice is told %q", told)
			}
			in.Ok("BYE", "", "")
			other.Ok("BYE", "", "")
			if m := joins.Reoffered(); !strings.Contains(string(m.Get(sip.HdrPAssertedIdentity)), "sip:"+stays.User+"@") {
				t.Errorf("%s is told of %q", joins.User, m.Get(sip.HdrPAssertedIdentity))
			}
			if m := stays.Reoffered(); !strings.Contains(string(m.Get(sip.HdrPAssertedIdentity)), "sip:"+joins.User+"@") {
				t.Errorf("%s is told of %q", stays.User, m.Get(sip.HdrPAssertedIdentity))
			}
			stays.HangsUp()
			joins.Ok("BYE", "", "")
			r.NothingLeft(t)
		})
	}
}

// Transfers that are refused leave the call as it was.
func TestTransferRefused(t *testing.T) {
	r, phones := house.Start(t)
	r.RawTrunk(t, "world", nil)
	a, b := r.Call(phones["alice"], phones["bob"], "alice", "bob", 31000)
	_, c := r.Call(phones["bob"], phones["carol"], "bob", "carol", 31010)
	for target, want := range map[string]int{
		"sip:alice@" + harness.Domain: 403, "sip:bob@" + harness.Domain: 403, // parties of this call
		"sip:dave@elsewhere.test": 403, "sip:dave@" + harness.Domain: 404,
		"sip:+19005551234@" + harness.Domain:              403, // alice may not call there
		"sip:carol@" + harness.Domain + ";method=MESSAGE": 403,
		fmt.Sprintf("sip:carol@%s?Replaces=%s%%3Bto-tag%%3D%s%%3Bfrom-tag%%3D%s", harness.Domain, c.ID, c.Peer, c.Local): 403, // not her call
	} {
		if m := a.Asks("REFER", "Refer-To: <"+target+">\n", ""); m.StatusCode() != want {
			t.Errorf("a transfer to %s is answered %d, want %d", target, m.StatusCode(), want)
		}
	}
	if m := a.Asks("REFER", "", ""); m.StatusCode() != 400 {
		t.Errorf("a REFER to nobody is answered %d", m.StatusCode())
	}
	a.HangsUp()
	b.Ok("BYE", "", "")
	phones["carol"].Aside = nil
	c.HangsUp()
	r.NothingLeft(t)
}

// When the target does not take the call, the transferor is told and has it still.
func TestTransferFails(t *testing.T) {
	r, phones := house.Start(t)
	a, b := r.Call(phones["alice"], phones["bob"], "alice", "bob", 31000)
	a.Asks("REFER", "Refer-To: <sip:carol@"+harness.Domain+">\n", "")
	invite := phones["carol"].Request("INVITE")
	if m := a.Asks("REFER", "Refer-To: <sip:carol@"+harness.Domain+">\n", ""); m.StatusCode() != 491 {
		t.Errorf("a second REFER meanwhile is answered %d", m.StatusCode())
	}
	phones["carol"].Reply(invite, 486, "busy", "", "")
	if told := house.Notified(a); told[len(told)-1] != "486 Busy Here" {
		t.Errorf("alice is told %q", told)
	}
	b.HangsUp()
	a.Ok("BYE", "", "")
	r.NothingLeft(t)
}

// The transferor refers while the target still rings: its own call to the target is
// handed over, and it may take that back at once.
func TestTransferWhileItRings(t *testing.T) {
	r, phones := house.Start(t)
	a1, b := r.Call(phones["alice"], phones["bob"], "alice", "bob", 31000)
	a2 := r.Invites(phones["alice"], "alice", "sip:carol@"+harness.Domain, 31010)
	invite := phones["carol"].Request("INVITE")
	phones["carol"].Reply(invite, 180, "ring", "Contact: "+phones["carol"].Contact("carol")+"\n", "")
	ringing := a2.Status(180, a2.ID)
	replaces := fmt.Sprintf("%s%%3Bto-tag%%3D%s%%3Bfrom-tag%%3D%s", a2.ID, ringing.ToTag(), ringing.FromTag())
	if m := a1.Asks("REFER", "Refer-To: <sip:carol@"+harness.Domain+"?Replaces="+replaces+">\n", ""); m.StatusCode() != 202 {
		t.Fatalf("REFER is answered\n%s", m.Bytes())
	}
	c := &harness.Talker{Wire: phones["carol"], User: "carol", Port: 31010, Seq: 10}
	c.Accept(invite)
	c.Expect("ACK")
	switch m := a2.Final(a2.ID, "INVITE"); m.StatusCode() {
	case 480:
	case 200: // carol answered before the REFER, which is accepted first, was carried out
		a2.Ack(m, "")
	default:
		t.Errorf("alice's own call to carol is answered %d", m.StatusCode())
	}
	if told := house.Notified(a1); told[len(told)-1] != "200 OK" {
		t.Errorf("alice is told %q", told)
	}
	a1.Ok("BYE", "", "")
	c.Reoffered()
	b.Reoffered()
	b.HangsUp()
	c.Ok("BYE", "", "")
	r.NothingLeft(t)
}

// A user transfers a call out of the house, which counts as a call of that user; the
// gateway is asked for nothing but a call. From a gateway, transfers lead to users.
func TestTransferAndTrunks(t *testing.T) {
	r, phones := house.Start(t)
	gateway := r.RawTrunk(t, "berlin", nil)
	a, b := r.Call(phones["alice"], phones["bob"], "alice", "bob", 31000)
	b.Asks("REFER", "Refer-To: <tel:+49301234567>\n", "")
	g := &harness.Talker{Wire: gateway, User: "gw", Port: 31020, Seq: 10}
	g.Accept(gateway.Request("INVITE"))
	g.Expect("ACK")
	b.Ok("BYE", "", "")
	a.Reoffered()
	if n := r.S.Trunks().Table().ByName("berlin").Calls(); n != 1 {
		t.Errorf("%d channels of the trunk are taken, want 1", n)
	}
	for _, c := range []struct {
		target string
		want   int
	}{{"tel:+49307654321", 403}, {"sip:carol@" + harness.Domain, 202}} {
		if m := g.Asks("REFER", "Refer-To: <"+c.target+">\n", ""); m.StatusCode() != c.want {
			t.Errorf("the gateway's transfer to %s is answered %d, want %d", c.target, m.StatusCode(), c.want)
		}
	}
	c := r.Answers(phones["carol"], "carol", 31030)
	g.Ok("BYE", "", "")
	a.Reoffered()
	harness.Wait(t, "the channel of the trunk is free", func() bool { return r.S.Trunks().Table().ByName("berlin").Calls() == 0 })
	a.HangsUp()
	c.Ok("BYE", "", "")
	r.NothingLeft(t)
	for _, rec := range r.Records(t, 3) {
		if rec.Number == "+49301234567" && rec.Payer != "sip:bob@"+harness.Domain {
			t.Errorf("the call of the gateway is paid by %q: %+v", rec.Payer, rec)
		}
	}
}

// An INVITE takes the place of a phone in a call: of another phone of the same user,
// or of who was referred by that user; of nobody else.
func TestInviteWithReplaces(t *testing.T) {
	for _, c := range []struct {
		by, referredBy string
		want           int
	}{{"bob", "", 200}, {"carol", "bob", 200}, {"carol", "", 403}, {"carol", "alice", 403}} {
		r, phones := house.Start(t)
		a, b := r.Call(phones["alice"], phones["bob"], "alice", "bob", 31000)
		lines := fmt.Sprintf("Replaces: %s;to-tag=%s;from-tag=%s\n", b.ID, b.Peer, b.Local)
		if c.referredBy != "" {
			lines += "Referred-By: <sip:" + c.referredBy + "@" + harness.Domain + ">\n"
		}
		other := r.Dial(t, "tcp")
		n := r.Invites(other, c.by, "sip:alice@"+harness.Domain, 31040, lines)
		if c.want != 200 {
			if m := n.Final(n.ID, "INVITE"); m.StatusCode() != c.want {
				t.Errorf("%s referred by %q is answered %d, want %d", c.by, c.referredBy, m.StatusCode(), c.want)
			}
			n = b
		} else {
			accepted := n.Accepted()
			b.Ok("BYE", "", "")
			n.Ack(accepted, "") // so late that the first new offer has to wait for it
			n.Reoffered()
			if m := a.Reoffered(); !strings.Contains(string(m.Get(sip.HdrPAssertedIdentity)), "sip:"+c.by+"@") {
				t.Errorf("alice is told of %q", m.Get(sip.HdrPAssertedIdentity))
			}
		}
		a.HangsUp()
		n.Ok("BYE", "", "")
		r.NothingLeft(t)
	}
}

// A caller who has heard early media of a phone that has refused hears ringback from
// the server while another one rings.
func TestRingbackAfterEarlyMedia(t *testing.T) {
	r, phones := house.Start(t)
	second := r.Dial(t, "tcp")
	second.Register("bob")
	ear := house.Listen(t)
	a := r.Invites(phones["alice"], "alice", "sip:bob@"+harness.Domain, ear.Port)
	one, two := phones["bob"].Request("INVITE"), second.Request("INVITE")
	second.Answer(two, 180, "two", 0)
	phones["bob"].Answer(one, 183, "one", 31050)
	a.Status(183, a.ID)
	if f := ear.Heard(425); f != 0 {
		t.Errorf("alice hears %.0f Hz in early media that is silent", f)
	}
	phones["bob"].Reply(one, 486, "one", "", "")
	if f := ear.Until(425); f != 425 {
		t.Errorf("alice hears %.0f Hz while bob's other phone rings, want 425", f)
	}
	k := &harness.Talker{Wire: second, User: "bob", Port: 31060, Seq: 10}
	k.Accept(two)
	k.Expect("ACK")
	a.Connected()
	if f := ear.Heard(425); f != 0 {
		t.Errorf("alice hears %.0f Hz after the answer", f)
	}
	a.HangsUp()
	k.Ok("BYE", "", "")
	r.NothingLeft(t)
}

// The transferor has hung up and nobody takes the call: it is called back, so that who
// was sent on is not left alone.
func TestTransferorIsCalledBack(t *testing.T) {
	for _, takes := range []bool{true, false} {
		r, phones := house.Start(t)
		a, b := r.Call(phones["alice"], phones["bob"], "alice", "bob", 31000)
		a.Asks("REFER", "Refer-To: <sip:carol@"+harness.Domain+">\n", "")
		a.HangsUp()
		phones["carol"].Reply(phones["carol"].Request("INVITE"), 486, "busy", "", "")
		back := house.CalledBack(t, phones, "alice", "bob")
		if takes {
			k := &harness.Talker{Wire: phones["alice"], User: "alice", Port: 31020, Seq: 10}
			k.Accept(back)
			k.Expect("ACK")
			b.Reoffered()
			k.HangsUp()
		} else {
			phones["alice"].Reply(back, 486, "busy", "", "")
		}
		b.Ok("BYE", "", "")
		r.NothingLeft(t)
	}
}

// A call that the server made is transferred as any other one, by a phone or by who
// administers calls.
func TestTransferOfConnectedCall(t *testing.T) {
	r, phones := house.Start(t)
	c := r.Connect(t, "bob", "carol", telephony.Options{})
	b := r.Answers(phones["bob"], "bob", 31000)
	k := r.Answers(phones["carol"], "carol", 31010)
	r.User("dave")
	dave := r.Dial(t, "udp")
	dave.Register("dave")
	if err := c.Transfer(harness.Soon(t), "callee", "sip:bob@"+harness.Domain); err == nil {
		t.Error("bob is transferred to bob")
	}
	if err := c.Transfer(harness.Soon(t), "callee", "sip:dave@"+harness.Domain); err != nil {
		t.Fatal(err)
	}
	d := r.Answers(dave, "dave", 31020)
	k.Ok("BYE", "", "")
	b.Reoffered()
	d.HangsUp()
	b.Ok("BYE", "", "")
	r.NothingLeft(t)
}
