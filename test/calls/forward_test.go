package calls

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"tandem/cmd/tandem/config"
	"tandem/rtc"
	"tandem/rtc/directory"
	"tandem/rtc/sip"
	"tandem/telephony/cdr"
	"tandem/telephony/settings"
	"tandem/test/harness"
	"tandem/test/house"
)

// TestForwarding: in each case the call goes on to carol, whose phone is told by
// whom and why.
func TestForwarding(t *testing.T) {
	for _, c := range []struct {
		name   string
		set    func(*settings.User)
		bob    func(bob *harness.Wire) // what bob's phone does; nil: it must not ring
		reason string
		cause  int
	}{
		{"always", func(u *settings.User) { u.Always = "carol" }, nil, "unconditional", 302},
		{"do not disturb", func(u *settings.User) { u.DoNotDisturb, u.Busy = true, "carol" }, nil, "do-not-disturb", 486},
		{"busy", func(u *settings.User) { u.Busy = "carol" }, func(bob *harness.Wire) {
			bob.Reply(bob.Request("INVITE"), 486, "b", "", "")
		}, "user-busy", 486},
		{"declined", func(u *settings.User) { u.Busy = "carol" }, func(bob *harness.Wire) {
			bob.Reply(bob.Request("INVITE"), 603, "b", "", "")
		}, "user-busy", 486},
		{"no answer", func(u *settings.User) { u.NoAnswer, u.RingTime = "carol", settings.MinRing }, func(bob *harness.Wire) {
			m := bob.Request("INVITE")
			bob.Reply(m, 180, "b", "", "")
			bob.Reply(bob.Request("CANCEL"), 200, "b", "", "")
			bob.Reply(m, 487, "b", "", "")
		}, "no-answer", 408},
		{"unreachable", func(u *settings.User) { u.Unreachable = "carol" }, func(bob *harness.Wire) {
			bob.Reply(bob.Request("INVITE"), 503, "b", "", "")
		}, "unavailable", 503},
		{"deflected", func(*settings.User) {}, func(bob *harness.Wire) {
			bob.Reply(bob.Request("INVITE"), 302, "b", "Contact: <sip:carol@"+harness.Domain+">\n", "")
		}, "deflection", 480},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := harness.StartServer(t, harness.Exchange)
			r.User("bob", "carol")
			trunk, bob, carol := r.RawTrunk(t, "pstn", nil), r.Dial(t, "udp"), r.Dial(t, "udp")
			bob.Register("bob")
			carol.Register("carol")
			house.Settings(r, t, "bob", c.set)
			id := trunk.CallIn("+4940999", "bob", "")
			if c.bob != nil {
				c.bob(bob)
			}
			m := carol.Request("INVITE")
			if got, want := harness.Header(m, "Diversion"), "<sip:bob@"+harness.Domain+">;reason="+c.reason+";counter=1;privacy=off"; got != want {
				t.Errorf("Diversion: %s, want %s", got, want)
			}
			want := fmt.Sprintf("<sip:bob@%s?Reason=SIP%%3Bcause%%3D%d>;index=1, <sip:carol@%s>;index=1.1;mp=1", harness.Domain, c.cause, harness.Domain)
			if got := harness.Header(m, "History-Info"); got != want {
				t.Errorf("History-Info: %s, want %s", got, want)
			}
			trunk.Status(181, id)
			carol.Answer(m, 200, "c", 30002)
			carol.Request("ACK")
			ok := trunk.Final(id, "INVITE")
			trunk.Ack(ok, "")
			carol.Bye(m, "c")
			trunk.Reply(trunk.Request("BYE"), 200, "", "", "")
			rec := r.Records(t, 1)[0]
			if rec.State != cdr.Completed || rec.Payer != "sip:bob@"+harness.Domain || len(rec.Story) != 1 || rec.Story[0].What != cdr.Forwarded ||
				rec.Story[0].Who != "sip:bob@"+harness.Domain+" "+c.reason {
				t.Errorf("record %+v", rec)
			}
			if _, err := bob.Next(10*time.Millisecond, func(m *sip.Message) bool { return string(m.MethodName()) == "INVITE" }); err == nil && c.bob == nil {
				t.Error("bob's phone rang")
			}
		})
	}
}

