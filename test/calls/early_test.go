package calls

import (
	"fmt"
	"strings"
	"testing"

	"tandem/gateways"
	"tandem/gateways/dialect"
	"tandem/rtc/sip"
	"tandem/telephony/cdr"
	"tandem/telephony/group"
	"tandem/test/harness"
	"tandem/test/house"
)

// The caller hears the early media of one phone, and then another one that answers:
// each through the relay, with a description of its own.
func TestEarlyMediaOfAnotherBranch(t *testing.T) {
	r, phones := house.Start(t)
	second := r.Dial(t, "tcp")
	second.Register("bob")
	ear, first, other := house.Listen(t), house.Listen(t), house.Listen(t)
	a := r.Invites(phones["alice"], "alice", "sip:bob@"+harness.Domain, ear.Port)
	one, two := phones["bob"].Request("INVITE"), second.Request("INVITE")
	phones["bob"].Answer(one, 183, "one", first.Port)
	m := a.Status(183, a.ID)
	defer ear.Says(500, m.Body())()
	stop := first.Says(600, one.Body())
	defer stop()
	if f := ear.Until(600, 900); f != 600 {
		t.Errorf("alice hears %.0f Hz of the early media, want 600", f)
	}
	defer other.Says(900, two.Body())()
	second.Answer(two, 200, "two", other.Port)
	second.Request("ACK")
	phones["bob"].Reply(phones["bob"].Request("CANCEL"), 200, "one", "", "")
	phones["bob"].Reply(one, 487, "one", "", "")
	answer := a.Connected()
	if f := ear.Until(900, 600); f != 900 {
		t.Errorf("alice hears %.0f Hz after the answer, want 900", f)
	}
	if f := other.Until(500); f != 500 {
		t.Errorf("who has answered hears %.0f Hz, want 500", f)
	}
	if who := harness.Header(answer, "P-Asserted-Identity"); !strings.Contains(who, "sip:bob@"+harness.Domain) {
		t.Errorf("alice is told that %q has answered", who)
	}
	a.HangsUp()
	second.Reply(second.Request("BYE"), 200, "", "", "")
	r.NothingLeft(t)
}

// A caller that knows no reliable responses has a phone called that sends them: the
// server acknowledges those, and the caller gets plain ones.
func TestReliableOnOneLeg(t *testing.T) {
	r, phones := house.Start(t)
	a := r.Invites(phones["alice"], "alice", "sip:bob@"+harness.Domain, 31000)
	b := phones["bob"]
	invite := b.Request("INVITE")
	if !invite.HasToken(sip.HdrSupported, "100rel") {
		t.Errorf("bob's phone is told nothing of 100rel\n%s", invite.Bytes())
	}
	b.Reply(invite, 183, "b", "Contact: "+b.Contact("bob")+"\nRequire: 100rel\nRSeq: 7\n"+harness.SDPType, harness.SDPOf(31002, "0"))
	prack := b.Request("PRACK")
	if got := harness.Header(prack, "RAck"); !strings.HasPrefix(got, "7 ") {
		t.Errorf("RAck: %s", got)
	}
	b.Reply(prack, 200, "", "", "")
	if m := a.Status(183, a.ID); m.Has(sip.HdrRequire) || len(m.Body()) == 0 {
		t.Errorf("alice is told\n%s", m.Bytes())
	}
	b.Reply(invite, 200, "b", "Contact: "+b.Contact("bob")+"\n", "")
	b.Request("ACK")
	a.Connected()
	a.HangsUp()
	b.Reply(b.Request("BYE"), 200, "", "", "")
	r.NothingLeft(t)
}

// A phone takes a call that rings elsewhere by an INVITE that replaces the early dialog,
// whose tags its lamp has; strangers may not.
func TestPickupByReplaces(t *testing.T) {
	r, trunk, phones := house.RingGroup(t, func(g *group.Group) { g.Members = []string{"alice", "bob"} })
	bob := phones["bob"]
	watcher := r.Dial(t, "tcp")
	lamp, _ := r.Watch(watcher, "alice", "bob", "dialog", "Accept: application/dialog-info+xml")
	id := trunk.CallIn("+4940999", "bob", "")
	m := bob.Request("INVITE")
	bob.Reply(m, 180, "b", "Contact: "+bob.Contact("bob")+"\n", "")
	trunk.Status(180, id)
	tags := fmt.Sprintf(`local-tag="b" remote-tag="%s"`, m.FromTag())
	if text := string(lamp.Until(tags).Body()); !strings.Contains(text, string(m.CallID())) {
		t.Errorf("the lamp shows %s", text)
	}
	lines := fmt.Sprintf("Replaces: %s;to-tag=%s;from-tag=b;early-only\n", m.CallID(), m.FromTag())
	c := r.Invites(phones["carol"], "carol", "sip:bob@"+harness.Domain, 31010, lines)
	if code := c.Final(c.ID, "INVITE").StatusCode(); code != 403 {
		t.Errorf("carol, who is not of the group, gets %d", code)
	}
	a := r.Invites(phones["alice"], "alice", "sip:bob@"+harness.Domain, 31020, lines)
	a.Connected()
	bob.Reply(bob.Request("CANCEL"), 200, "b", "", "")
	bob.Reply(m, 487, "b", "", "")
	trunk.Ack(trunk.Final(id, "INVITE"), "")
	a.Reoffered()
	if rec := house.Told(r, t, "+4940999", cdr.PickedUp); rec.Story[0].Who != harness.AliceURI {
		t.Errorf("record %+v", rec)
	}
	a.HangsUp()
	trunk.Reply(trunk.Request("BYE"), 200, "", "", "")
	r.NothingLeft(t)
}

