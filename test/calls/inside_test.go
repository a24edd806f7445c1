package calls

import (
	"strings"
	"testing"

	"tandem/cmd/tandem/config"
	"tandem/rtc"
	"tandem/rtc/directory"
	"tandem/rtc/policy"
	"tandem/telephony/group"
	"tandem/telephony/guard"
	"tandem/telephony/rights"
	"tandem/telephony/settings"
	"tandem/test/harness"
	"tandem/test/house"
)

// TestInsideRefused: whom policy lets call nobody of the house reaches nobody there, by
// whatever name, number or code, nor by a transfer or by forwarding; others do. A number
// for help is called all the same, and one extension can be opened.
func TestInsideRefused(t *testing.T) {
	t.Parallel()
	r := harness.StartServer(t, harness.LedCalls)
	trunk := r.RawTrunk(t, "pstn", nil)
	alice := phoneOf(t, r, "alice", directory.AddUser{Extension: "100", Groups: []string{"staff"}})
	bob := phoneOf(t, r, "bob", directory.AddUser{Extension: "101", Groups: []string{"staff"}, Aliases: []rtc.AOR{"tel:+4930201"}})
	carol := phoneOf(t, r, "carol", directory.AddUser{Extension: "102"})
	if err := r.S.Groups().Add(harness.Soon(t), group.Group{AOR: "sip:sales@" + harness.Domain, Numbers: []string{"300"}, Members: []string{"alice", "bob"}}); err != nil {
		t.Fatal(err)
	}
	refused := func(m interface {
		StatusCode() int
		Bytes() []byte
	}, what string) {
		t.Helper()
		if m.StatusCode() != 403 || !strings.Contains(string(m.Bytes()), "call internal is refused by the rule of user") {
			t.Errorf("%s:\n%s", what, m.Bytes())
		}
	}

	id := alice.DialNumber("alice", "0301234567") // while she may
	trunk.Answer(trunk.Request("INVITE"), 200, "x", 30002)
	alice.Ack(alice.Final(id, "INVITE"), "")
	house.Deny(t, r, "call", "internal", "alice")
	if err := house.CallOf(r, "alice").Transfer(harness.Soon(t), "caller", "101"); err == nil || !strings.Contains(err.Error(), "internal is refused") {
		t.Errorf("a transfer by the interface: %v", err)
	}
	for _, dialled := range []string{"bob", "101", "030201", "+4930201", "sales", "300", "*31*bob", "*80bob", "*81sales", "*61"} {
		m := alice.Final(alice.DialNumber("alice", dialled), "INVITE")
		alice.Ack(m, "sip:"+dialled+"@"+harness.Domain)
		refused(m, dialled)
	}
	house.Settings(r, t, "alice", func(u *settings.User) { u.Always = "bob" })
	m := carol.Final(carol.DialNumber("carol", "alice"), "INVITE")
	carol.Ack(m, "sip:alice@"+harness.Domain)
	refused(m, "forwarding by alice")
	house.Settings(r, t, "alice", func(u *settings.User) { *u = settings.User{Also: "bob"} })
	id = carol.DialNumber("carol", "alice")
	alice.Reply(alice.Request("INVITE"), 486, "a", "", "")
	carol.Ack(carol.Final(id, "INVITE"), "sip:alice@"+harness.Domain)
	house.Settings(r, t, "alice", func(u *settings.User) { *u = settings.User{} })
	house.Silent(t, "bob", bob)

	trunk.Request("ACK")
	house.CallOf(r, "alice").Hangup("administrator")
	alice.Reply(alice.Request("BYE"), 200, "", "", "")
	trunk.Reply(trunk.Request("BYE"), 200, "", "", "")

	x, y := r.Call(carol, alice, "carol", "alice", 31000)
	for _, to := range []string{"bob", "*61"} {
		refused(y.Asks("REFER", "Refer-To: <sip:"+to+"@"+harness.Domain+">\n", ""), "a transfer by alice to "+to)
	}
	x.HangsUp()
	y.Ok("BYE", "", "")
	id = alice.DialNumber("alice", "112")
	trunk.Answer(trunk.Request("INVITE"), 486, "x", 0)
	alice.Ack(alice.Final(id, "INVITE"), "sip:112@"+harness.Domain)

	one := policy.Key{Level: policy.User, Name: "sip:alice@" + harness.Domain, Action: rights.Call, Object: "101"}
	if err := r.S.Policy().Set(harness.Soon(t), policy.Rule{Key: one, Allow: true}); err != nil {
		t.Fatal(err)
	}
	a, b := r.Call(alice, bob, "alice", "bob", 32000)
	a.HangsUp()
	b.Ok("BYE", "", "")
}

