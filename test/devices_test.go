package test

import (
	"fmt"
	"strings"
	"testing"

	"tandem/rtc/sip"
	"tandem/telephony/cdr"
	"tandem/test/harness"
)

// TestFiveDevices: a gateway's call rings five devices of a user on three transports,
// each with an offer it can take: a browser DTLS and ICE, a phone on TLS keys in SDP,
// others plain sound. One answers; the others are told that the call was answered
// elsewhere, and one whose answer crosses that is acknowledged and ended.
func TestFiveDevices(t *testing.T) {
	r := harness.StartServer(t, harness.Exchange)
	r.User("alice")
	trunk := r.RawTrunk(t, "pstn", nil)
	kinds := []string{"wss", "ws", "tls", "udp", "udp"}
	devices := make([]*harness.Wire, len(kinds))
	for i, k := range kinds {
		devices[i] = r.Dial(t, k)
		devices[i].Register("alice")
	}
	id := trunk.CallIn("+4940999", "alice", "")
	invites := make([]*sip.Message, len(kinds))
	for i, k := range kinds {
		m := devices[i].Request("INVITE")
		invites[i] = m
		body := string(m.Body())
		dtls, keys := strings.Contains(body, "UDP/TLS/RTP/SAVPF") && strings.Contains(body, "a=fingerprint:") && strings.Contains(body, "a=ice-ufrag:"), strings.Contains(body, "a=crypto:")
		wantDTLS, wantKeys := k == "wss" || k == "ws", k == "tls"
		if dtls != wantDTLS || keys != wantKeys {
			t.Errorf("%s is offered\n%s", k, body)
		}
		devices[i].Reply(m, 180, fmt.Sprint("d", i), "Contact: "+devices[i].Contact("d")+"\n", "")
	}
	trunk.Status(180, id)
	devices[3].Answer(invites[3], 200, "d3", 30002)
	devices[4].Answer(invites[4], 200, "d4", 30006) // it crosses
	devices[3].Request("ACK")
	devices[4].Request("ACK")
	devices[4].Reply(devices[4].Request("BYE"), 200, "", "", "")
	for i := range 3 {
		cancel := devices[i].Request("CANCEL")
		if reason := harness.Header(cancel, "Reason"); reason != `SIP;cause=200;text="Call completed elsewhere"` {
			t.Errorf("%s is told %q", kinds[i], reason)
		}
		devices[i].Reply(cancel, 200, fmt.Sprint("d", i), "", "")
		devices[i].Reply(invites[i], 487, fmt.Sprint("d", i), "", "")
		devices[i].Request("ACK")
	}
	trunk.Ack(trunk.Final(id, "INVITE"), "")
	devices[3].Bye(invites[3], "d3")
	devices[3].Final(string(invites[3].CallID()), "BYE")
	trunk.Reply(trunk.Request("BYE"), 200, "", "", "")
	if rec := r.Records(t, 1)[0]; rec.State != cdr.Completed || len(rec.Tried) != 5 || rec.CallIDs[1] != string(invites[3].CallID()) {
		t.Errorf("record %+v", rec)
	}
	r.NothingLeft(t)
}
