package calls

import (
	"strings"
	"testing"

	"tandem/rtc/sip"
	"tandem/telephony"
	"tandem/telephony/settings"
	"tandem/test/harness"
	"tandem/test/house"
)

// hides reports an error where a message names bob.
func hides(t *testing.T, who string, m *sip.Message) {
	t.Helper()
	if strings.Contains(string(m.Bytes()), "bob@") {
		t.Errorf("%s is told\n%s", who, m.Bytes())
	}
}

func withholds(u *settings.User) { u.Withhold = true }

// TestWithheldConnected: who is shown to nobody is not when he answers a call for
// somebody else, and when he sends one on a trunk is told that he is private, a phone
// nothing.
func TestWithheldConnected(t *testing.T) {
	t.Parallel()
	r, phones := house.Start(t)
	trunk := r.RawTrunk(t, "pstn", nil)
	house.Settings(r, t, "bob", withholds)
	house.Settings(r, t, "carol", func(u *settings.User) { u.Always = "bob" })
	a := r.Invites(phones["alice"], "alice", "sip:carol@"+harness.Domain, 31000)
	r.Answers(phones["bob"], "bob", 31002)
	hides(t, "alice", a.Accepted())
	house.Settings(r, t, "bob", func(u *settings.User) { u.Always = "0301234567" })
	phones["alice"].DialNumber("alice", "bob")
	m := trunk.Request("INVITE")
	if d := harness.Header(m, "Diversion"); !strings.Contains(d, "bob@") || !strings.Contains(d, "privacy=full") {
		t.Errorf("Diversion: %s", d)
	}
	house.Settings(r, t, "carol", func(u *settings.User) { u.Always = "" })
	house.Settings(r, t, "bob", func(u *settings.User) { u.Always = "carol" })
	trunk.CallIn("+4940999", "bob", "")
	m = phones["carol"].Request("INVITE")
	hides(t, "carol", m)
}

// TestWithheldTransfer: who is shown to nobody is not where he is transferred to, nor
// where he transfers somebody to.
func TestWithheldTransfer(t *testing.T) {
	t.Parallel()
	r, phones := house.Start(t)
	house.Settings(r, t, "bob", withholds)
	a, b := r.Call(phones["alice"], phones["bob"], "alice", "bob", 31000)
	a.Asks("REFER", "Refer-To: <sip:carol@"+harness.Domain+">\n", "")
	m := phones["carol"].Request("INVITE")
	hides(t, "carol", m)
	phones["carol"].Reply(m, 486, "c", "", "")
	phones["carol"].Request("ACK")
	house.Notified(a) // the transfer is over
	b.Asks("REFER", "Referred-By: <sip:bob@"+harness.Domain+">\nRefer-To: <sip:carol@"+harness.Domain+">\n", "")
	hides(t, "carol", phones["carol"].Request("INVITE"))
}

// TestWithheldClickToCall: who is shown to nobody is not to whom the server calls for him.
func TestWithheldClickToCall(t *testing.T) {
	t.Parallel()
	r, phones := house.Start(t)
	house.Settings(r, t, "bob", withholds)
	r.Connect(t, "alice", "bob", telephony.Options{})
	hides(t, "alice", phones["alice"].Request("INVITE"))
}