// TestForwardingOutside: bob's calls go to a number, at his expense and by his
// rights, with the caller's number and his own in Diversion.
func TestForwardingOutside(t *testing.T) {
	r := harness.StartServer(t, harness.Exchange)
	r.User("alice", "bob")
	trunk, alice := r.RawTrunk(t, "pstn", nil), r.Dial(t, "udp")
	house.Settings(r, t, "bob", func(u *settings.User) { u.Always = "0301234567" })
	id := alice.Ask("INVITE", "alice", "sip:bob@"+harness.Domain, harness.SDPType, harness.SDPOf(30000, "0 8"))
	m := trunk.Request("INVITE")
	if uri := string(m.RequestURI()); !strings.HasPrefix(uri, "sip:+49301234567@") {
		t.Errorf("the gateway is asked for %s", uri)
	}
	if from, _ := m.From(); !strings.HasPrefix(string(from.URI), "sip:alice@") {
		t.Errorf("from %s", from.URI)
	}
	if d := harness.Header(m, "Diversion"); d != "<sip:bob@"+harness.Domain+">;reason=unconditional;counter=1;privacy=off" {
		t.Errorf("Diversion: %s", d)
	}
	trunk.Reply(m, 486, "t", "", "")
	if code := alice.Final(id, "INVITE").StatusCode(); code != 486 {
		t.Errorf("alice gets %d", code)
	}
	if rec := r.Records(t, 1)[0]; rec.Payer != "sip:bob@"+harness.Domain || rec.Number != "+49301234567" || rec.From != "sip:alice@"+harness.Domain {
		t.Errorf("record %+v", rec)
	}
	// Where bob may not call, nobody gets through him.
	house.Settings(r, t, "bob", func(u *settings.User) { u.Always = "004490055501" })
	id = alice.Ask("INVITE", "alice", "sip:bob@"+harness.Domain, harness.SDPType, harness.SDPOf(30000, "0 8"))
	if code := alice.Final(id, "INVITE").StatusCode(); code != 403 {
		t.Errorf("through bob to a number he may not call: %d", code)
	}
}

// TestForwardingLoop: calls that would go in a circle end, whatever makes them go
// round, before anything is waited for.
func TestForwardingLoop(t *testing.T) {
	r := harness.StartServer(t, harness.Exchange)
	names := []string{"u0", "u1", "u2", "u3", "u4", "u5", "u6", "u7"}
	r.User(append(names, "alice")...)
	alice := r.Dial(t, "udp")
	call := func() int {
		id := alice.Ask("INVITE", "alice", "sip:u0@"+harness.Domain, harness.SDPType, harness.SDPOf(30000, "0 8"))
		return alice.Final(id, "INVITE").StatusCode()
	}
	house.Settings(r, t, "u0", func(u *settings.User) { u.Always = "u1" })
	house.Settings(r, t, "u1", func(u *settings.User) { u.Always = "u0" })
	if code := call(); code != 482 {
		t.Errorf("a circle of two: %d", code)
	}
	for i, name := range names[:7] {
		house.Settings(r, t, name, func(u *settings.User) { u.Always = names[i+1] })
	}
	if code := call(); code != 482 {
		t.Errorf("a long chain: %d", code)
	}
	// A circle that shows only while phones are tried: the caller hears why the
	// first did not answer.
	for i, name := range names[:3] {
		house.Settings(r, t, name, func(u *settings.User) { *u = settings.User{Unreachable: names[(i+1)%3]} })
	}
	if code := call(); code != 482 && code != 480 {
		t.Errorf("a circle of unreachable ones: %d", code)
	}
	r.NothingLeft(t)
}

// TestDoNotDisturb: no phone rings, and the caller is told; the user's own calls
// go out all the same.
func TestDoNotDisturb(t *testing.T) {
	r := harness.StartServer(t, harness.Exchange)
	r.User("alice", "bob")
	alice, bob := r.Dial(t, "udp"), r.Dial(t, "udp")
	bob.Register("bob")
	house.Settings(r, t, "bob", func(u *settings.User) { u.DoNotDisturb = true })
	id := alice.Ask("INVITE", "alice", "sip:bob@"+harness.Domain, harness.SDPType, harness.SDPOf(30000, "0 8"))
	if m := alice.Final(id, "INVITE"); m.StatusCode() != 486 || string(m.ReasonPhrase()) != "Do Not Disturb" {
		t.Errorf("alice gets %d %s", m.StatusCode(), m.ReasonPhrase())
	}
	if _, err := bob.Next(50*time.Millisecond, func(m *sip.Message) bool { return m.IsRequest() }); err == nil {
		t.Error("bob's phone rang")
	}
	house.Settings(r, t, "bob", func(u *settings.User) { u.DoNotDisturb = false })
	alice.Ask("INVITE", "alice", "sip:bob@"+harness.Domain, harness.SDPType, harness.SDPOf(30000, "0 8"))
	bob.Request("INVITE")
}

