package events

import (
	"strings"
	"testing"

	"tandem/rtc"
	"tandem/rtc/policy/consent"
	"tandem/rtc/sip"
	"tandem/telephony/group"
	"tandem/test/harness"
	"tandem/test/house"
)

const sales = rtc.AOR("sip:sales@" + harness.Domain)

// A ring group has a lamp, at its address and at its numbers: it rings while its members
// do, and talks while one of them does whom it has called.
func TestGroupLamp(t *testing.T) {
	t.Parallel() // it waits
	r, trunk, phones := house.RingGroup(t, nil)
	c := r.Dial(t, "tcp")
	var lamps []*harness.Watcher
	for _, about := range []string{"sales", "300", "+49302000", "sales@" + strings.ToUpper(harness.Domain), "sales@" + r.Addr["tcp"].String()} {
		k, m := r.Subscribes(c, "carol", about, "dialog", "", "")
		wantCode(t, m, 200)
		if text := string(k.Notified().Body()); !strings.Contains(text, `entity="`+string(sales)+`"`) || !strings.Contains(text, "terminated") {
			t.Errorf("the lamp of %s begins with %s", about, text)
		}
		lamps = append(lamps, k)
	}
	if m := c.Final(c.Ask("SUBSCRIBE", "carol", "tel:+49302000", "Event: dialog\nExpires: 600\n", ""), "SUBSCRIBE"); m.StatusCode() != 200 {
		t.Errorf("its number as a tel URI is answered %d", m.StatusCode())
	}
	list := listOf(t, r, r.Dial(t, "tcp"), "carol", "dialog", "sales")
	all := func(what string) (text string) {
		for _, k := range append(lamps, list) {
			if text = string(k.Until(what).Body()); strings.Count(text, "<dialog ") != 1 {
				t.Errorf("one call is shown as %s", text)
			}
		}
		return text
	}
	id := trunk.CallIn("+4940999", "300", "")
	invite := phones["alice"].Request("INVITE")
	phones["alice"].Reply(invite, 180, "a", "Contact: "+phones["alice"].Contact("alice")+"\n", "")
	if text := all("<state>early</state>"); !strings.Contains(text, `direction="recipient"`) || !strings.Contains(text, "+4940999") {
		t.Errorf("a group that rings: %s", text)
	}
	bob := phones["bob"].Request("INVITE")
	phones["bob"].Reply(bob, 180, "b", "", "")
	phones["alice"].Answer(invite, 200, "a", 30000)
	all("<state>confirmed</state>")
	phones["bob"].Reply(phones["bob"].Request("CANCEL"), 200, "b", "", "")
	phones["bob"].Reply(bob, 487, "b", "", "")
	phones["alice"].Request("ACK")
	trunk.Ack(trunk.Final(id, "INVITE"), "")
	phones["alice"].Bye(invite, "a")
	trunk.Reply(trunk.Request("BYE"), 200, "", "", "")
	all("<state>terminated</state>")
}

