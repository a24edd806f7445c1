package test

import (
	"strings"
	"testing"
)

// Lines that phones of three makers subscribe to a lamp with.
var lampPhones = map[string]string{
	"Snom":    "Accept: application/dialog-info+xml\nSupported: gruu, replaces\nUser-Agent: snomD785/10.1",
	"Polycom": "Accept: application/dialog-info+xml\nAccept-Language: en\nSupported: eventlist\nUser-Agent: PolycomVVX-VVX_410-UA/5.9",
	"Yealink": "Accept: application/dialog-info+xml,multipart/related,application/rlmi+xml\nAllow-Events: talk,hold,conference,refer,check-sync\nUser-Agent: Yealink SIP-T46S 66.84",
}

// A lamp follows a call through ringing, answer, hold and end.
func TestLamp(t *testing.T) {
	for make, lines := range lampPhones {
		t.Run(make, func(t *testing.T) {
			r := startServer(t, ledCalls)
			r.user("alice", "bob", "carol")
			a, b, c := r.dial(t, "tcp"), r.dial(t, "tcp"), r.dial(t, "udp")
			a.register("alice")
			b.register("bob")
			k, first := r.watch(c, "carol", "bob", "dialog", lines)
			if text := string(first.Body()); strings.Count(text, "<dialog ") != 1 || !strings.Contains(text, "terminated") || !strings.Contains(text, `version="0"`) {
				t.Errorf("an idle lamp: %s", text)
			}
			caller := r.invites(a, "alice", bobURI, 41000)
			invite := b.request("INVITE")
			b.reply(invite, 180, "ringing", "Contact: "+b.contact("bob")+"\n", "")
			if text := string(k.until("<state>early</state>").Body()); !strings.Contains(text, `direction="recipient"`) || !strings.Contains(text, aliceURI) {
				t.Errorf("%s", text)
			}
			callee := &talker{wire: b, user: "bob", port: 41002, seq: 10}
			callee.accept(invite)
			b.request("ACK")
			caller.connected()
			k.until("<state>confirmed</state>")
			caller.say("INVITE", "", caller.sdp("a=sendonly\n"))
			callee.reoffered()
			caller.final(caller.id, "INVITE")
			caller.ackIt("")
			own, now := r.watch(c, "carol", "alice", "dialog", lines)
			if !strings.Contains(string(now.Body()), "sip.rendering") {
				own.until("sip.rendering") // alice holds
			}
			caller.say("BYE", "", "")
			k.until("<state>terminated</state>")
			own.until("<state>terminated</state>")
		})
	}
}
