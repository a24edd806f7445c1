package test

import (
	"fmt"
	"strings"
	"testing"

	"tandem/gateways"
	"tandem/gateways/dialect"
	"tandem/rtc/sip"
	"tandem/telephony/cdr"
	"tandem/telephony/group"
)

// The caller hears the early media of one phone, and then another one that answers:
// each through the relay, with a description of its own.
func TestEarlyMediaOfAnotherBranch(t *testing.T) {
	r, phones := house(t)
	second := r.dial(t, "tcp")
	second.register("bob")
	ear, first, other := listen(t), listen(t), listen(t)
	a := r.invites(phones["alice"], "alice", "sip:bob@"+domain, ear.port)
	one, two := phones["bob"].request("INVITE"), second.request("INVITE")
	phones["bob"].answer(one, 183, "one", first.port)
	m := a.status(183, a.id)
	defer ear.says(500, m.Body())()
	stop := first.says(600, one.Body())
	defer stop()
	if f := ear.until(600, 900); f != 600 {
		t.Errorf("alice hears %.0f Hz of the early media, want 600", f)
	}
	defer other.says(900, two.Body())()
	second.answer(two, 200, "two", other.port)
	second.request("ACK")
	phones["bob"].reply(phones["bob"].request("CANCEL"), 200, "one", "", "")
	phones["bob"].reply(one, 487, "one", "", "")
	answer := a.connected()
	if f := ear.until(900, 600); f != 900 {
		t.Errorf("alice hears %.0f Hz after the answer, want 900", f)
	}
	if f := other.until(500); f != 500 {
		t.Errorf("who has answered hears %.0f Hz, want 500", f)
	}
	if who := header(answer, "P-Asserted-Identity"); !strings.Contains(who, "sip:bob@"+domain) {
		t.Errorf("alice is told that %q has answered", who)
	}
	a.hangsUp()
	second.reply(second.request("BYE"), 200, "", "", "")
	r.nothingLeft(t)
}

// A caller that knows no reliable responses has a phone called that sends them: the
// server acknowledges those, and the caller gets plain ones.
func TestReliableOnOneLeg(t *testing.T) {
	r, phones := house(t)
	a := r.invites(phones["alice"], "alice", "sip:bob@"+domain, 31000)
	b := phones["bob"]
	invite := b.request("INVITE")
	if !invite.HasToken(sip.HdrSupported, "100rel") {
		t.Errorf("bob's phone is told nothing of 100rel\n%s", invite.Bytes())
	}
	b.reply(invite, 183, "b", "Contact: "+b.contact("bob")+"\nRequire: 100rel\nRSeq: 7\n"+sdpType, sdpOf(31002, "0"))
	prack := b.request("PRACK")
	if got := header(prack, "RAck"); !strings.HasPrefix(got, "7 ") {
		t.Errorf("RAck: %s", got)
	}
	b.reply(prack, 200, "", "", "")
	if m := a.status(183, a.id); m.Has(sip.HdrRequire) || len(m.Body()) == 0 {
		t.Errorf("alice is told\n%s", m.Bytes())
	}
	b.reply(invite, 200, "b", "Contact: "+b.contact("bob")+"\n", "")
	b.request("ACK")
	a.connected()
	a.hangsUp()
	b.reply(b.request("BYE"), 200, "", "", "")
	r.nothingLeft(t)
}