// Without call waiting a user is busy while a call rings or goes on, led by whomever:
// others hear busy, or go where calls go then. A group passes the user over.
func TestCallWaiting(t *testing.T) {
	r, phones := house.Start(t)
	house.Settings(r, t, "bob", func(u *settings.User) { u.NoWaiting = true })
	alice, bob, carol := phones["alice"], phones["bob"], phones["carol"]
	a := r.Invites(bob, "bob", "sip:alice@"+harness.Domain, 31000)
	first := alice.Request("INVITE")
	refused := func() int {
		return carol.Final(carol.Ask("INVITE", "carol", "sip:bob@"+harness.Domain, harness.SDPType, harness.SDPOf(31010, "0")), "INVITE").StatusCode()
	}
	if code := refused(); code != 486 {
		t.Errorf("while he calls, carol is told %d", code)
	}
	house.Settings(r, t, "bob", func(u *settings.User) { u.Busy = "alice" })
	id := carol.Ask("INVITE", "carol", "sip:bob@"+harness.Domain, harness.SDPType, harness.SDPOf(31010, "0"))
	m := alice.Request("INVITE")
	if !strings.Contains(harness.Header(m, "Diversion"), "user-busy") {
		t.Errorf("alice is told\n%s", m.Bytes())
	}
	alice.Reply(m, 486, "a", "", "")
	if code := carol.Final(id, "INVITE").StatusCode(); code != 486 {
		t.Errorf("carol is told %d", code)
	}
	alice.Reply(first, 486, "f", "", "")
	bob.Final(a.ID, "INVITE")
	r.NothingLeft(t)
	carol.Ask("INVITE", "carol", "sip:bob@"+harness.Domain, harness.SDPType, harness.SDPOf(31010, "0"))
	bob.Request("INVITE")
}

// TestAnonymous: who withholds his identity is shown to nobody, and refused by who
// wants that (RFC 5079).
func TestAnonymous(t *testing.T) {
	r := harness.StartServer(t, func(cfg *config.Config) { harness.Exchange(cfg); cfg.Telephony.AllCalls = true })
	r.User("alice", "bob")
	alice, bob, trunk := r.Dial(t, "udp"), r.Dial(t, "udp"), r.RawTrunk(t, "pstn", nil)
	bob.Register("bob")
	invite := func(lines string) string {
		return alice.Ask("INVITE", "alice", "sip:bob@"+harness.Domain, harness.SDPType+lines, harness.SDPOf(30000, "0 8"))
	}
	hidden := func(m *sip.Message) bool { return !strings.Contains(string(m.Bytes()), "alice@") }
	id := invite("Privacy: id\n")
	m := bob.Request("INVITE")
	if from, _ := m.From(); string(from.URI) != "sip:anonymous@anonymous.invalid" || !hidden(m) {
		t.Errorf("bob is told\n%s", m.Bytes())
	}
	bob.Reply(m, 486, "b", "", "")
	alice.Final(id, "INVITE")
	house.Settings(r, t, "bob", func(u *settings.User) { u.RefuseAnonymous = true })
	for _, lines := range []string{"Privacy: id\n", "Privacy: user;critical\n", "Privacy: header\n"} {
		if code := alice.Final(invite(lines), "INVITE").StatusCode(); code != 433 {
			t.Errorf("%s is answered %d", lines, code)
		}
	}
	if code := trunk.Final(trunk.Ask("INVITE", "anonymous", "sip:bob@"+harness.Domain, harness.SDPType+"P-Asserted-Identity: <sip:+4940999@"+harness.Domain+">\nPrivacy: id\n", harness.SDPOf(30000, "0")), "INVITE").StatusCode(); code != 433 {
		t.Errorf("from a trunk: %d", code)
	}
	// whoever withholds his identity always may show it for once
	house.Settings(r, t, "alice", func(u *settings.User) { u.Withhold = true })
	if code := alice.Final(invite(""), "INVITE").StatusCode(); code != 433 {
		t.Errorf("by her settings: %d", code)
	}
	id = invite("Privacy: none\n")
	bob.Reply(bob.Request("INVITE"), 486, "b", "", "")
	if code := alice.Final(id, "INVITE").StatusCode(); code != 486 {
		t.Errorf("shown for once: %d", code)
	}
	// to a trunk the number goes along, marked as not to be shown (RFC 3325 §9.3)
	id = alice.Ask("INVITE", "alice", "sip:+49301234567@"+harness.Domain, harness.SDPType, harness.SDPOf(30000, "0 8"))
	m = trunk.Request("INVITE")
	if from, _ := m.From(); string(from.URI) != "sip:anonymous@anonymous.invalid" || harness.Header(m, "Privacy") != "id" || !strings.Contains(harness.Header(m, "P-Asserted-Identity"), "alice@") {
		t.Errorf("the trunk is told\n%s", m.Bytes())
	}
	trunk.Reply(m, 486, "t", "", "")
	alice.Final(id, "INVITE")
}

