package calls

import (
	"testing"
	"time"

	"tandem/cmd/tandem/config"
	"tandem/gateways"
	"tandem/rtc/sip"
	"tandem/telephony/group"
	"tandem/telephony/settings"
	"tandem/test/harness"
	"tandem/test/house"
)

// rings waits for an INVITE at a phone.
func rings(t *testing.T, who string, w *harness.Wire, limit time.Duration) *sip.Message {
	t.Helper()
	m, err := w.Next(limit, func(m *sip.Message) bool { return m.IsRequest() && string(m.MethodName()) == "INVITE" })
	if err != nil {
		t.Errorf("%s's phone does not ring", who)
		return nil
	}
	return m
}

// short has calls ring for five seconds.
func short(cfg *config.Config) { cfg.Telephony.RingTime = 5 * time.Second }

// TestNoAnswerWithoutRingTime: a call that nobody answers is forwarded, also where the
// user has not said how long his phones ring.
func TestNoAnswerWithoutRingTime(t *testing.T) {
	t.Parallel()
	r, phones := house.Start(t, short)
	house.Settings(r, t, "bob", func(u *settings.User) { u.NoAnswer = "carol" })
	phones["alice"].Ask("INVITE", "alice", "sip:bob@"+harness.Domain, harness.SDPType, harness.SDPOf(30000, "0"))
	m := phones["bob"].Request("INVITE")
	phones["bob"].Reply(m, 180, "b", "", "")
	rings(t, "carol", phones["carol"], 8*time.Second)
}

// TestNoAnswerAfterTheLongestRing: the same where they ring for as long as a call may.
func TestNoAnswerAfterTheLongestRing(t *testing.T) {
	t.Parallel()
	r, phones := house.Start(t, short)
	house.Settings(r, t, "bob", func(u *settings.User) { u.NoAnswer, u.RingTime = "carol", 6*time.Second })
	phones["alice"].Ask("INVITE", "alice", "sip:bob@"+harness.Domain, harness.SDPType, harness.SDPOf(30000, "0"))
	m := phones["bob"].Request("INVITE")
	phones["bob"].Reply(m, 180, "b", "", "")
	rings(t, "carol", phones["carol"], 8*time.Second)
}

// TestLowerQRingsAfterHigher: devices of a lower q ring when those of a higher one do not
// answer.
func TestLowerQRingsAfterHigher(t *testing.T) {
	t.Parallel()
	r := harness.StartServer(t, func(cfg *config.Config) { harness.LedCalls(cfg); short(cfg) })
	r.User("alice", "bob")
	alice, high, low := r.Dial(t, "udp"), r.Dial(t, "udp"), r.Dial(t, "udp")
	high.Register("bob", "Contact: "+high.Contact("bob")+";q=1.0")
	low.Register("bob", "Contact: "+low.Contact("bob")+";q=0.3")
	time.Sleep(300 * time.Millisecond)
	alice.Ask("INVITE", "alice", "sip:bob@"+harness.Domain, harness.SDPType, harness.SDPOf(30000, "0"))
	m := high.Request("INVITE")
	high.Reply(m, 180, "b", "", "")
	rings(t, "bob (low q)", low, 8*time.Second)
}

// TestSequenceLongerThanACallRings: each member of a group rings for its time, and then the
// overflow, however long that takes together.
func TestSequenceLongerThanACallRings(t *testing.T) {
	t.Parallel()
	r := harness.StartServer(t, func(cfg *config.Config) { harness.LedCalls(cfg); cfg.Telephony.RingTime = 7 * time.Second })
	phones := map[string]*harness.Wire{}
	for _, n := range []string{"alice", "bob", "carol", "dave"} {
		r.User(n)
		phones[n] = r.Dial(t, "udp")
		phones[n].Register(n)
	}
	if err := r.S.Groups().Add(harness.Soon(t), group.Group{AOR: "sip:sales@" + harness.Domain, Numbers: []string{"300"}, Members: []string{"bob", "carol"}, Hunt: group.Sequence, RingTime: 5 * time.Second, Overflow: "dave"}); err != nil {
		t.Fatal(err)
	}
	phones["alice"].Ask("INVITE", "alice", "sip:300@"+harness.Domain, harness.SDPType, harness.SDPOf(30000, "0"))
	m := phones["bob"].Request("INVITE")
	phones["bob"].Reply(m, 180, "b", "", "")
	c := rings(t, "carol", phones["carol"], 7*time.Second)
	phones["carol"].Reply(c, 180, "b", "", "")
	rings(t, "dave (overflow)", phones["dave"], 8*time.Second)
}

