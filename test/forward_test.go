package test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"tandem/cmd/tandem/config"
	"tandem/rtc"
	"tandem/rtc/sip"
	"tandem/telephony/cdr"
	"tandem/telephony/settings"
)

// set has a user want to be called in a way.
func (r *rig) set(t *testing.T, user string, f func(*settings.User)) {
	t.Helper()
	if _, err := r.s.CallSettings().Change(soon(t), rtc.AOR("sip:"+user+"@"+domain), func(u *settings.User) error { f(u); return nil }); err != nil {
		t.Fatal(err)
	}
}

// header is the value of a header by its name, "" without one.
func header(m *sip.Message, name string) string {
	var all []string
	for i := range m.Len() {
		if h := m.At(i); sip.EqualFold(h.Name, name) {
			all = append(all, string(h.Value))
		}
	}
	return strings.Join(all, " | ")
}

// TestForwarding: in each case the call goes on to carol, whose phone is told by
// whom and why.
func TestForwarding(t *testing.T) {
	for _, c := range []struct {
		name   string
		set    func(*settings.User)
		bob    func(bob *wire) // what bob's phone does; nil: it must not ring
		reason string
		cause  int
	}{
		{"always", func(u *settings.User) { u.Always = "carol" }, nil, "unconditional", 302},
		{"do not disturb", func(u *settings.User) { u.DoNotDisturb, u.Busy = true, "carol" }, nil, "do-not-disturb", 486},
		{"busy", func(u *settings.User) { u.Busy = "carol" }, func(bob *wire) {
			bob.reply(bob.request("INVITE"), 486, "b", "", "")
		}, "user-busy", 486},
		{"declined", func(u *settings.User) { u.Busy = "carol" }, func(bob *wire) {
			bob.reply(bob.request("INVITE"), 603, "b", "", "")
		}, "user-busy", 486},
		{"no answer", func(u *settings.User) { u.NoAnswer, u.RingTime = "carol", settings.MinRing }, func(bob *wire) {
			m := bob.request("INVITE")
			bob.reply(m, 180, "b", "", "")
			bob.reply(bob.request("CANCEL"), 200, "b", "", "")
			bob.reply(m, 487, "b", "", "")
		}, "no-answer", 408},
		{"unreachable", func(u *settings.User) { u.Unreachable = "carol" }, func(bob *wire) {
			bob.reply(bob.request("INVITE"), 503, "b", "", "")
		}, "unavailable", 503},
		{"deflected", func(*settings.User) {}, func(bob *wire) {
			bob.reply(bob.request("INVITE"), 302, "b", "Contact: <sip:carol@"+domain+">\n", "")
		}, "deflection", 480},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := startServer(t, exchange)
			r.user("bob", "carol")
			trunk, bob, carol := r.rawTrunk(t, "pstn", nil), r.dial(t, "udp"), r.dial(t, "udp")
			bob.register("bob")
			carol.register("carol")
			r.set(t, "bob", c.set)
			id := trunk.callIn("+4940999", "bob", "")
			if c.bob != nil {
				c.bob(bob)
			}
			m := carol.request("INVITE")
			if got, want := header(m, "Diversion"), "<sip:bob@"+domain+">;reason="+c.reason+";counter=1;privacy=off"; got != want {
				t.Errorf("Diversion: %s, want %s", got, want)
			}
			want := fmt.Sprintf("<sip:bob@%s?Reason=SIP%%3Bcause%%3D%d>;index=1, <sip:carol@%s>;index=1.1;mp=1", domain, c.cause, domain)
			if got := header(m, "History-Info"); got != want {
				t.Errorf("History-Info: %s, want %s", got, want)
			}
			trunk.status(181, id)
			carol.answer(m, 200, "c", 30002)
			carol.request("ACK")
			ok := trunk.final(id, "INVITE")
			trunk.ack(ok, "")
			carol.bye(m, "c")
			trunk.reply(trunk.request("BYE"), 200, "", "", "")
			rec := r.records(t, 1)[0]
			if rec.State != cdr.Completed || rec.Payer != "sip:bob@"+domain || len(rec.Story) != 1 || rec.Story[0].What != cdr.Forwarded ||
				rec.Story[0].Who != "sip:bob@"+domain+" "+c.reason {
				t.Errorf("record %+v", rec)
			}
			if _, err := bob.next(10*time.Millisecond, func(m *sip.Message) bool { return string(m.MethodName()) == "INVITE" }); err == nil && c.bob == nil {
				t.Error("bob's phone rang")
			}
		})
	}
}