// TestAlso: a number outside rings together with the phone; the first to answer has
// the call, and the other one stops.
func TestAlso(t *testing.T) {
	r := harness.StartServer(t, harness.Exchange)
	r.User("alice", "bob")
	alice, bob, trunk := r.Dial(t, "udp"), r.Dial(t, "udp"), r.RawTrunk(t, "pstn", nil)
	bob.Register("bob")
	house.Settings(r, t, "bob", func(u *settings.User) { u.Also = "01711234567" })
	id := alice.Ask("INVITE", "alice", "sip:bob@"+harness.Domain, harness.SDPType, harness.SDPOf(30000, "0 8"))
	desk, mobile := bob.Request("INVITE"), trunk.Request("INVITE")
	bob.Reply(desk, 180, "b", "", "")
	trunk.Answer(mobile, 200, "m", 30004)
	trunk.Request("ACK")
	cancel := bob.Request("CANCEL")
	if reason := harness.Header(cancel, "Reason"); !strings.Contains(reason, "Call completed elsewhere") {
		t.Errorf("the phone is told %q", reason)
	}
	bob.Reply(cancel, 200, "b", "", "")
	bob.Reply(desk, 487, "b", "", "")
	alice.Ack(alice.Final(id, "INVITE"), "")
	trunk.Bye(mobile, "m")
	alice.Reply(alice.Request("BYE"), 200, "", "", "")
	if rec := r.Records(t, 1)[0]; rec.State != cdr.Completed || rec.Payer != "sip:bob@"+harness.Domain || rec.Trunk != "pstn" {
		t.Errorf("record %+v", rec)
	}
}

// TestAlsoUser: the phones of another user ring together with one's own, by name and by
// number, but not while that user wants no calls.
func TestAlsoUser(t *testing.T) {
	t.Parallel()
	r := harness.StartServer(t, harness.LedCalls)
	r.User("alice", "bob")
	alice, bob := r.Dial(t, "udp"), r.Dial(t, "udp")
	bob.Register("bob")
	carol := phoneOf(t, r, "carol", directory.AddUser{Extension: "103", Aliases: []rtc.AOR{"tel:+4930203"}})
	call := func() string {
		id := alice.DialNumber("alice", "bob")
		bob.Reply(bob.Request("INVITE"), 486, "b", "", "")
		bob.Request("ACK")
		return id
	}
	for _, also := range []string{"carol", "103", "030203"} {
		house.Settings(r, t, "bob", func(u *settings.User) { u.Also = also })
		id := call()
		carol.Reply(carol.Request("INVITE"), 486, "c", "", "")
		carol.Request("ACK")
		alice.Ack(alice.Final(id, "INVITE"), "sip:bob@"+harness.Domain)
	}
	house.Settings(r, t, "carol", func(u *settings.User) { u.DoNotDisturb = true })
	if m := alice.Final(call(), "INVITE"); m.StatusCode() != 486 {
		t.Errorf("carol wants no calls: %d", m.StatusCode())
	}
	house.Silent(t, "carol", carol)
}
