package test

import (
	"fmt"
	"strings"
	"testing"

	"tandem/rtc/sip"
	"tandem/telephony"
)

// house is a rig with phones of four users.
func house(t *testing.T) (r *rig, phones map[string]*wire) {
	t.Helper()
	r = startServer(t, ledCalls)
	phones = map[string]*wire{}
	for _, name := range []string{"alice", "bob", "carol"} {
		r.user(name)
		phones[name] = r.dial(t, "udp")
		phones[name].register(name)
	}
	return r, phones
}

// notified takes the NOTIFYs of a REFER up to the last and returns their statuses.
func (k *talker) notified() (told []string) {
	k.t.Helper()
	for {
		m := k.ok("NOTIFY", "", "")
		if ct := string(m.Get(sip.HdrContentType)); !strings.HasPrefix(ct, "message/sipfrag") {
			k.t.Errorf("a NOTIFY has a body of type %q", ct)
		}
		told = append(told, strings.TrimSpace(strings.TrimPrefix(string(m.Body()), "SIP/2.0 ")))
		if strings.HasPrefix(string(m.Get(sip.HdrSubscriptionState)), "terminated") {
			return told
		}
	}
}

// A blind transfer by the caller or by the called: the target is called in the name
// of who stays, that one hears of it by a new offer, and the transferor is told.
func TestBlindTransfer(t *testing.T) {
	for _, by := range []string{"caller", "callee"} {
		for _, early := range []bool{false, true} {
			t.Run(fmt.Sprintf("by %s, early BYE %v", by, early), func(t *testing.T) {
				t.Parallel()
				r, phones := house(t)
				a, b := r.call(phones["alice"], phones["bob"], "alice", "bob", 31000)
				who, stays := a, b
				if by == "callee" {
					who, stays = b, a
				}
				if m := who.asks("REFER", "Refer-To: <sip:carol@"+domain+">\nReferred-By: <sip:"+who.user+"@"+domain+">\n", ""); m.StatusCode() != 202 {
					t.Fatalf("REFER is answered\n%s", m.Bytes())
				}
				if m := who.ok("NOTIFY", "", ""); !strings.HasPrefix(string(m.Body()), "SIP/2.0 100") {
					t.Errorf("the first NOTIFY says %q", m.Body())
				}
				invite := phones["carol"].request("INVITE")
				if from, _ := invite.From(); !strings.HasPrefix(string(from.URI), "sip:"+stays.user+"@") {
					t.Errorf("carol is shown %s, want %s", from.URI, stays.user)
				}
				if got := string(invite.Get(sip.HdrReferredBy)); !strings.Contains(got, "sip:"+who.user+"@"+domain) {
					t.Errorf("carol is told Referred-By: %q", got)
				}
				if early {
					who.hangsUp()
				}
				phones["carol"].reply(invite, 180, "ring", "Contact: "+phones["carol"].contact("carol")+"\n", "")
				c := &talker{wire: phones["carol"], user: "carol", port: 31010, seq: 10}
				c.accept(invite)
				c.expect("ACK")
				if !early {
					if told := who.notified(); strings.Join(told, " ") != "180 Ringing 200 OK" {
						t.Errorf("%s is told %q", who.user, told)
					}
					who.ok("BYE", "", "")
				}
				if m := stays.reoffered(); !strings.Contains(string(m.Get(sip.HdrPAssertedIdentity)), "sip:carol@") {
					t.Errorf("%s is told of %q", stays.user, m.Get(sip.HdrPAssertedIdentity))
				}
				wait(t, "one call goes on", func() bool { return r.s.Exchange().Active() == 1 })
				c.hangsUp()
				stays.ok("BYE", "", "")
				r.nothingLeft(t)
				for _, rec := range r.records(t, 2) {
					home := rec.To == "bob"
					if steps := len(rec.Story); string(rec.Payer) != "sip:"+who.user+"@"+domain || home && steps != 2 || !home && rec.EndedBy != "transfer" {
						t.Errorf("record %+v", rec)
					}
				}
			})
		}
	}
}