// Keys reach a gateway that reads them in INFO alone, whether they came by INFO or as
// events in the sound, each once.
func TestKeysToInfo(t *testing.T) {
	r, phones := house.Start(t)
	trunk := r.RawTrunk(t, "pstn", func(g *gateways.Trunk) { g.Manner.Keys = dialect.KeysInfo })
	ear := house.Listen(t)
	a := r.Invites(phones["alice"], "alice", "sip:+49301234567@"+harness.Domain, ear.Port)
	invite := trunk.Request("INVITE")
	if strings.Contains(string(invite.Body()), "telephone-event") {
		t.Errorf("the gateway is offered\n%s", invite.Body())
	}
	trunk.Answer(invite, 200, "g", 31002)
	trunk.Request("ACK")
	answer := a.Connected()
	defer ear.Says(500, answer.Body())()
	keyed := func(want string) {
		t.Helper()
		m := trunk.Request("INFO")
		if harness.Header(m, "Content-Type") != "application/dtmf-relay" || !strings.Contains(string(m.Body()), "Signal="+want) {
			t.Errorf("the gateway is told\n%s, want key %s", m.Bytes(), want)
		}
		trunk.Reply(m, 200, "", "", "")
	}
	if m := a.Asks("INFO", "Content-Type: application/dtmf-relay\n", "Signal=5\r\nDuration=200\r\n"); m.StatusCode() != 200 {
		t.Errorf("INFO is answered %d", m.StatusCode())
	}
	keyed("5")
	ear.PressEvent(9, answer.Body())
	keyed("9")
	a.HangsUp()
	trunk.Reply(trunk.Request("BYE"), 200, "", "", "")
	if m, err := trunk.Next(0, func(m *sip.Message) bool { return m.IsRequest() && string(m.MethodName()) == "INFO" }); err == nil {
		t.Errorf("a key came twice\n%s", m.Bytes())
	}
	r.NothingLeft(t)
}

// Keys reach such a gateway before the answer, too, whoever has early media: it asks for
// a number there. Whether it takes them does not matter to the call.
func TestKeysToInfoBeforeTheAnswer(t *testing.T) {
	r, phones := house.Start(t)
	trunk := r.RawTrunk(t, "pstn", func(g *gateways.Trunk) { g.Manner.Keys = dialect.KeysInfo })
	ear := house.Listen(t)
	a := r.Invites(phones["alice"], "alice", "sip:+49301234567@"+harness.Domain, ear.Port)
	invite := trunk.Request("INVITE")
	trunk.Answer(invite, 183, "g", 31002)
	early := a.Status(183, a.ID)
	to, _ := early.FirstAddr(sip.HdrContact)
	a.From, a.To, a.Target = string(early.Get(sip.HdrFrom)), string(early.Get(sip.HdrTo)), string(to.URI)
	defer ear.Says(500, early.Body())()
	keyed := func(want string, code int) {
		t.Helper()
		m := trunk.Request("INFO")
		if !strings.Contains(string(m.Body()), "Signal="+want) || !strings.Contains(string(m.Get(sip.HdrTo)), ";tag=g") {
			t.Errorf("the gateway is told\n%s, want key %s", m.Bytes(), want)
		}
		trunk.Reply(m, code, "", "", "")
	}
	if m := a.Asks("INFO", "Content-Type: application/dtmf-relay\n", "Signal=5\r\nDuration=200\r\n"); m.StatusCode() != 200 {
		t.Errorf("INFO is answered %d", m.StatusCode())
	}
	keyed("5", 200)
	ear.PressEvent(9, early.Body())
	keyed("9", 481)
	trunk.Answer(invite, 200, "g", 31002)
	trunk.Request("ACK")
	a.Connected()
	a.HangsUp()
	trunk.Reply(trunk.Request("BYE"), 200, "", "", "")
	r.NothingLeft(t)
}

// A phone that speaks nothing of what the caller offers is called again with what can
// be converted, once.
func TestNothingInCommon(t *testing.T) {
	r, phones := house.Start(t)
	b := phones["bob"]
	for _, takes := range []bool{true, false} {
		a := r.Invites(phones["alice"], "alice", "sip:bob@"+harness.Domain, 31000)
		m := b.Request("INVITE")
		if strings.Contains(string(m.Body()), "G722") {
			t.Errorf("bob is offered at first\n%s", m.Body())
		}
		b.Reply(m, 488, "n", "", "")
		m = b.Request("INVITE")
		if !strings.Contains(string(m.Body()), "G722/8000") || !strings.Contains(string(m.Body()), "PCMU/8000") {
			t.Errorf("bob is offered then\n%s", m.Body())
		}
		if !takes {
			b.Reply(m, 488, "n", "", "")
			if code := a.Final(a.ID, "INVITE").StatusCode(); code != 488 {
				t.Errorf("alice is answered %d", code)
			}
			continue
		}
		b.Reply(m, 200, "b", "Contact: "+b.Contact("bob")+"\n"+harness.SDPType, harness.SDPOf(31002, "9"))
		b.Request("ACK")
		if answer := a.Connected(); !strings.Contains(string(answer.Body()), "PCMU/8000") {
			t.Errorf("alice is answered\n%s", answer.Body())
		}
		a.HangsUp()
		b.Reply(b.Request("BYE"), 200, "", "", "")
	}
	r.NothingLeft(t)
}