// TestForwardingOutside: bob's calls go to a number, at his expense and by his
// rights, with the caller's number and his own in Diversion.
func TestForwardingOutside(t *testing.T) {
	r := startServer(t, exchange)
	r.user("alice", "bob")
	trunk, alice := r.rawTrunk(t, "pstn", nil), r.dial(t, "udp")
	r.set(t, "bob", func(u *settings.User) { u.Always = "0301234567" })
	id := alice.ask("INVITE", "alice", "sip:bob@"+domain, sdpType, sdpOf(30000, "0 8"))
	m := trunk.request("INVITE")
	if uri := string(m.RequestURI()); !strings.HasPrefix(uri, "sip:+49301234567@") {
		t.Errorf("the gateway is asked for %s", uri)
	}
	if from, _ := m.From(); !strings.HasPrefix(string(from.URI), "sip:alice@") {
		t.Errorf("from %s", from.URI)
	}
	if d := header(m, "Diversion"); d != "<sip:bob@"+domain+">;reason=unconditional;counter=1;privacy=off" {
		t.Errorf("Diversion: %s", d)
	}
	trunk.reply(m, 486, "t", "", "")
	if code := alice.final(id, "INVITE").StatusCode(); code != 486 {
		t.Errorf("alice gets %d", code)
	}
	if rec := r.records(t, 1)[0]; rec.Payer != "sip:bob@"+domain || rec.Number != "+49301234567" || rec.From != "sip:alice@"+domain {
		t.Errorf("record %+v", rec)
	}
	// Where bob may not call, nobody gets through him.
	r.set(t, "bob", func(u *settings.User) { u.Always = "004490055501" })
	id = alice.ask("INVITE", "alice", "sip:bob@"+domain, sdpType, sdpOf(30000, "0 8"))
	if code := alice.final(id, "INVITE").StatusCode(); code != 403 {
		t.Errorf("through bob to a number he may not call: %d", code)
	}
}

// TestForwardingLoop: calls that would go in a circle end, whatever makes them go
// round, before anything is waited for.
func TestForwardingLoop(t *testing.T) {
	r := startServer(t, exchange)
	names := []string{"u0", "u1", "u2", "u3", "u4", "u5", "u6", "u7"}
	r.user(append(names, "alice")...)
	alice := r.dial(t, "udp")
	call := func() int {
		id := alice.ask("INVITE", "alice", "sip:u0@"+domain, sdpType, sdpOf(30000, "0 8"))
		return alice.final(id, "INVITE").StatusCode()
	}
	r.set(t, "u0", func(u *settings.User) { u.Always = "u1" })
	r.set(t, "u1", func(u *settings.User) { u.Always = "u0" })
	if code := call(); code != 482 {
		t.Errorf("a circle of two: %d", code)
	}
	for i, name := range names[:7] {
		r.set(t, name, func(u *settings.User) { u.Always = names[i+1] })
	}
	if code := call(); code != 482 {
		t.Errorf("a long chain: %d", code)
	}
	// A circle that shows only while phones are tried: the caller hears why the
	// first did not answer.
	for i, name := range names[:3] {
		r.set(t, name, func(u *settings.User) { *u = settings.User{Unreachable: names[(i+1)%3]} })
	}
	if code := call(); code != 482 && code != 480 {
		t.Errorf("a circle of unreachable ones: %d", code)
	}
	r.nothingLeft(t)
}

// TestDoNotDisturb: no phone rings, and the caller is told; the user's own calls
// go out all the same.
func TestDoNotDisturb(t *testing.T) {
	r := startServer(t, exchange)
	r.user("alice", "bob")
	alice, bob := r.dial(t, "udp"), r.dial(t, "udp")
	bob.register("bob")
	r.set(t, "bob", func(u *settings.User) { u.DoNotDisturb = true })
	id := alice.ask("INVITE", "alice", "sip:bob@"+domain, sdpType, sdpOf(30000, "0 8"))
	if m := alice.final(id, "INVITE"); m.StatusCode() != 486 || string(m.ReasonPhrase()) != "Do Not Disturb" {
		t.Errorf("alice gets %d %s", m.StatusCode(), m.ReasonPhrase())
	}
	if _, err := bob.next(50*time.Millisecond, func(m *sip.Message) bool { return m.IsRequest() }); err == nil {
		t.Error("bob's phone rang")
	}
	r.set(t, "bob", func(u *settings.User) { u.DoNotDisturb = false })
	alice.ask("INVITE", "alice", "sip:bob@"+domain, sdpType, sdpOf(30000, "0 8"))
	bob.request("INVITE")
}

// Without call waiting a user is busy while a call rings or goes on, led by whomever:
// others hear busy, or go where calls go then. A group passes the user over.
func TestCallWaiting(t *testing.T) {
	r, phones := house(t)
	r.set(t, "bob", func(u *settings.User) { u.NoWaiting = true })
	alice, bob, carol := phones["alice"], phones["bob"], phones["carol"]
	a := r.invites(bob, "bob", "sip:alice@"+domain, 31000)
	first := alice.request("INVITE")
	refused := func() int {
		return carol.final(carol.ask("INVITE", "carol", "sip:bob@"+domain, sdpType, sdpOf(31010, "0")), "INVITE").StatusCode()
	}
	if code := refused(); code != 486 {
		t.Errorf("while he calls, carol is told %d", code)
	}
	r.set(t, "bob", func(u *settings.User) { u.Busy = "alice" })
	id := carol.ask("INVITE", "carol", "sip:bob@"+domain, sdpType, sdpOf(31010, "0"))
	m := alice.request("INVITE")
	if !strings.Contains(header(m, "Diversion"), "user-busy") {
		t.Errorf("alice is told\n%s", m.Bytes())
	}
	alice.reply(m, 486, "a", "", "")
	if code := carol.final(id, "INVITE").StatusCode(); code != 486 {
		t.Errorf("carol is told %d", code)
	}
	alice.reply(first, 486, "f", "", "")
	bob.final(a.id, "INVITE")
	r.nothingLeft(t)
	carol.ask("INVITE", "carol", "sip:bob@"+domain, sdpType, sdpOf(31010, "0"))
	bob.request("INVITE")
}