// An attended transfer, in both orders of consultation: the REFER may come in
// either call.
func TestAttendedTransfer(t *testing.T) {
	for _, second := range []bool{false, true} {
		t.Run(fmt.Sprintf("REFER in the second call %v", second), func(t *testing.T) {
			t.Parallel()
			r, phones := house(t)
			a1, b := r.call(phones["alice"], phones["bob"], "alice", "bob", 31000)
			a2, c := r.call(phones["alice"], phones["carol"], "alice", "carol", 31010)
			in, other, stays, joins := a1, a2, b, c
			if second {
				in, other, stays, joins = a2, a1, c, b
			}
			replaces := fmt.Sprintf("%s%%3Bto-tag%%3D%s%%3Bfrom-tag%%3D%s", other.id, other.peer, other.local)
			if m := in.asks("REFER", fmt.Sprintf("Refer-To: <sip:%s@%s?Replaces=%s>\n", joins.user, domain, replaces), ""); m.StatusCode() != 202 {
				t.Fatalf("REFER is answered\n%s", m.Bytes())
			}
			if told := in.notified(); strings.Join(told, " ") != "100 Trying 200 OK" {
				t.Errorf("alice is told %q", told)
			}
			in.ok("BYE", "", "")
			other.ok("BYE", "", "")
			if m := joins.reoffered(); !strings.Contains(string(m.Get(sip.HdrPAssertedIdentity)), "sip:"+stays.user+"@") {
				t.Errorf("%s is told of %q", joins.user, m.Get(sip.HdrPAssertedIdentity))
			}
			if m := stays.reoffered(); !strings.Contains(string(m.Get(sip.HdrPAssertedIdentity)), "sip:"+joins.user+"@") {
				t.Errorf("%s is told of %q", stays.user, m.Get(sip.HdrPAssertedIdentity))
			}
			stays.hangsUp()
			joins.ok("BYE", "", "")
			r.nothingLeft(t)
		})
	}
}

// Transfers that are refused leave the call as it was.
func TestTransferRefused(t *testing.T) {
	r, phones := house(t)
	r.rawTrunk(t, "world", nil)
	a, b := r.call(phones["alice"], phones["bob"], "alice", "bob", 31000)
	_, c := r.call(phones["bob"], phones["carol"], "bob", "carol", 31010)
	for target, want := range map[string]int{
		"sip:alice@" + domain: 403, "sip:bob@" + domain: 403, // parties of this call
		"sip:dave@elsewhere.test": 403, "sip:dave@" + domain: 404,
		"sip:+19005551234@" + domain:              403, // alice may not call there
		"sip:carol@" + domain + ";method=MESSAGE": 403,
		fmt.Sprintf("sip:carol@%s?Replaces=%s%%3Bto-tag%%3D%s%%3Bfrom-tag%%3D%s", domain, c.id, c.peer, c.local): 403, // not her call
	} {
		if m := a.asks("REFER", "Refer-To: <"+target+">\n", ""); m.StatusCode() != want {
			t.Errorf("a transfer to %s is answered %d, want %d", target, m.StatusCode(), want)
		}
	}
	if m := a.asks("REFER", "", ""); m.StatusCode() != 400 {
		t.Errorf("a REFER to nobody is answered %d", m.StatusCode())
	}
	a.hangsUp()
	b.ok("BYE", "", "")
	phones["carol"].aside = nil
	c.hangsUp()
	r.nothingLeft(t)
}

// When the target does not take the call, the transferor is told and has it still.
func TestTransferFails(t *testing.T) {
	r, phones := house(t)
	a, b := r.call(phones["alice"], phones["bob"], "alice", "bob", 31000)
	a.asks("REFER", "Refer-To: <sip:carol@"+domain+">\n", "")
	invite := phones["carol"].request("INVITE")
	if m := a.asks("REFER", "Refer-To: <sip:carol@"+domain+">\n", ""); m.StatusCode() != 491 {
		t.Errorf("a second REFER meanwhile is answered %d", m.StatusCode())
	}
	phones["carol"].reply(invite, 486, "busy", "", "")
	if told := a.notified(); told[len(told)-1] != "486 Busy Here" {
		t.Errorf("alice is told %q", told)
	}
	b.hangsUp()
	a.ok("BYE", "", "")
	r.nothingLeft(t)
}