// Who picks a group's call up, by its code or by the dialog that its lamp names, talks for
// the group.
func TestGroupIsPickedUp(t *testing.T) {
	t.Parallel() // it waits
	r, trunk, phones := house.RingGroup(t, nil)
	bob := r.Dial(t, "tcp") // his other phone, which does not ring
	lamp, _ := r.Watch(bob, "bob", "300", "dialog")
	for _, how := range []string{"**300", "**sales", "Replaces"} {
		id := trunk.CallIn("+4940999", "300", "")
		alice, second := phones["alice"].Request("INVITE"), phones["bob"].Request("INVITE")
		phones["alice"].Reply(alice, 180, "a", "Contact: "+phones["alice"].Contact("alice")+"\n", "")
		phones["bob"].Reply(second, 180, "a", "Contact: "+phones["bob"].Contact("bob")+"\n", "")
		lines, to := "", "sip:"+how+"@"+harness.Domain
		if tags := `local-tag="a" remote-tag="` + string(alice.FromTag()) + `"`; how == "Replaces" {
			lamp.Until(tags)
			to, lines = string(sales), "Replaces: "+string(alice.CallID())+";to-tag="+string(alice.FromTag())+";from-tag=a;early-only\n"
		} else {
			lamp.Until("<state>early</state>")
		}
		k := r.Invites(bob, "bob", to, 31020, lines)
		k.Connected()
		for name, m := range map[string]*sip.Message{"alice": alice, "bob": second} {
			phones[name].Reply(phones[name].Request("CANCEL"), 200, "a", "", "")
			phones[name].Reply(m, 487, "a", "", "")
		}
		trunk.Ack(trunk.Final(id, "INVITE"), "")
		k.Reoffered()
		if text := string(lamp.Until("<state>confirmed</state>").Body()); strings.Contains(text, "call-id") {
			t.Errorf("whose phone talks is not for all: %s", text)
		}
		k.HangsUp()
		trunk.Reply(trunk.Request("BYE"), 200, "", "", "")
		lamp.Until("<state>terminated</state>")
	}
}

// A group's lamp is for its members, and for others as its rules say, at once.
func TestGroupLampFollowsRules(t *testing.T) {
	t.Parallel() // it waits
	r, _, _ := house.RingGroup(t, nil)
	a, c := r.Dial(t, "tcp"), r.Dial(t, "tcp")
	member, _ := r.Watch(a, "alice", "sales", "dialog")
	other, _ := r.Watch(c, "carol", "sales", "dialog")
	ends := func(k *harness.Watcher, reason string) {
		t.Helper()
		if state := value(k.Notified(), "Subscription-State"); !strings.HasPrefix(state, "terminated;reason="+reason) {
			t.Errorf("%s is told %s, want %s", k.User, state, reason)
		}
	}
	if err := r.S.Consent().Set(t.Context(), sales, consent.Rule{Kind: consent.Everyone, Action: consent.Block}); err != nil {
		t.Fatal(err)
	}
	ends(other, "rejected")
	_, m := r.Subscribes(c, "carol", "300", "dialog", "", "")
	wantCode(t, m, 403)
	wantCode(t, again(member, "Expires: 600"), 200)
	member.Notified()
	bob, _ := r.Watch(a, "bob", "sales", "dialog")
	if err := r.S.Groups().Change(t.Context(), sales, func(g *group.Group) error { g.Members = []string{"bob"}; return nil }); err != nil {
		t.Fatal(err)
	}
	ends(member, "rejected")
	if err := r.S.Groups().Remove(t.Context(), sales); err != nil {
		t.Fatal(err)
	}
	ends(bob, "noresource")
	if rules := r.S.Consent().Rules(sales); len(rules) > 0 {
		t.Errorf("rules of a group that is gone: %v", rules)
	}
}

// A group talks no longer when its member has sent the caller on, though he still talks.
func TestGroupLampEndsWithATransfer(t *testing.T) {
	t.Parallel() // it waits
	r, _, phones := house.RingGroup(t, func(g *group.Group) { g.Members = []string{"alice"} })
	lamp, _ := r.Watch(r.Dial(t, "tcp"), "bob", "sales", "dialog")
	caller, member := r.Call(phones["carol"], phones["alice"], "carol", "sales", 31000)
	lamp.Until("<state>confirmed</state>")
	phones["carol"].Agrees.Store(true)
	wantCode(t, member.Asks("REFER", "Refer-To: <"+harness.BobURI+">\n", ""), 202)
	bob := r.Answers(phones["bob"], "bob", 31020)
	lamp.Until("<state>terminated</state>")
	if n := r.S.Exchange().Active(); n != 1 {
		t.Errorf("%d calls, want 1", n)
	}
	phones["carol"].Agrees.Store(false)
	phones["alice"].Agrees.Store(true)
	bob.HangsUp()
	caller.Ok("BYE", "", "")
	r.NothingLeft(t)
}
