package calls

import (
	"strings"
	"testing"
	"time"

	"tandem/rtc/sip"
	"tandem/telephony/settings"
	"tandem/test/harness"
	"tandem/test/house"
)

// gruu registers a device of bob, and is the GRUU that it is given, of a kind.
func gruu(w *harness.Wire, kind, instance string) string {
	w.T.Helper()
	m := w.Register("bob", "Supported: gruu", "Contact: "+w.Contact("bob")+`;+sip.instance="<urn:uuid:`+instance+`>"`)
	for _, c := range strings.Split(string(m.Bytes()), "Contact: ") {
		if _, rest, ok := strings.Cut(c, kind+`="`); ok && strings.Contains(c, instance) {
			uri, _, _ := strings.Cut(rest, `"`)
			return uri
		}
	}
	w.T.Fatalf("no GRUU in %s", m.Bytes())
	return ""
}

// TestGRUU: a call to a GRUU rings that device alone (RFC 5627 §3.2), and not for those
// whom the user refuses.
func TestGRUU(t *testing.T) {
	t.Parallel()
	r := harness.StartServer(t, harness.LedCalls)
	r.User("alice", "bob")
	alice, one, two := r.Dial(t, "udp"), r.Dial(t, "udp"), r.Dial(t, "udp")
	alice.Register("alice")
	first := gruu(one, "pub-gruu", "00000000-0000-1000-8000-000000000001")
	gruu(two, "pub-gruu", "00000000-0000-1000-8000-000000000002")
	id := alice.Ask("INVITE", "alice", first, harness.SDPType, harness.SDPOf(30000, "0"))
	one.Reply(one.Request("INVITE"), 486, "b", "", "")
	alice.Ack(alice.Final(id, "INVITE"), first)
	if m, err := two.Next(300*time.Millisecond, func(m *sip.Message) bool { return m.IsRequest() }); err == nil {
		t.Errorf("the other device gets %s", m.MethodName())
	}
	house.Settings(r, t, "bob", func(u *settings.User) { u.RefuseAnonymous = true })
	id = alice.Ask("INVITE", "alice", first, "Privacy: id\n"+harness.SDPType, harness.SDPOf(30000, "0"))
	if m := alice.Final(id, "INVITE"); m.StatusCode() != 433 {
		t.Errorf("an anonymous call: %d", m.StatusCode())
	}
}

// TestGRUUAndSettings: what a user has set holds for calls and transfers to one device of
// his, too, by whichever GRUU; but not when he calls it himself, nor for who takes over a
// call that the device has.
func TestGRUUAndSettings(t *testing.T) {
	t.Parallel()
	const instance = "00000000-0000-1000-8000-000000000001"
	r, phones := house.Start(t)
	alice, carol := phones["alice"], phones["carol"]
	desk, mobile := r.Dial(t, "udp"), r.Dial(t, "udp")
	public := gruu(desk, "pub-gruu", instance)
	ends := func(w *harness.Wire, user, uri, lines string, want int) {
		t.Helper()
		id := w.Ask("INVITE", user, uri, lines+harness.SDPType, harness.SDPOf(30000, "0"))
		if want == 480 { // the device says so
			desk.Reply(desk.Request("INVITE"), 480, "b", "", "")
		}
		m := w.Final(id, "INVITE")
		if w.Ack(m, uri); m.StatusCode() != want {
			t.Errorf("%s calls %s with %q: %d, want %d", user, uri, lines, m.StatusCode(), want)
		}
	}
	const replaces = "Replaces: x@elsewhere;to-tag=1;from-tag=2\n"
	house.Settings(r, t, "bob", func(u *settings.User) { u.DoNotDisturb = true })
	temporary := gruu(desk, "temp-gruu", instance)
	for _, uri := range []string{public, temporary} {
		ends(alice, "alice", uri, "", 486)
		ends(mobile, "bob", uri, "", 480)
		ends(alice, "alice", uri, replaces, 480)
	}
	x, y := r.Call(alice, carol, "alice", "carol", 31000)
	if m := x.Asks("REFER", "Refer-To: <"+public+">\n", ""); m.StatusCode() != 486 {
		t.Errorf("a transfer to the device: %d", m.StatusCode())
	}
	if m := x.Asks("REFER", "Refer-To: <"+public+"?Replaces=x%40elsewhere%3Bto-tag%3D1%3Bfrom-tag%3D2>\n", ""); m.StatusCode() != 202 {
		t.Errorf("an attended transfer to the device: %d", m.StatusCode())
	}
	m := desk.Request("INVITE")
	if !strings.Contains(string(m.Bytes()), "x@elsewhere") {
		t.Errorf("the device does not learn what is replaced:\n%s", m.Bytes())
	}
	desk.Reply(m, 481, "b", "", "")
	x.HangsUp()
	y.Ok("BYE", "", "")

	house.Settings(r, t, "bob", func(u *settings.User) { *u = settings.User{Always: "carol", Unreachable: "carol"} })
	id := alice.Ask("INVITE", "alice", public, harness.SDPType, harness.SDPOf(30000, "0"))
	carol.Reply(carol.Request("INVITE"), 486, "c", "", "")
	alice.Ack(alice.Final(id, "INVITE"), public)
	if _, err := desk.Next(50*time.Millisecond, func(m *sip.Message) bool { return m.IsRequest() && m.Method() == sip.INVITE }); err == nil {
		t.Error("the device rings, though all calls go to carol")
	}
	house.Settings(r, t, "bob", func(u *settings.User) { u.Always = "" })
	gone := strings.Replace(public, instance, "00000000-0000-1000-8000-000000000009", 1)
	id = alice.Ask("INVITE", "alice", gone, harness.SDPType, harness.SDPOf(30000, "0"))
	if m := alice.Final(id, "INVITE"); m.StatusCode() != 480 {
		t.Errorf("a device that is gone: %d", m.StatusCode())
	}
}
