package events

import (
	"strings"
	"testing"

	"tandem/cmd/tandem/config"
	"tandem/test/harness"
)

// Lines that phones of three makers subscribe to a lamp with.
var lampPhones = map[string]string{
	"Snom":    "Accept: application/dialog-info+xml\nSupported: gruu, replaces\nUser-Agent: snomD785/10.1",
	"Polycom": "Accept: application/dialog-info+xml\nAccept-Language: en\nSupported: eventlist\nUser-Agent: PolycomVVX-VVX_410-UA/5.9",
	"Yealink": "Accept: application/dialog-info+xml,multipart/related,application/rlmi+xml\nAllow-Events: talk,hold,conference,refer,check-sync\nUser-Agent: Yealink SIP-T46S 66.84",
}

// A lamp follows a call through ringing, answer, hold and end.
func TestLamp(t *testing.T) {
	t.Parallel() // it waits
	for make, lines := range lampPhones {
		t.Run(make, func(t *testing.T) {
			r := harness.StartServer(t, harness.LedCalls)
			r.User("alice", "bob", "carol")
			a, b, c := r.Dial(t, "tcp"), r.Dial(t, "tcp"), r.Dial(t, "udp")
			a.Register("alice")
			b.Register("bob")
			k, first := r.Watch(c, "carol", "bob", "dialog", lines)
			if text := string(first.Body()); strings.Count(text, "<dialog ") != 1 || !strings.Contains(text, "terminated") || !strings.Contains(text, `version="0"`) {
				t.Errorf("an idle lamp: %s", text)
			}
			caller := r.Invites(a, "alice", harness.BobURI, 41000)
			invite := b.Request("INVITE")
			b.Reply(invite, 180, "ringing", "Contact: "+b.Contact("bob")+"\n", "")
			if text := string(k.Until("<state>early</state>").Body()); !strings.Contains(text, `direction="recipient"`) || !strings.Contains(text, harness.AliceURI) {
				t.Errorf("%s", text)
			}
			callee := &harness.Talker{Wire: b, User: "bob", Port: 41002, Seq: 10}
			callee.Accept(invite)
			b.Request("ACK")
			caller.Connected()
			k.Until("<state>confirmed</state>")
			caller.Say("INVITE", "", caller.SDP("a=sendonly\n"))
			callee.Reoffered()
			caller.Final(caller.ID, "INVITE")
			caller.AckIt("")
			own, now := r.Watch(c, "carol", "alice", "dialog", lines)
			if !strings.Contains(string(now.Body()), "sip.rendering") {
				own.Until("sip.rendering") // alice holds
			}
			caller.Say("BYE", "", "")
			k.Until("<state>terminated</state>")
			own.Until("<state>terminated</state>")
		})
	}
}

func TestPlaceIsTheSameInEveryDomain(t *testing.T) {
	r := harness.StartServer(t, func(cfg *config.Config) {
		harness.LedCalls(cfg)
		cfg.Domains = append(cfg.Domains, "second.test")
	})
	r.User("alice", "bob", "carol")
	a, b, c := r.Dial(t, "tcp"), r.Dial(t, "tcp"), r.Dial(t, "tcp")
	a.Register("alice")
	b.Register("bob")
	lamp, _ := r.Watch(c, "carol", "*57@second.test", "dialog")
	_, callee := r.Call(a, b, "alice", "bob", 41000)
	a.Agrees.Store(true)
	wantCode(t, callee.Asks("REFER", "Refer-To: <sip:*57@"+harness.Domain+">\n", ""), 202)
	b.Agrees.Store(true)
	lamp.Until("confirmed")
}