// TestSequenceGoesOnBehindABusyMobile: a busy number outside is followed by the next member.
func TestSequenceGoesOnBehindABusyMobile(t *testing.T) {
	t.Parallel()
	_, trunk, phones := house.RingGroup(t, func(g *group.Group) {
		g.Hunt, g.RingTime, g.Payer = group.Sequence, 10*time.Second, "sip:carol@"+harness.Domain
		g.Members = []string{"01711234567", "bob"}
	})
	phones["alice"].Ask("INVITE", "alice", "sip:300@"+harness.Domain, harness.SDPType, harness.SDPOf(30000, "0"))
	trunk.Reply(trunk.Request("INVITE"), 486, "x", "", "")
	rings(t, "bob", phones["bob"], 3*time.Second)
}

// TestDeclineOfOneMember: a member who declines does so for himself.
func TestDeclineOfOneMember(t *testing.T) {
	t.Parallel()
	for _, hunt := range []group.Hunt{group.Parallel, group.Sequence} {
		_, trunk, phones := house.RingGroup(t, func(g *group.Group) { g.Hunt, g.RingTime = hunt, 10*time.Second })
		trunk.CallIn("+4940999", "300", "")
		a := phones["alice"].Request("INVITE")
		if hunt == group.Parallel {
			b := phones["bob"].Request("INVITE")
			phones["bob"].Reply(b, 180, "b", "", "")
		}
		phones["alice"].Reply(a, 603, "a", "", "")
		if hunt == group.Sequence {
			rings(t, "bob", phones["bob"], 3*time.Second)
			continue
		}
		if m, err := phones["bob"].Next(time.Second, func(m *sip.Message) bool { return string(m.MethodName()) == "CANCEL" }); err == nil {
			t.Errorf("%s: bob's phone stops ringing: %s", hunt, m.MethodName())
		}
	}
}

// TestMobileBesideDeclines: a phone rings on when the mobile that rings with it declines.
func TestMobileBesideDeclines(t *testing.T) {
	t.Parallel()
	r, phones := house.Start(t)
	trunk := r.RawTrunk(t, "pstn", nil)
	house.Settings(r, t, "bob", func(u *settings.User) { u.Also = "01711234567" })
	phones["alice"].Ask("INVITE", "alice", "sip:bob@"+harness.Domain, harness.SDPType, harness.SDPOf(30000, "0"))
	b := phones["bob"].Request("INVITE")
	phones["bob"].Reply(b, 180, "b", "", "")
	trunk.Reply(trunk.Request("INVITE"), 603, "x", "", "")
	if _, err := phones["bob"].Next(time.Second, func(m *sip.Message) bool { return string(m.MethodName()) == "CANCEL" }); err == nil {
		t.Error("bob's phone stops ringing")
	}
}

// TestMobileBesideIsBusy: the busy mobile keeps no phone of a lower q from ringing.
func TestMobileBesideIsBusy(t *testing.T) {
	t.Parallel()
	r := harness.StartServer(t, harness.LedCalls)
	trunk := r.RawTrunk(t, "pstn", nil)
	r.User("alice", "bob")
	alice, high, low := r.Dial(t, "udp"), r.Dial(t, "udp"), r.Dial(t, "udp")
	high.Register("bob", "Contact: "+high.Contact("bob")+";q=1.0")
	low.Register("bob", "Contact: "+low.Contact("bob")+";q=0.3")
	house.Settings(r, t, "bob", func(u *settings.User) { u.Also, u.RingTime = "01711234567", 5*time.Second })
	alice.Ask("INVITE", "alice", "sip:bob@"+harness.Domain, harness.SDPType, harness.SDPOf(30000, "0"))
	h := high.Request("INVITE")
	high.Reply(h, 180, "b", "", "")
	trunk.Reply(trunk.Request("INVITE"), 486, "x", "", "")
	rings(t, "bob (low q)", low, 8*time.Second)
}

// TestNoAnswerBesideABusyPhone: one phone is busy, the other one rings and is not answered.
func TestNoAnswerBesideABusyPhone(t *testing.T) {
	t.Parallel()
	r, phones := house.Start(t)
	second := r.Dial(t, "tcp")
	second.Register("bob")
	house.Settings(r, t, "bob", func(u *settings.User) { u.NoAnswer, u.RingTime = "carol", 5*time.Second })
	phones["alice"].Ask("INVITE", "alice", "sip:bob@"+harness.Domain, harness.SDPType, harness.SDPOf(30000, "0"))
	m, n := phones["bob"].Request("INVITE"), second.Request("INVITE")
	phones["bob"].Reply(m, 180, "b", "", "")
	second.Reply(n, 486, "c", "", "")
	rings(t, "carol", phones["carol"], 8*time.Second)
}