// The transferor refers while the target still rings: its own call to the target is
// handed over, and it may take that back at once.
func TestTransferWhileItRings(t *testing.T) {
	r, phones := house(t)
	a1, b := r.call(phones["alice"], phones["bob"], "alice", "bob", 31000)
	a2 := r.invites(phones["alice"], "alice", "sip:carol@"+domain, 31010)
	invite := phones["carol"].request("INVITE")
	phones["carol"].reply(invite, 180, "ring", "Contact: "+phones["carol"].contact("carol")+"\n", "")
	ringing := a2.status(180, a2.id)
	replaces := fmt.Sprintf("%s%%3Bto-tag%%3D%s%%3Bfrom-tag%%3D%s", a2.id, ringing.ToTag(), ringing.FromTag())
	if m := a1.asks("REFER", "Refer-To: <sip:carol@"+domain+"?Replaces="+replaces+">\n", ""); m.StatusCode() != 202 {
		t.Fatalf("REFER is answered\n%s", m.Bytes())
	}
	c := &talker{wire: phones["carol"], user: "carol", port: 31010, seq: 10}
	c.accept(invite)
	c.expect("ACK")
	switch m := a2.final(a2.id, "INVITE"); m.StatusCode() {
	case 480:
	case 200: // carol answered before the REFER, which is accepted first, was carried out
		a2.ack(m, "")
	default:
		t.Errorf("alice's own call to carol is answered %d", m.StatusCode())
	}
	if told := a1.notified(); told[len(told)-1] != "200 OK" {
		t.Errorf("alice is told %q", told)
	}
	a1.ok("BYE", "", "")
	c.reoffered()
	b.reoffered()
	b.hangsUp()
	c.ok("BYE", "", "")
	r.nothingLeft(t)
}

