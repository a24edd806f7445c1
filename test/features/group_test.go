package features

import (
	"strings"
	"testing"
	"time"

	"tandem/telephony/cdr"
	"tandem/telephony/group"
	"tandem/telephony/settings"
	"tandem/test/harness"
	"tandem/test/house"
)

// TestGroupParallel: all members ring, whichever way the group is called; one
// answers, and the others show the call as answered elsewhere.
func TestGroupParallel(t *testing.T) {
	for _, to := range []string{"sales", "300", "+49302000"} {
		t.Run(to, func(t *testing.T) {
			t.Parallel()
			r, trunk, phones := house.RingGroup(t, nil)
			id := trunk.CallIn("+4940999", to, "")
			a, b := phones["alice"].Request("INVITE"), phones["bob"].Request("INVITE")
			phones["alice"].Reply(a, 180, "x", "", "")
			phones["bob"].Answer(b, 200, "x", 30002)
			cancel := phones["alice"].Request("CANCEL")
			if !strings.Contains(harness.Header(cancel, "Reason"), "Call completed elsewhere") {
				t.Errorf("alice's phone is told %q", harness.Header(cancel, "Reason"))
			}
			phones["alice"].Reply(cancel, 200, "x", "", "")
			phones["alice"].Reply(a, 487, "x", "", "")
			house.End(trunk, phones["bob"], id, b)
			house.Silent(t, "carol", phones["carol"])
			if rec := r.Records(t, 1)[0]; rec.State != cdr.Completed || rec.Called != "sip:sales@"+harness.Domain {
				t.Errorf("record %+v", rec)
			}
		})
	}
}

// TestGroupSequence: one member after the other, busy or not answering, and then
// the overflow, which is told whose call it is. Who is not to be disturbed is
// passed over.
func TestGroupSequence(t *testing.T) {
	r, trunk, phones := house.RingGroup(t, func(g *group.Group) {
		g.Hunt, g.RingTime, g.Overflow, g.Note = group.Sequence, group.MinRing, "carol", "Sales"
		g.Members = append(g.Members, "dave")
	})
	r.User("dave")
	dave := r.Dial(t, "udp")
	dave.Register("dave")
	house.Settings(r, t, "dave", func(u *settings.User) { u.DoNotDisturb = true })
	begun := time.Now()
	id := trunk.CallIn("+4940999", "300", "")
	phones["alice"].Reply(phones["alice"].Request("INVITE"), 486, "x", "", "")
	b := phones["bob"].Request("INVITE")
	phones["bob"].Reply(b, 180, "x", "", "")
	house.Silent(t, "carol", phones["carol"])
	phones["bob"].Reply(phones["bob"].Request("CANCEL"), 200, "x", "", "")
	if d := time.Since(begun); d < group.MinRing {
		t.Errorf("bob's phone rang for %s", d)
	}
	phones["bob"].Reply(b, 487, "x", "", "")
	c := phones["carol"].Request("INVITE")
	if got, want := harness.Header(c, "Diversion"), `"Sales" <sip:sales@`+harness.Domain+`>;reason=user-busy;counter=1;privacy=off`; got != want {
		t.Errorf("Diversion: %s, want %s", got, want)
	}
	phones["carol"].Answer(c, 200, "x", 30002)
	house.End(trunk, phones["carol"], id, c)
	house.Silent(t, "dave", dave)
}

// TestGroupOutside: a number outside is a member as far as the group's payer may
// call it; a group without a payer calls nobody outside.
func TestGroupOutside(t *testing.T) {
	for _, c := range []struct{ payer, member string }{
		{"carol", "01711234567"}, {"", "01711234567"}, {"carol", "004490055501"},
	} {
		r, trunk, phones := house.RingGroup(t, func(g *group.Group) {
			g.Members = []string{"bob", c.member}
			if c.payer != "" {
				g.Payer = "sip:carol@" + harness.Domain
			}
		})
		alice := phones["alice"]
		id := alice.Ask("INVITE", "alice", "sip:sales@"+harness.Domain, harness.SDPType, harness.SDPOf(30000, "0 8"))
		b := phones["bob"].Request("INVITE")
		if c.payer == "" || c.member[1] == '0' {
			house.Silent(t, "the gateway", trunk)
			phones["bob"].Reply(b, 486, "x", "", "")
			if code := alice.Final(id, "INVITE").StatusCode(); code != 486 {
				t.Errorf("alice gets %d", code)
			}
			continue
		}
		phones["bob"].Reply(b, 180, "x", "", "")
		m := trunk.Request("INVITE")
		trunk.Answer(m, 200, "x", 30002)
		phones["bob"].Reply(phones["bob"].Request("CANCEL"), 200, "x", "", "")
		phones["bob"].Reply(b, 487, "x", "", "")
		alice.Ack(alice.Final(id, "INVITE"), "")
		trunk.Bye(m, "x")
		if rec := r.Records(t, 1)[0]; rec.Payer != "sip:carol@"+harness.Domain || rec.From != "sip:alice@"+harness.Domain || rec.Trunk != "pstn" {
			t.Errorf("record %+v", rec)
		}
	}
}
