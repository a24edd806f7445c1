package trunks

import (
	"testing"

	"tandem/rtc/directory"
	"tandem/test/harness"
)

// TestDisabled: the number and the extension of a disabled user do not leave by a trunk;
// others do.
func TestDisabled(t *testing.T) {
	r := harness.StartServer(t, harness.Exchange)
	r.User("alice")
	pstn, alice := r.RawTrunk(t, "pstn", nil), r.Dial(t, "udp")
	bob := directory.AddUser{AOR: "sip:bob@" + harness.Domain, Numbers: []string{"+49301234567"}, Extension: "7654321"}
	if _, err := r.S.Directory().Add(harness.Soon(t), bob); err != nil {
		t.Fatal(err)
	}
	if err := r.S.Directory().Disable(harness.Soon(t), bob.AOR); err != nil {
		t.Fatal(err)
	}
	for _, dialled := range []string{"+49301234567", "7654321"} {
		m := alice.Final(alice.DialNumber("alice", dialled), "INVITE")
		if m.StatusCode() != 480 {
			t.Errorf("%s: %d", dialled, m.StatusCode())
		}
		alice.Ack(m, "sip:"+dialled+"@"+harness.Domain)
	}
	id := alice.DialNumber("alice", "+49301234568")
	pstn.Reply(pstn.Request("INVITE"), 486, "p", "", "")
	if m := alice.Final(id, "INVITE"); m.StatusCode() != 486 {
		t.Errorf("another number: %d", m.StatusCode())
	}
}