// TestAnonymous: who withholds his identity is shown to nobody, and refused by who
// wants that (RFC 5079).
func TestAnonymous(t *testing.T) {
	r := startServer(t, func(cfg *config.Config) { exchange(cfg); cfg.Telephony.AllCalls = true })
	r.user("alice", "bob")
	alice, bob, trunk := r.dial(t, "udp"), r.dial(t, "udp"), r.rawTrunk(t, "pstn", nil)
	bob.register("bob")
	invite := func(lines string) string {
		return alice.ask("INVITE", "alice", "sip:bob@"+domain, sdpType+lines, sdpOf(30000, "0 8"))
	}
	hidden := func(m *sip.Message) bool { return !strings.Contains(string(m.Bytes()), "alice@") }
	id := invite("Privacy: id\n")
	m := bob.request("INVITE")
	if from, _ := m.From(); string(from.URI) != "sip:anonymous@anonymous.invalid" || !hidden(m) {
		t.Errorf("bob is told\n%s", m.Bytes())
	}
	bob.reply(m, 486, "b", "", "")
	alice.final(id, "INVITE")
	r.set(t, "bob", func(u *settings.User) { u.RefuseAnonymous = true })
	for _, lines := range []string{"Privacy: id\n", "Privacy: user;critical\n", "Privacy: header\n"} {
		if code := alice.final(invite(lines), "INVITE").StatusCode(); code != 433 {
			t.Errorf("%s is answered %d", lines, code)
		}
	}
	if code := trunk.final(trunk.ask("INVITE", "anonymous", "sip:bob@"+domain, sdpType+"P-Asserted-Identity: <sip:+4940999@"+domain+">\nPrivacy: id\n", sdpOf(30000, "0")), "INVITE").StatusCode(); code != 433 {
		t.Errorf("from a trunk: %d", code)
	}
	// whoever withholds his identity always may show it for once
	r.set(t, "alice", func(u *settings.User) { u.Withhold = true })
	if code := alice.final(invite(""), "INVITE").StatusCode(); code != 433 {
		t.Errorf("by her settings: %d", code)
	}
	id = invite("Privacy: none\n")
	bob.reply(bob.request("INVITE"), 486, "b", "", "")
	if code := alice.final(id, "INVITE").StatusCode(); code != 486 {
		t.Errorf("shown for once: %d", code)
	}
	// to a trunk the number goes along, marked as not to be shown (RFC 3325 §9.3)
	id = alice.ask("INVITE", "alice", "sip:+49301234567@"+domain, sdpType, sdpOf(30000, "0 8"))
	m = trunk.request("INVITE")
	if from, _ := m.From(); string(from.URI) != "sip:anonymous@anonymous.invalid" || header(m, "Privacy") != "id" || !strings.Contains(header(m, "P-Asserted-Identity"), "alice@") {
		t.Errorf("the trunk is told\n%s", m.Bytes())
	}
	trunk.reply(m, 486, "t", "", "")
	alice.final(id, "INVITE")
}

// TestAlso: a number outside rings together with the phone; the first to answer has
// the call, and the other one stops.
func TestAlso(t *testing.T) {
	r := startServer(t, exchange)
	r.user("alice", "bob")
	alice, bob, trunk := r.dial(t, "udp"), r.dial(t, "udp"), r.rawTrunk(t, "pstn", nil)
	bob.register("bob")
	r.set(t, "bob", func(u *settings.User) { u.Also = "01711234567" })
	id := alice.ask("INVITE", "alice", "sip:bob@"+domain, sdpType, sdpOf(30000, "0 8"))
	desk, mobile := bob.request("INVITE"), trunk.request("INVITE")
	bob.reply(desk, 180, "b", "", "")
	trunk.answer(mobile, 200, "m", 30004)
	trunk.request("ACK")
	cancel := bob.request("CANCEL")
	if reason := header(cancel, "Reason"); !strings.Contains(reason, "Call completed elsewhere") {
		t.Errorf("the phone is told %q", reason)
	}
	bob.reply(cancel, 200, "b", "", "")
	bob.reply(desk, 487, "b", "", "")
	alice.ack(alice.final(id, "INVITE"), "")
	trunk.bye(mobile, "m")
	alice.reply(alice.request("BYE"), 200, "", "", "")
	if rec := r.records(t, 1)[0]; rec.State != cdr.Completed || rec.Payer != "sip:bob@"+domain || rec.Trunk != "pstn" {
		t.Errorf("record %+v", rec)
	}
}
