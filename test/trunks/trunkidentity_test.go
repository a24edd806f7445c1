package trunks

import (
	"strings"
	"testing"

	"tandem/gateways"
	"tandem/gateways/dialect"
	"tandem/rtc/sip"
	"tandem/test/harness"
)

// TestTrunkWithCredentials: a gateway that calls from any address is known by a user's
// credentials, and is then a trunk like any other: its calls are recorded as the trunk's,
// and go to nobody but users here.
func TestTrunkWithCredentials(t *testing.T) {
	r := harness.StartServer(t, harness.Exchange)
	r.User("gw", "bob")
	r.Trunk(t, "roaming", "sip:192.0.2.99", func(t *gateways.Trunk) {
		t.Probe, t.Users = dialect.ProbeOff, []string{"sip:gw@" + harness.Domain}
	})
	gateway, bob := r.Dial(t, "udp"), r.Dial(t, "udp")
	bob.Register("bob")
	id := gateway.Ask("INVITE", "gw", "sip:bob@"+harness.Domain, harness.SDPType+"P-Asserted-Identity: <tel:+491701234567>\n", harness.SDPOf(30004, "0"))
	m := bob.Request("INVITE")
	if from, _ := m.From(); !strings.HasPrefix(string(from.URI), "sip:+491701234567@") {
		t.Errorf("the phone is shown %s", from.URI)
	}
	bob.Reply(m, 486, "b", "", "")
	bob.Request("ACK")
	if m := gateway.Final(id, "INVITE"); m.StatusCode() != 486 {
		t.Errorf("the gateway gets %d", m.StatusCode())
	}
	if rec := r.Records(t, 1)[0]; rec.Trunk != "roaming" {
		t.Errorf("record %+v", rec)
	}
	id = gateway.Ask("INVITE", "gw", "sip:+4930123456@"+harness.Domain, harness.SDPType, harness.SDPOf(30004, "0"))
	if m := gateway.Final(id, "INVITE"); m.StatusCode() != 404 {
		t.Errorf("a number outside: %d, want 404", m.StatusCode())
	}
}

// TestEncryptionRequired: a trunk that demands SRTP is offered nothing else; one that
// answers without it is hung up, and the caller is not heard in the clear.
func TestEncryptionRequired(t *testing.T) {
	r := harness.StartServer(t, harness.Exchange)
	r.User("alice")
	secure := r.RawTrunk(t, "secure", func(t *gateways.Trunk) { t.Manner.Media = dialect.MediaRequire })
	alice := r.Dial(t, "udp")
	id := alice.DialNumber("alice", "+4930123456")
	m := secure.Request("INVITE")
	if body := string(m.Body()); !strings.Contains(body, "RTP/SAVP") || !strings.Contains(body, "a=crypto:") || strings.Contains(body, "RTP/AVP") {
		t.Errorf("it is offered\n%s", body)
	}
	secure.Answer(m, 200, "s", 30002) // in the clear
	secure.Request("ACK")
	secure.Reply(secure.Request("BYE"), 200, "", "", "")
	if m := alice.Final(id, "INVITE"); m.StatusCode() < 400 || m.Has(sip.HdrContact) && len(m.Body()) > 0 {
		t.Errorf("the caller gets\n%s", m.Bytes())
	}
}
