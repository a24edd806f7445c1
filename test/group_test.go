package test

import (
	"strings"
	"testing"
	"time"

	"tandem/rtc/sip"
	"tandem/telephony/cdr"
	"tandem/telephony/group"
	"tandem/telephony/settings"
)

// ringGroup makes the group "sales", number 300, of alice, bob and carol, each of
// whom has a phone.
func ringGroup(t *testing.T, change func(*group.Group)) (r *rig, trunk *wire, phones map[string]*wire) {
	t.Helper()
	r = startServer(t, exchange)
	trunk, phones = r.rawTrunk(t, "pstn", nil), map[string]*wire{}
	for _, name := range []string{"alice", "bob", "carol"} {
		r.user(name)
		phones[name] = r.dial(t, "udp")
		phones[name].register(name)
	}
	g := group.Group{AOR: "sip:sales@" + domain, Numbers: []string{"300", "+49302000"}, Members: []string{"alice", "sip:bob@" + domain}}
	if change != nil {
		change(&g)
	}
	if err := r.s.Groups().Add(soon(t), g); err != nil {
		t.Fatal(err)
	}
	return r, trunk, phones
}

// end ends a call that a phone has answered.
func end(r *rig, trunk, phone *wire, id string, invite *sip.Message) {
	trunk.ack(trunk.final(id, "INVITE"), "")
	phone.bye(invite, "x")
	trunk.reply(trunk.request("BYE"), 200, "", "", "")
}

// silent wants a phone not to have rung.
func silent(t *testing.T, who string, w *wire) {
	t.Helper()
	if m, err := w.next(50*time.Millisecond, func(m *sip.Message) bool { return m.IsRequest() }); err == nil {
		t.Errorf("%s gets %s", who, m.MethodName())
	}
}

// TestGroupParallel: all members ring, whichever way the group is called; one
// answers, and the others show the call as answered elsewhere.
func TestGroupParallel(t *testing.T) {
	for _, to := range []string{"sales", "300", "+49302000"} {
		t.Run(to, func(t *testing.T) {
			t.Parallel()
			r, trunk, phones := ringGroup(t, nil)
			id := trunk.callIn("+4940999", to, "")
			a, b := phones["alice"].request("INVITE"), phones["bob"].request("INVITE")
			phones["alice"].reply(a, 180, "x", "", "")
			phones["bob"].answer(b, 200, "x", 30002)
			cancel := phones["alice"].request("CANCEL")
			if !strings.Contains(header(cancel, "Reason"), "Call completed elsewhere") {
				t.Errorf("alice's phone is told %q", header(cancel, "Reason"))
			}
			phones["alice"].reply(cancel, 200, "x", "", "")
			phones["alice"].reply(a, 487, "x", "", "")
			end(r, trunk, phones["bob"], id, b)
			silent(t, "carol", phones["carol"])
			if rec := r.records(t, 1)[0]; rec.State != cdr.Completed || rec.Called != "sip:sales@"+domain {
				t.Errorf("record %+v", rec)
			}
		})
	}
}

// TestGroupSequence: one member after the other, busy or not answering, and then
// the overflow, which is told whose call it is. Who is not to be disturbed is
// passed over.
func TestGroupSequence(t *testing.T) {
	r, trunk, phones := ringGroup(t, func(g *group.Group) {
		g.Hunt, g.RingTime, g.Overflow, g.Note = group.Sequence, group.MinRing, "carol", "Sales"
		g.Members = append(g.Members, "dave")
	})
	r.user("dave")
	dave := r.dial(t, "udp")
	dave.register("dave")
	r.set(t, "dave", func(u *settings.User) { u.DoNotDisturb = true })
	begun := time.Now()
	id := trunk.callIn("+4940999", "300", "")
	phones["alice"].reply(phones["alice"].request("INVITE"), 486, "x", "", "")
	b := phones["bob"].request("INVITE")
	phones["bob"].reply(b, 180, "x", "", "")
	silent(t, "carol", phones["carol"])
	phones["bob"].reply(phones["bob"].request("CANCEL"), 200, "x", "", "")
	if d := time.Since(begun); d < group.MinRing {
		t.Errorf("bob's phone rang for %s", d)
	}
	phones["bob"].reply(b, 487, "x", "", "")
	c := phones["carol"].request("INVITE")
	if got, want := header(c, "Diversion"), `"Sales" <sip:sales@`+domain+`>;reason=user-busy;counter=1;privacy=off`; got != want {
		t.Errorf("Diversion: %s, want %s", got, want)
	}
	phones["carol"].answer(c, 200, "x", 30002)
	end(r, trunk, phones["carol"], id, c)
	silent(t, "dave", dave)
}

// TestGroupOutside: a number outside is a member as far as the group's payer may
// call it; a group without a payer calls nobody outside.
func TestGroupOutside(t *testing.T) {
	for _, c := range []struct{ payer, member string }{
		{"carol", "01711234567"}, {"", "01711234567"}, {"carol", "004490055501"},
	} {
		r, trunk, phones := ringGroup(t, func(g *group.Group) {
			g.Members = []string{"bob", c.member}
			if c.payer != "" {
				g.Payer = "sip:carol@" + domain
			}
		})
		alice := phones["alice"]
		id := alice.ask("INVITE", "alice", "sip:sales@"+domain, sdpType, sdpOf(30000, "0 8"))
		b := phones["bob"].request("INVITE")
		if c.payer == "" || c.member[1] == '0' {
			silent(t, "the gateway", trunk)
			phones["bob"].reply(b, 486, "x", "", "")
			if code := alice.final(id, "INVITE").StatusCode(); code != 486 {
				t.Errorf("alice gets %d", code)
			}
			continue
		}
		phones["bob"].reply(b, 180, "x", "", "")
		m := trunk.request("INVITE")
		trunk.answer(m, 200, "x", 30002)
		phones["bob"].reply(phones["bob"].request("CANCEL"), 200, "x", "", "")
		phones["bob"].reply(b, 487, "x", "", "")
		alice.ack(alice.final(id, "INVITE"), "")
		trunk.bye(m, "x")
		if rec := r.records(t, 1)[0]; rec.Payer != "sip:carol@"+domain || rec.From != "sip:alice@"+domain || rec.Trunk != "pstn" {
			t.Errorf("record %+v", rec)
		}
	}
}