// TestWhoDeclinedIsFree: who has declined a group's call may be called while others ring.
func TestWhoDeclinedIsFree(t *testing.T) {
	t.Parallel()
	r, trunk, phones := house.RingGroup(t, nil)
	house.Settings(r, t, "alice", func(u *settings.User) { u.NoWaiting = true })
	trunk.CallIn("+4940999", "300", "")
	x, b := phones["alice"].Request("INVITE"), phones["bob"].Request("INVITE")
	phones["alice"].Reply(x, 180, "a", "", "")
	phones["bob"].Reply(b, 180, "b", "", "")
	time.Sleep(200 * time.Millisecond)
	phones["alice"].Reply(x, 486, "a", "", "")
	phones["alice"].Request("ACK")
	time.Sleep(500 * time.Millisecond)
	if r.S.Exchange().Engaged("sip:alice@" + harness.Domain) {
		t.Error("alice counts as in a call, though her phone has declined it")
	}
	id := phones["carol"].Ask("INVITE", "carol", "sip:alice@"+harness.Domain, harness.SDPType, harness.SDPOf(30000, "0"))
	if m, err := phones["alice"].Next(time.Second, func(m *sip.Message) bool { return m.IsRequest() && string(m.MethodName()) == "INVITE" }); err != nil {
		t.Errorf("carol gets %d", phones["carol"].Final(id, "INVITE").StatusCode())
	} else {
		_ = m
	}
}

// TestMobileBesideByTheDialPlan: a number that rings with a user's phones is one that he
// dials, so that a rule which refuses it does so here, too.
func TestMobileBesideByTheDialPlan(t *testing.T) {
	t.Parallel()
	r := harness.StartServer(t, harness.Exchange)
	r.User("alice", "bob")
	alice, bob := r.Dial(t, "udp"), r.Dial(t, "udp")
	trunk := r.RawTrunk(t, "pstn", nil)
	bob.Register("bob")
	if code, out, _ := r.HTTP(t, "POST", "/dialplan/rules", `{"name":"no","match":"0137.","route":"refuse costs too much"}`); code >= 300 {
		t.Fatal(code, out)
	}
	house.Settings(r, t, "bob", func(u *settings.User) { u.Also = "01371234567" })
	house.Allow(t, r, "call", "shared-cost", "bob")
	alice.DialNumber("alice", "bob")
	bob.Request("INVITE")
	house.Silent(t, "the trunk", trunk)
}

// TestMobileBesideByTheNextTrunk: a number outside that rings beside phones, or as a member
// of a group, is called by the next trunk when one fails or has no channel left, also when
// the phones ring already; but not when the trunk says that the mobile is busy.
func TestMobileBesideByTheNextTrunk(t *testing.T) {
	t.Parallel()
	r, first, phones := house.RingGroup(t, func(g *group.Group) {
		g.Members, g.Payer = []string{"01711234567", "bob"}, "sip:carol@"+harness.Domain
	})
	second := r.RawTrunk(t, "second", func(t *gateways.Trunk) { t.Priority = 2 })
	third := r.RawTrunk(t, "third", func(t *gateways.Trunk) { t.Priority = 3 })
	house.Settings(r, t, "bob", func(u *settings.User) { u.Also = "01711234567" })
	for _, to := range []string{"300", "bob"} {
		id := phones["alice"].DialNumber("alice", to)
		b := phones["bob"].Request("INVITE")
		phones["bob"].Reply(b, 180, "b", "", "")
		phones["alice"].Status(180, id)
		first.Reply(first.Request("INVITE"), 488, "x", "", "")
		second.Reply(second.Request("INVITE"), 415, "x", "", "")
		third.Answer(third.Request("INVITE"), 200, "x", 30002)
		phones["bob"].Reply(phones["bob"].Request("CANCEL"), 200, "b", "", "")
		phones["alice"].Ack(phones["alice"].Final(id, "INVITE"), "")
		house.CallOf(r, "alice").Hangup("administrator")
		third.Reply(third.Request("BYE"), 200, "", "", "")
		phones["alice"].Reply(phones["alice"].Request("BYE"), 200, "", "", "")
	}
	for _, w := range []*harness.Wire{first, second, third} {
		w.Aside = nil
	}
	id := phones["alice"].DialNumber("alice", "bob")
	first.Reply(first.Request("INVITE"), 486, "x", "", "")
	phones["bob"].Reply(phones["bob"].Request("INVITE"), 486, "b", "", "")
	phones["alice"].Ack(phones["alice"].Final(id, "INVITE"), "sip:bob@"+harness.Domain)
	if m, err := second.Next(100*time.Millisecond, (*sip.Message).IsRequest); err == nil && string(m.MethodName()) == "INVITE" {
		t.Error("a busy mobile is called again")
	}
}