// TestInsideRefusedOnItsWay: policy is asked about calls that pass through as they are, too.
func TestInsideRefusedOnItsWay(t *testing.T) {
	t.Parallel()
	r, phones := house.Start(t, func(cfg *config.Config) { cfg.Telephony.AllCalls = false })
	house.Deny(t, r, "call", "internal", "alice")
	for caller, want := range map[string]int{"alice": 403, "carol": 486} {
		id := phones[caller].DialNumber(caller, "bob")
		if want == 486 {
			phones["bob"].Reply(phones["bob"].Request("INVITE"), want, "b", "", "")
		}
		m := phones[caller].Final(id, "INVITE")
		phones[caller].Ack(m, "sip:bob@"+harness.Domain)
		if m.StatusCode() != want {
			t.Errorf("%s calls: %d, want %d", caller, m.StatusCode(), want)
		}
	}
}

// TestInsideLimit: a limit of the kind internal counts a call to a user once, however many
// phones ring, as long as it lasts; for who forwards or transfers, his. It says nothing of
// calls outside, and limits without a kind nothing of those inside.
func TestInsideLimit(t *testing.T) {
	t.Parallel()
	r, phones := house.Start(t, func(cfg *config.Config) { cfg.Telephony.AllCalls = false })
	second := r.Dial(t, "udp")
	second.Register("bob")
	internal := guard.Key{Level: guard.User, Name: "sip:alice@" + harness.Domain, Kind: guard.Inside}
	all := guard.Key{Level: guard.User, Name: "sip:alice@" + harness.Domain}
	for _, l := range []guard.Limit{{Key: internal, Calls: 1}, {Key: all, Closed: []string{"mon-sun 00:00-24:00"}}} {
		if err := r.S.Guard().Set(harness.Soon(t), l); err != nil {
			t.Fatal(err)
		}
	}
	bobRings := func() { // at his second phone, and answers at the first
		t.Helper()
		second.Reply(second.Request("INVITE"), 180, "s", "", "")
	}
	under := func(want int) {
		t.Helper()
		if !harness.Holds(func() bool { return r.S.Guard().Used(internal, "").Calls == want }) {
			t.Errorf("%d calls count, want %d", r.S.Guard().Used(internal, "").Calls, want)
		}
	}
	alice, bob, carol := phones["alice"], phones["bob"], phones["carol"]
	a := r.Invites(alice, "alice", harness.BobURI, 31000)
	bobRings()
	b := r.Answers(bob, "bob", 31002)
	a.Connected()
	second.Reply(second.Request("CANCEL"), 200, "s", "", "")
	under(1)
	other := r.Dial(t, "udp")
	m := other.Final(other.Ask("INVITE", "alice", "sip:carol@"+harness.Domain, harness.SDPType, harness.SDPOf(30000, "0")), "INVITE")
	if other.Ack(m, "sip:carol@"+harness.Domain); m.StatusCode() != 403 || !strings.Contains(string(m.Bytes()), "internal calls of user") {
		t.Errorf("a second call:\n%s", m.Bytes())
	}
	house.Silent(t, "carol", carol)
	a.HangsUp()
	b.Ok("BYE", "", "")
	under(0)

	// What alice has sent on is hers, for as long as it lasts.
	house.Settings(r, t, "alice", func(u *settings.User) { u.Always = "bob" })
	c := r.Invites(carol, "carol", harness.AliceURI, 31004)
	bobRings()
	b = r.Answers(bob, "bob", 31006)
	c.Connected()
	under(1)
	c.HangsUp()
	b.Ok("BYE", "", "")
	under(0)
	house.Settings(r, t, "alice", func(u *settings.User) { *u = settings.User{} })
	c = r.Invites(carol, "carol", harness.AliceURI, 31008)
	a = r.Answers(alice, "alice", 31010)
	c.Connected()
	under(0)
	if m := a.Asks("REFER", "Refer-To: <"+harness.BobURI+">\n", ""); m.StatusCode() != 202 {
		t.Fatal(m.StatusCode())
	}
	bobRings()
	b = r.Answers(bob, "bob", 31012)
	a.Ok("BYE", "", "")
	under(1)
	b.HangsUp()
	under(0)
	r.NothingLeft(t)
}
