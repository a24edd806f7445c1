package test

import (
	"strings"
	"testing"

	"tandem/gateways"
	"tandem/gateways/dialect"
	"tandem/rtc/sip"
)

// TestTrunkWithCredentials: a gateway that calls from any address is known by a user's
// credentials, and is then a trunk like any other: its calls are recorded as the trunk's,
// and go to nobody but users here.
func TestTrunkWithCredentials(t *testing.T) {
	r := startServer(t, exchange)
	r.user("gw", "bob")
	r.trunk(t, "roaming", "sip:192.0.2.99", func(t *gateways.Trunk) {
		t.Probe, t.Users = dialect.ProbeOff, []string{"sip:gw@" + domain}
	})
	gateway, bob := r.dial(t, "udp"), r.dial(t, "udp")
	bob.register("bob")
	id := gateway.ask("INVITE", "gw", "sip:bob@"+domain, sdpType+"P-Asserted-Identity: <tel:+491701234567>\n", sdpOf(30004, "0"))
	m := bob.request("INVITE")
	if from, _ := m.From(); !strings.HasPrefix(string(from.URI), "sip:+491701234567@") {
		t.Errorf("the phone is shown %s", from.URI)
	}
	bob.reply(m, 486, "b", "", "")
	bob.request("ACK")
	if m := gateway.final(id, "INVITE"); m.StatusCode() != 486 {
		t.Errorf("the gateway gets %d", m.StatusCode())
	}
	if rec := r.records(t, 1)[0]; rec.Trunk != "roaming" {
		t.Errorf("record %+v", rec)
	}
	id = gateway.ask("INVITE", "gw", "sip:+4930123456@"+domain, sdpType, sdpOf(30004, "0"))
	if m := gateway.final(id, "INVITE"); m.StatusCode() != 404 {
		t.Errorf("a number outside: %d, want 404", m.StatusCode())
	}
}

// TestEncryptionRequired: a trunk that demands SRTP is offered nothing else; one that
// answers without it is hung up, and the caller is not heard in the clear.
func TestEncryptionRequired(t *testing.T) {
	r := startServer(t, exchange)
	r.user("alice")
	secure := r.rawTrunk(t, "secure", func(t *gateways.Trunk) { t.Manner.Media = dialect.MediaRequire })
	alice := r.dial(t, "udp")
	id := alice.dialNumber("alice", "+4930123456")
	m := secure.request("INVITE")
	if body := string(m.Body()); !strings.Contains(body, "RTP/SAVP") || !strings.Contains(body, "a=crypto:") || strings.Contains(body, "RTP/AVP") {
		t.Errorf("it is offered\n%s", body)
	}
	secure.answer(m, 200, "s", 30002) // in the clear
	secure.request("ACK")
	secure.reply(secure.request("BYE"), 200, "", "", "")
	if m := alice.final(id, "INVITE"); m.StatusCode() < 400 || m.Has(sip.HdrContact) && len(m.Body()) > 0 {
		t.Errorf("the caller gets\n%s", m.Bytes())
	}
}