// A user transfers a call out of the house, which counts as a call of that user; the
// gateway is asked for nothing but a call. From a gateway, transfers lead to users.
func TestTransferAndTrunks(t *testing.T) {
	r, phones := house(t)
	gateway := r.rawTrunk(t, "berlin", nil)
	a, b := r.call(phones["alice"], phones["bob"], "alice", "bob", 31000)
	b.asks("REFER", "Refer-To: <tel:+49301234567>\n", "")
	g := &talker{wire: gateway, user: "gw", port: 31020, seq: 10}
	g.accept(gateway.request("INVITE"))
	g.expect("ACK")
	b.ok("BYE", "", "")
	a.reoffered()
	if n := r.s.Trunks().Table().ByName("berlin").Calls(); n != 1 {
		t.Errorf("%d channels of the trunk are taken, want 1", n)
	}
	for _, c := range []struct {
		target string
		want   int
	}{{"tel:+49307654321", 403}, {"sip:carol@" + domain, 202}} {
		if m := g.asks("REFER", "Refer-To: <"+c.target+">\n", ""); m.StatusCode() != c.want {
			t.Errorf("the gateway's transfer to %s is answered %d, want %d", c.target, m.StatusCode(), c.want)
		}
	}
	c := r.answers(phones["carol"], "carol", 31030)
	g.ok("BYE", "", "")
	a.reoffered()
	wait(t, "the channel of the trunk is free", func() bool { return r.s.Trunks().Table().ByName("berlin").Calls() == 0 })
	a.hangsUp()
	c.ok("BYE", "", "")
	r.nothingLeft(t)
	for _, rec := range r.records(t, 3) {
		if rec.Number == "+49301234567" && rec.Payer != "sip:bob@"+domain {
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
		r, phones := house(t)
		a, b := r.call(phones["alice"], phones["bob"], "alice", "bob", 31000)
		lines := fmt.Sprintf("Replaces: %s;to-tag=%s;from-tag=%s\n", b.id, b.peer, b.local)
		if c.referredBy != "" {
			lines += "Referred-By: <sip:" + c.referredBy + "@" + domain + ">\n"
		}
		other := r.dial(t, "tcp")
		n := r.invites(other, c.by, "sip:alice@"+domain, 31040, lines)
		if c.want != 200 {
			if m := n.final(n.id, "INVITE"); m.StatusCode() != c.want {
				t.Errorf("%s referred by %q is answered %d, want %d", c.by, c.referredBy, m.StatusCode(), c.want)
			}
			n = b
		} else {
			accepted := n.accepted()
			b.ok("BYE", "", "")
			n.ack(accepted, "") // so late that the first new offer has to wait for it
			n.reoffered()
			if m := a.reoffered(); !strings.Contains(string(m.Get(sip.HdrPAssertedIdentity)), "sip:"+c.by+"@") {
				t.Errorf("alice is told of %q", m.Get(sip.HdrPAssertedIdentity))
			}
		}
		a.hangsUp()
		n.ok("BYE", "", "")
		r.nothingLeft(t)
	}
}

// A caller who has heard early media of a phone that has refused hears ringback from
// the server while another one rings.
func TestRingbackAfterEarlyMedia(t *testing.T) {
	r, phones := house(t)
	second := r.dial(t, "tcp")
	second.register("bob")
	ear := listen(t)
	a := r.invites(phones["alice"], "alice", "sip:bob@"+domain, ear.port)
	one, two := phones["bob"].request("INVITE"), second.request("INVITE")
	second.answer(two, 180, "two", 0)
	phones["bob"].answer(one, 183, "one", 31050)
	a.status(183, a.id)
	if f := ear.heard(425); f != 0 {
		t.Errorf("alice hears %.0f Hz in early media that is silent", f)
	}
	phones["bob"].reply(one, 486, "one", "", "")
	if f := ear.until(425); f != 425 {
		t.Errorf("alice hears %.0f Hz while bob's other phone rings, want 425", f)
	}
	k := &talker{wire: second, user: "bob", port: 31060, seq: 10}
	k.accept(two)
	k.expect("ACK")
	a.connected()
	if f := ear.heard(425); f != 0 {
		t.Errorf("alice hears %.0f Hz after the answer", f)
	}
	a.hangsUp()
	k.ok("BYE", "", "")
	r.nothingLeft(t)
}

// The transferor has hung up and nobody takes the call: it is called back, so that who
// was sent on is not left alone.
func TestTransferorIsCalledBack(t *testing.T) {
	for _, takes := range []bool{true, false} {
		r, phones := house(t)
		a, b := r.call(phones["alice"], phones["bob"], "alice", "bob", 31000)
		a.asks("REFER", "Refer-To: <sip:carol@"+domain+">\n", "")
		a.hangsUp()
		phones["carol"].reply(phones["carol"].request("INVITE"), 486, "busy", "", "")
		back := phones["alice"].request("INVITE")
		if from, _ := back.From(); !strings.HasPrefix(string(from.URI), "sip:bob@") {
			t.Errorf("alice is called back by %s, want bob", from.URI)
		}
		if takes {
			k := &talker{wire: phones["alice"], user: "alice", port: 31020, seq: 10}
			k.accept(back)
			k.expect("ACK")
			b.reoffered()
			k.hangsUp()
		} else {
			phones["alice"].reply(back, 486, "busy", "", "")
		}
		b.ok("BYE", "", "")
		r.nothingLeft(t)
	}
}

// A call that the server made is transferred as any other one, by a phone or by who
// administers calls.
func TestTransferOfConnectedCall(t *testing.T) {
	r, phones := house(t)
	c := r.connect(t, "bob", "carol", telephony.Options{})
	b := r.answers(phones["bob"], "bob", 31000)
	k := r.answers(phones["carol"], "carol", 31010)
	r.user("dave")
	dave := r.dial(t, "udp")
	dave.register("dave")
	if err := c.Transfer(soon(t), "callee", "sip:bob@"+domain); err == nil {
		t.Error("bob is transferred to bob")
	}
	if err := c.Transfer(soon(t), "callee", "sip:dave@"+domain); err != nil {
		t.Fatal(err)
	}
	d := r.answers(dave, "dave", 31020)
	k.ok("BYE", "", "")
	b.reoffered()
	d.hangsUp()
	b.ok("BYE", "", "")
	r.nothingLeft(t)
}
