package test

import (
	"fmt"
	"strings"
	"testing"

	"tandem/rtc/sip"
	"tandem/telephony/cdr"
)

// TestFiveDevices: a gateway's call rings five devices of a user on three transports,
// each with an offer it can take: a browser DTLS and ICE, a phone on TLS keys in SDP,
// others plain sound. One answers; the others are told that the call was answered
// elsewhere, and one whose answer crosses that is acknowledged and ended.
func TestFiveDevices(t *testing.T) {
	r := startServer(t, exchange)
	r.user("alice")
	trunk := r.rawTrunk(t, "pstn", nil)
	kinds := []string{"wss", "ws", "tls", "udp", "udp"}
	devices := make([]*wire, len(kinds))
	for i, k := range kinds {
		devices[i] = r.dial(t, k)
		devices[i].register("alice")
	}
	id := trunk.callIn("+4940999", "alice", "")
	invites := make([]*sip.Message, len(kinds))
	for i, k := range kinds {
		m := devices[i].request("INVITE")
		invites[i] = m
		body := string(m.Body())
		dtls, keys := strings.Contains(body, "UDP/TLS/RTP/SAVPF") && strings.Contains(body, "a=fingerprint:") && strings.Contains(body, "a=ice-ufrag:"), strings.Contains(body, "a=crypto:")
		wantDTLS, wantKeys := k == "wss" || k == "ws", k == "tls"
		if dtls != wantDTLS || keys != wantKeys {
			t.Errorf("%s is offered\n%s", k, body)
		}
		devices[i].reply(m, 180, fmt.Sprint("d", i), "Contact: "+devices[i].contact("d")+"\n", "")
	}
	trunk.status(180, id)
	devices[3].answer(invites[3], 200, "d3", 30002)
	devices[4].answer(invites[4], 200, "d4", 30006) // it crosses
	devices[3].request("ACK")
	devices[4].request("ACK")
	devices[4].reply(devices[4].request("BYE"), 200, "", "", "")
	for i := range 3 {
		cancel := devices[i].request("CANCEL")
		if reason := header(cancel, "Reason"); reason != `SIP;cause=200;text="Call completed elsewhere"` {
			t.Errorf("%s is told %q", kinds[i], reason)
		}
		devices[i].reply(cancel, 200, fmt.Sprint("d", i), "", "")
		devices[i].reply(invites[i], 487, fmt.Sprint("d", i), "", "")
		devices[i].request("ACK")
	}
	trunk.ack(trunk.final(id, "INVITE"), "")
	devices[3].bye(invites[3], "d3")
	devices[3].final(string(invites[3].CallID()), "BYE")
	trunk.reply(trunk.request("BYE"), 200, "", "", "")
	if rec := r.records(t, 1)[0]; rec.State != cdr.Completed || len(rec.Tried) != 5 || rec.CallIDs[1] != string(invites[3].CallID()) {
		t.Errorf("record %+v", rec)
	}
	r.nothingLeft(t)
}
