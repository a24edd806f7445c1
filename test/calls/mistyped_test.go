package calls

import (
	"strings"
	"testing"

	"tandem/gateways"
	"tandem/gateways/dialect"
	"tandem/telephony/settings"
	"tandem/test/harness"
	"tandem/test/house"
)

// TestMistypedExtension: an extension that nobody has is not found, to call or to transfer
// to; one that a rule refuses is refused.
func TestMistypedExtension(t *testing.T) {
	t.Parallel()
	r, phones := house.Start(t)
	alice, bob := phones["alice"], phones["bob"]
	x, y := r.Call(alice, bob, "alice", "bob", 31000)
	for _, want := range []int{404, 403} {
		if m := x.Asks("REFER", "Refer-To: <sip:199@"+harness.Domain+">\n", ""); m.StatusCode() != want {
			t.Errorf("a transfer to nobody's extension: %d, want %d", m.StatusCode(), want)
		}
		m := phones["carol"].Final(phones["carol"].DialNumber("carol", "199"), "INVITE")
		phones["carol"].Ack(m, "sip:199@"+harness.Domain)
		if m.StatusCode() != want || want == 404 && !strings.Contains(string(m.Bytes()), "nobody here has the number 199") {
			t.Errorf("a call to nobody's extension:\n%s", m.Bytes())
		}
		house.Deny(t, r, "call", "unassigned", "alice")
		house.Deny(t, r, "call", "unassigned", "carol")
	}
	x.HangsUp()
	y.Ok("BYE", "", "")
}

// TestIntercomRingsWhoIsCalled: who is called by intercom answers at once; others who ring
// with him do not, and neither phone lets the caller hear them.
func TestIntercomRingsWhoIsCalled(t *testing.T) {
	t.Parallel()
	r, trunk, phones := house.RingGroup(t, nil)
	for _, also := range []string{"carol", "01711234567"} {
		house.Settings(r, t, "bob", func(u *settings.User) { u.Also = also })
		id := phones["alice"].DialNumber("alice", "*80bob")
		phones["bob"].Reply(phones["bob"].Request("INVITE"), 486, "b", "", "")
		phones["alice"].Ack(phones["alice"].Final(id, "INVITE"), "sip:*80bob@"+harness.Domain)
	}
	house.Silent(t, "carol", phones["carol"])
	house.Silent(t, "the gateway", trunk)
}

// TestTrunkRedirectsToAGroup: a trunk that sends a call on to the number of a ring group
// has its members ring, and calls nobody outside.
func TestTrunkRedirectsToAGroup(t *testing.T) {
	t.Parallel()
	r, first, phones := house.RingGroup(t, nil)
	if err := r.S.Trunks().Change(harness.Soon(t), "pstn", func(t *gateways.Trunk) error { t.Redirects = dialect.RedirectsFollow; return nil }); err != nil {
		t.Fatal(err)
	}
	id := phones["carol"].DialNumber("carol", "0401234567")
	first.Reply(first.Request("INVITE"), 302, "x", "Contact: <sip:+49302000@"+first.Local.String()+">\n", "")
	first.Request("ACK")
	phones["alice"].Reply(phones["alice"].Request("INVITE"), 486, "a", "", "")
	phones["bob"].Reply(phones["bob"].Request("INVITE"), 486, "b", "", "")
	phones["carol"].Ack(phones["carol"].Final(id, "INVITE"), "sip:0401234567@"+harness.Domain)
	house.Silent(t, "the gateway", first)
}