// A phone takes a call that rings elsewhere by an INVITE that replaces the early dialog,
// whose tags its lamp has; strangers may not.
func TestPickupByReplaces(t *testing.T) {
	r, trunk, phones := ringGroup(t, func(g *group.Group) { g.Members = []string{"alice", "bob"} })
	bob := phones["bob"]
	watcher := r.dial(t, "tcp")
	lamp, _ := r.watch(watcher, "alice", "bob", "dialog", "Accept: application/dialog-info+xml")
	id := trunk.callIn("+4940999", "bob", "")
	m := bob.request("INVITE")
	bob.reply(m, 180, "b", "Contact: "+bob.contact("bob")+"\n", "")
	trunk.status(180, id)
	tags := fmt.Sprintf(`local-tag="b" remote-tag="%s"`, m.FromTag())
	if text := string(lamp.until(tags).Body()); !strings.Contains(text, string(m.CallID())) {
		t.Errorf("the lamp shows %s", text)
	}
	lines := fmt.Sprintf("Replaces: %s;to-tag=%s;from-tag=b;early-only\n", m.CallID(), m.FromTag())
	c := r.invites(phones["carol"], "carol", "sip:bob@"+domain, 31010, lines)
	if code := c.final(c.id, "INVITE").StatusCode(); code != 403 {
		t.Errorf("carol, who is not of the group, gets %d", code)
	}
	a := r.invites(phones["alice"], "alice", "sip:bob@"+domain, 31020, lines)
	a.connected()
	bob.reply(bob.request("CANCEL"), 200, "b", "", "")
	bob.reply(m, 487, "b", "", "")
	trunk.ack(trunk.final(id, "INVITE"), "")
	a.reoffered()
	if rec := r.told(t, "+4940999", cdr.PickedUp); rec.Story[0].Who != aliceURI {
		t.Errorf("record %+v", rec)
	}
	a.hangsUp()
	trunk.reply(trunk.request("BYE"), 200, "", "", "")
	r.nothingLeft(t)
}

// Keys reach a gateway that reads them in INFO alone, whether they came by INFO or as
// events in the sound, each once.
func TestKeysToInfo(t *testing.T) {
	r, phones := house(t)
	trunk := r.rawTrunk(t, "pstn", func(g *gateways.Trunk) { g.Manner.Keys = dialect.KeysInfo })
	ear := listen(t)
	a := r.invites(phones["alice"], "alice", "sip:+49301234567@"+domain, ear.port)
	invite := trunk.request("INVITE")
	if strings.Contains(string(invite.Body()), "telephone-event") {
		t.Errorf("the gateway is offered\n%s", invite.Body())
	}
	trunk.answer(invite, 200, "g", 31002)
	trunk.request("ACK")
	answer := a.connected()
	defer ear.says(500, answer.Body())()
	keyed := func(want string) {
		t.Helper()
		m := trunk.request("INFO")
		if header(m, "Content-Type") != "application/dtmf-relay" || !strings.Contains(string(m.Body()), "Signal="+want) {
			t.Errorf("the gateway is told\n%s, want key %s", m.Bytes(), want)
		}
		trunk.reply(m, 200, "", "", "")
	}
	if m := a.asks("INFO", "Content-Type: application/dtmf-relay\n", "Signal=5\r\nDuration=200\r\n"); m.StatusCode() != 200 {
		t.Errorf("INFO is answered %d", m.StatusCode())
	}
	keyed("5")
	ear.pressEvent(9, answer.Body())
	keyed("9")
	a.hangsUp()
	trunk.reply(trunk.request("BYE"), 200, "", "", "")
	if m, err := trunk.next(0, func(m *sip.Message) bool { return m.IsRequest() && string(m.MethodName()) == "INFO" }); err == nil {
		t.Errorf("a key came twice\n%s", m.Bytes())
	}
	r.nothingLeft(t)
}

// A phone that speaks nothing of what the caller offers is called again with what can
// be converted, once.
func TestNothingInCommon(t *testing.T) {
	r, phones := house(t)
	b := phones["bob"]
	for _, takes := range []bool{true, false} {
		a := r.invites(phones["alice"], "alice", "sip:bob@"+domain, 31000)
		m := b.request("INVITE")
		if strings.Contains(string(m.Body()), "G722") {
			t.Errorf("bob is offered at first\n%s", m.Body())
		}
		b.reply(m, 488, "n", "", "")
		m = b.request("INVITE")
		if !strings.Contains(string(m.Body()), "G722/8000") || !strings.Contains(string(m.Body()), "PCMU/8000") {
			t.Errorf("bob is offered then\n%s", m.Body())
		}
		if !takes {
			b.reply(m, 488, "n", "", "")
			if code := a.final(a.id, "INVITE").StatusCode(); code != 488 {
				t.Errorf("alice is answered %d", code)
			}
			continue
		}
		b.reply(m, 200, "b", "Contact: "+b.contact("bob")+"\n"+sdpType, sdpOf(31002, "9"))
		b.request("ACK")
		if answer := a.connected(); !strings.Contains(string(answer.Body()), "PCMU/8000") {
			t.Errorf("alice is answered\n%s", answer.Body())
		}
		a.hangsUp()
		b.reply(b.request("BYE"), 200, "", "", "")
	}
	r.nothingLeft(t)
}
