package calls

import (
	"context"
	"testing"

	"tandem/rtc"
	"tandem/rtc/directory"
	"tandem/telephony/group"
	"tandem/test/harness"
	"tandem/test/house"
)

// phoneOf adds a user, and registers a phone.
func phoneOf(t *testing.T, r *harness.Rig, name string, u directory.AddUser) *harness.Wire {
	t.Helper()
	aor, err := r.S.Directory().ParseAOR(name)
	if err != nil {
		t.Fatal(err)
	}
	u.AOR, u.Password = aor, harness.Password
	if _, err := r.S.Directory().Add(context.Background(), u); err != nil {
		t.Fatal(err)
	}
	w := r.Dial(t, "udp")
	w.Register(name)
	return w
}

// TestMembersByNumber: who is a member of a group by his number is paged, and picks up
// its calls as members by name do, also where no phone of his has rung. A colleague is
// picked up by number.
func TestMembersByNumber(t *testing.T) {
	t.Parallel()
	r := harness.StartServer(t, harness.LedCalls)
	alice := phoneOf(t, r, "alice", directory.AddUser{Aliases: []rtc.AOR{"tel:+4930200"}})
	bob := phoneOf(t, r, "bob", directory.AddUser{Aliases: []rtc.AOR{"tel:+4930201"}})
	carol := phoneOf(t, r, "carol", directory.AddUser{})
	if err := r.S.Groups().Add(harness.Soon(t), group.Group{AOR: "sip:sales@" + harness.Domain, Numbers: []string{"300"}, Members: []string{"030200", "030201"}}); err != nil {
		t.Fatal(err)
	}
	for _, code := range []string{"*8", "**bob", "**030201"} {
		id := carol.DialNumber("carol", "300")
		bob.Reply(bob.Request("INVITE"), 180, "b", "", "")
		alice.Reply(alice.Request("INVITE"), 486, "a", "", "")
		alice.Request("ACK")
		carol.Status(180, id)
		taken := alice.Final(alice.DialNumber("alice", code), "INVITE")
		if taken.StatusCode() != 200 {
			t.Fatalf("%s: %d", code, taken.StatusCode())
		}
		alice.Ack(taken, "")
		carol.Ack(carol.Final(id, "INVITE"), "")
		house.CallOf(r, "carol").Hangup("administrator")
		bob.Reply(bob.Request("CANCEL"), 200, "b", "", "")
		alice.Reply(alice.Request("BYE"), 200, "", "", "")
		carol.Reply(carol.Request("BYE"), 200, "", "", "")
	}
	if m := alice.Final(alice.DialNumber("alice", "*81sales"), "INVITE"); m.StatusCode() != 200 {
		t.Errorf("a page: %d", m.StatusCode())
	}
}

// TestGroupByRule: the dial plan leads to a group, by its number and by its name; but a
// member leads to none, so that no group rings itself.
func TestGroupByRule(t *testing.T) {
	t.Parallel()
	r, _, phones := house.RingGroup(t, func(g *group.Group) {
		g.Payer, g.Members = "sip:carol@"+harness.Domain, []string{"77", "78", "bob"}
	})
	for _, rule := range []string{
		`{"name":"number","match":"77","strip":2,"prepend":"300","route":"number"}`,
		`{"name":"name","match":"78","route":"user sales"}`,
	} {
		if code, out, _ := r.HTTP(t, "POST", "/dialplan/rules", rule); code != 201 {
			t.Fatal(code, out)
		}
	}
	for _, n := range []string{"77", "78"} {
		id := phones["carol"].DialNumber("carol", n)
		phones["bob"].Reply(phones["bob"].Request("INVITE"), 486, "b", "", "")
		phones["bob"].Request("ACK")
		phones["carol"].Ack(phones["carol"].Final(id, "INVITE"), "sip:"+n+"@"+harness.Domain)
	}
}
